/** The protocol: how a sum is taken without seeing its terms. */

export * from './floors.ts';
export * from './graph.ts';
export * from './header.ts';
export * from './inspect.ts';
export {
  assumedCorrupt,
  chooseParameters,
  mostDevices,
  type ParameterRequest,
  type Parameters,
  toleratedDropouts,
} from './parameters.ts';
export * from './plan.ts';
export * from './survivors.ts';
