/** Door `@chorale/shared/models`: what a model is, its numbers, its scores, and the port that trains it. */

export { shuffledBatches } from './batches.ts';
export { type DenseLayer, denseLayers, initialParameters, parameterCount } from './parameters.ts';
export { predict, sigmoid } from './predict.ts';
export { linearSpec, type ModelSpec, mlpSpec, modelSpec } from './spec.ts';
export {
  type MomentSums,
  type Standardization,
  standardization,
  standardizationOf,
  standardize,
} from './standardize.ts';
export type { Batchable, Trainer, TrainingOptions } from './trainer.ts';
