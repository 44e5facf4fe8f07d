/** Door `@chorale/shared/algorithms`: what can be learned from sums. */

export type { AdaptiveClip } from './adaptive-clip.ts';
export {
  type AdditiveBoostingBroadcast,
  type AdditiveBoostingConfig,
  type AdditiveBoostingState,
  additiveBoosting,
} from './additive-boosting.ts';
export {
  type AnyAlgorithm,
  type ClientTools,
  defineAlgorithm,
  type FederatedAlgorithm,
  type LearnedModel,
  type Summary,
  type Terms,
  toJson,
} from './algorithm.ts';
export {
  type CalibrationBroadcast,
  type CalibrationConfig,
  type CalibrationState,
  calibratedModel,
  calibration,
  calibrationOf,
} from './calibration.ts';
export {
  type ComparisonBroadcast,
  type ComparisonConfig,
  type ComparisonState,
  comparison,
  type PairedDifference,
  pairedDifferenceOf,
  releaseCaseOf,
} from './comparison.ts';
export {
  clusterAt,
  type DensityBroadcast,
  type DensityConfig,
  type DensityMap,
  type DensityState,
  density,
  densityMap,
  densityMapOf,
} from './density.ts';
export {
  columnCentersOf,
  type DeviceMomentsBroadcast,
  type DeviceMomentsConfig,
  type DeviceMomentsState,
  deviceMoments,
  type Preparation,
  preparationOf,
} from './device-moments.ts';
export { drawnArm, drawnPlace, type PlaceOf } from './drawn-place.ts';
export {
  alarmsOf,
  type DriftAlarms,
  type DriftBroadcast,
  type DriftConfig,
  type DriftPeriod,
  type DriftState,
  drift,
  driftReference,
} from './drift.ts';
export {
  type EvaluationBroadcast,
  type EvaluationConfig,
  type EvaluationState,
  evaluation,
  evaluationFigures,
} from './evaluation.ts';
export {
  type ExperimentBroadcast,
  type ExperimentConfig,
  type ExperimentRow,
  type ExperimentState,
  experiment,
  sampleRatioOf,
  verdictsOf,
} from './experiment.ts';
export {
  type DetectableOptions,
  detectableEffect,
  type Estimate,
  type ExperimentVerdict,
  leastSampleRatioP,
  sampleRatioP,
} from './experiment-verdict.ts';
export { type FedAvgBroadcast, type FedAvgConfig, type FedAvgState, fedAvg } from './fed-avg.ts';
export { floatVector } from './float-vector.ts';
export {
  type HeavyHittersBroadcast,
  type HeavyHittersConfig,
  type HeavyHittersState,
  heavyHitters,
  type TextRow,
} from './heavy-hitters.ts';
export {
  gridCountsOf,
  type HistogramBroadcast,
  type HistogramConfig,
  type HistogramState,
  histogram,
} from './histogram.ts';
export { centersOf, type KMeansBroadcast, type KMeansConfig, type KMeansState, kMeans } from './k-means.ts';
export { batchOf, type LabelledRow, sampleRows } from './labelled-row.ts';
export {
  type FeatureRow,
  type MomentsBroadcast,
  type MomentsConfig,
  type MomentsState,
  moments,
  standardizationOfMoments,
} from './moments.ts';
export { type QuantilesConfig, type QuantilesState, quantiles } from './quantiles.ts';
export {
  type RandomTreesBroadcast,
  type RandomTreesConfig,
  type RandomTreesState,
  randomTrees,
} from './random-trees.ts';
export { builtIn, type Registry, registryOf } from './registry.ts';
export {
  judgeRelease,
  type ReleaseCase,
  type ReleaseFigures,
  type ReleaseObjection,
  type ReleaseRule,
  type ReleaseVerdict,
} from './release-gate.ts';
export { type ReleaseLimits, releaseLimits, usualReleaseLimits } from './release-limits.ts';
export {
  accuracy,
  averagePrecision,
  baseRate,
  baseRateLogLoss,
  bestF1,
  brierLoss,
  calibrationInTheLarge,
  expectedCalibrationError,
  lift,
  logLoss,
  majorityAccuracy,
  meanLoss,
  positivesOf,
  rocAuc,
  rowsOf,
  type ScoreTable,
  tableOfRows,
} from './score-metrics.ts';
export type { ServerOptimizer } from './server-optimizer.ts';
export {
  type TreeBoostingBroadcast,
  type TreeBoostingConfig,
  type TreeBoostingState,
  treeBoosting,
} from './tree-boosting.ts';
export { bestSplit, leafValue, type NodeSums, type Split, type SplitRules } from './tree-split.ts';
