export * from './api.ts';
export * from './fields.ts';
export * from './plan.ts';
export * from './problem.ts';
export * from './routes.ts';
export * from './session.ts';
export * from './signed-texts.ts';
export * from './version.ts';
