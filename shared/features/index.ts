/** Door `@chorale/shared/features`: events, and the numbers a model reads from them. */

export { type BehaviorFeature, behavior1 } from './behavior-schema.ts';
export { dayMs, hourMs, localTime } from './calendar.ts';
export {
  type ChoraleEvent,
  choraleEvent,
  type EventProperties,
  type StandardEventName,
  standardEvents,
} from './events.ts';
export { type FeatureBounds, featureBounds } from './feature-bounds.ts';
export {
  cellOf,
  cellStart,
  countRows,
  countsLength,
  type FeatureGrid,
  featureGrid,
  gridOf,
  isMissing,
} from './feature-grid.ts';
export { askedOf, type FoldQuery, foldQuery, isInFold } from './folds.ts';
export { canonicalEvent, ga4Events } from './ga4.ts';
export { binEdgesOf, cellShares, type GridCounts, mediansOf, quantileOf, rowCount } from './grid-counts.ts';
export {
  type Imputation,
  imputation,
  impute,
  imputeFromNeighbours,
  imputeMedians,
  type NeighbourOptions,
} from './imputation.ts';
export { type LabelName, labelAt, labels } from './labels.ts';
export { parseEvent } from './parse.ts';
export { type FeatureHistory, type FeatureProgram, featurePrograms } from './programs.ts';
export { isPurchaseName } from './purchases.ts';
export { encodedBounds, encodeFeatures, type Feature, type FeatureSchema, missingValues } from './schema.ts';
export {
  type ExampleQuery,
  exampleQuery,
  imputedNow,
  type LabelledSnapshot,
  labelledSnapshots,
  mostSnapshots,
} from './snapshots.ts';
export { type TransactionFeature, transactions1 } from './transactions.ts';
