/** Door `@chorale/shared/models`: what a model is, its numbers, its scores, and the port that trains it. */

export { shuffledBatches } from './batches.ts';
export { binOf, binOffsets } from './bins.ts';
export { nearestCentroid, squaredDistances } from './centroids.ts';
export { type ConvolutionLayer, convolutionLayers } from './convolution.ts';
export { type DenseLayer, denseLayers } from './dense.ts';
export { type Explanation, explain } from './explain.ts';
export { areParametersOf, initialParameters, parameterCount } from './parameters.ts';
export { predict, sigmoid } from './predict.ts';
export {
  type AdditiveSpec,
  binEdges,
  type CentroidsSpec,
  type ConvolutionalSpec,
  isPropensity,
  isTrainable,
  linearSpec,
  type ModelSpec,
  mlpSpec,
  modelSpec,
  outputCount,
  type TrainableSpec,
  type TreesSpec,
  trainableSpec,
} from './spec.ts';
export {
  type MomentSums,
  type Standardization,
  standardization,
  standardizationOf,
  standardize,
} from './standardize.ts';
export { exportTfjs, type TfjsModel } from './tfjs-export.ts';
export type { Batchable, Trainer, TrainingOptions, Update } from './trainer.ts';
export { exportXgboost, type XgboostModel } from './xgboost-export.ts';
