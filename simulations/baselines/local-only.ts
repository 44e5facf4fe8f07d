/** Everybody for themselves: one model per device, from its own rows alone. What joining a federation has to beat. */

import { predict, type Standardization } from '@chorale/shared/models';
import { baseRateOf, logisticSpec, standardizedRows } from './central.ts';
import { fitLogisticRegression } from './logistic-regression.ts';
import type { Rows } from './rows.ts';

/**
 * What a device could be shipped with is granted to it: the standardisation, and the base rate as a prior worth one
 * observation's curvature. Without them a device that never bought again would be certain that nobody ever does.
 * A device without train rows scores the base rate.
 *
 * @returns one score per test row
 */
export function localOnlyScores(
  train: Rows,
  test: Rows,
  width: number,
  standardization: Standardization,
  ridge = 20,
): Float32Array {
  const spec = logisticSpec(width);
  const own = runsByOwner(standardizedRows(train, standardization), width);
  const baseRate = baseRateOf(train);
  const biasPrior = { mean: Math.log(baseRate / (1 - baseRate)), strength: 1 };
  const scores = new Float32Array(test.rowCount).fill(baseRate);
  for (const [owner, rows] of runsByOwner(standardizedRows(test, standardization), width)) {
    const trainRows = own.get(owner);
    if (trainRows === undefined) continue;
    const parameters = fitLogisticRegression(trainRows, width, { ridge, biasPrior });
    scores.set(predict(spec, parameters, rows.features), rows.start);
  }
  return scores;
}

type OwnRows = Rows & { readonly start: number };

/** Rows stand together by owner: each run becomes a view on them. */
function runsByOwner(rows: Rows, width: number): Map<number, OwnRows> {
  const runs = new Map<number, OwnRows>();
  for (let start = 0; start < rows.rowCount; ) {
    const owner = rows.owners[start]!;
    let end = start;
    while (end < rows.rowCount && rows.owners[end] === owner) end++;
    runs.set(owner, {
      start,
      features: rows.features.subarray(start * width, end * width),
      labels: rows.labels.subarray(start, end),
      rowCount: end - start,
      owners: rows.owners.subarray(start, end),
    });
    start = end;
  }
  return runs;
}
