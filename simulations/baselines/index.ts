/** What federated training is measured against. */

export {
  baseRateOf,
  centralModel,
  centralScores,
  centralStandardization,
  logisticSpec,
  standardizedRows,
} from './central.ts';
export { localOnlyModel, localOnlyScores } from './local-only.ts';
export { fitLogisticRegression, type NewtonOptions } from './logistic-regression.ts';
export { type Rows, rowsOf, type Scorer } from './rows.ts';
export { fitTrees, type TreesOptions } from './tree-boosting.ts';
