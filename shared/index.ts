export * from './bytes.ts';
export * from './errors.ts';
export * from './ids.ts';
export * from './machine.ts';
export * from './ports.ts';
export * from './vectors.ts';
