/** The protocol: how a sum is taken without seeing its terms. */

export * from './floors.ts';
export * from './graph.ts';
export type * from './header.ts';
export * from './inspect.ts';
export * from './parameters.ts';
export type * from './plan.ts';
export * from './survivors.ts';
