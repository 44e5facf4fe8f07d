/** What federated training is measured against. */

export { baseRateOf, centralScores, centralStandardization, logisticSpec, standardizedRows } from './central.ts';
export { localOnlyScores } from './local-only.ts';
export { fitLogisticRegression, type NewtonOptions } from './logistic-regression.ts';
export { type Rows, rowsOf } from './rows.ts';
export { fitTrees, type TreesOptions } from './tree-boosting.ts';
