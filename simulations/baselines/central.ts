/** What a model could learn if everybody gave their rows away: the yardstick for federated training. */

import {
  predict,
  type Standardization,
  standardizationOf,
  standardize,
  type TrainableSpec,
} from '@chorale/shared/models';
import { fitLogisticRegression } from './logistic-regression.ts';
import type { Rows, Scorer } from './rows.ts';

/** Moments over all rows at once, as one secure sum over devices would give them. */
export function centralStandardization({ features, rowCount }: Rows, width: number): Standardization {
  const sums = new Float64Array(width);
  const sumsOfSquares = new Float64Array(width);
  for (let i = 0; i < rowCount * width; i++) {
    const value = features[i]!;
    sums[i % width] = sums[i % width]! + value;
    sumsOfSquares[i % width] = sumsOfSquares[i % width]! + value * value;
  }
  return standardizationOf({ count: rowCount, sums, sumsOfSquares });
}

/** Logistic regression on the train rows. @returns one score per test row */
export function centralScores(train: Rows, test: Rows, width: number): Float32Array {
  return centralModel(train, width)(test);
}

/** Logistic regression on the train rows, to score any others by. */
export function centralModel(train: Rows, width: number): Scorer {
  const standardization = centralStandardization(train, width);
  const parameters = fitLogisticRegression(standardizedRows(train, standardization), width);
  return ({ features }) => predict(logisticSpec(width), parameters, standardize(features, standardization));
}

export function standardizedRows(rows: Rows, standardization: Standardization): Rows {
  return { ...rows, features: standardize(rows.features, standardization) };
}

export function logisticSpec(width: number): TrainableSpec {
  return { family: 'linear', inputs: width, outputs: 1, output: 'sigmoid' };
}

/** Share of positives among the train rows: the score of a model that looks at nothing. */
export function baseRateOf({ labels, rowCount }: Pick<Rows, 'labels' | 'rowCount'>): number {
  return labels.reduce((sum, label) => sum + label, 0) / rowCount;
}
