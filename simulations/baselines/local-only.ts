/** Everybody for themselves: one model per device, from its own rows alone. What joining a federation has to beat. */

import { predict, type Standardization } from '@chorale/shared/models';
import { baseRateOf, logisticSpec, standardizedRows } from './central.ts';
import { fitLogisticRegression } from './logistic-regression.ts';
import type { Rows, Scorer } from './rows.ts';

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
  return localOnlyModel(train, width, standardization, ridge)(test);
}

/** As `localOnlyScores`, for several sets of rows: a device's model is trained when it is first asked. */
export function localOnlyModel(train: Rows, width: number, standardization: Standardization, ridge = 20): Scorer {
  const spec = logisticSpec(width);
  const own = runsByOwner(standardizedRows(train, standardization), width);
  const baseRate = baseRateOf(train);
  const biasPrior = { mean: Math.log(baseRate / (1 - baseRate)), strength: 1 };
  const trained = new Map<number, Float32Array>();
  const modelOf = (owner: number): Float32Array | undefined => {
    const rows = own.get(owner);
    if (rows === undefined) return undefined;
    const model = trained.get(owner) ?? fitLogisticRegression(rows, width, { ridge, biasPrior });
    trained.set(owner, model);
    return model;
  };
  return (rows) => {
    const scores = new Float32Array(rows.rowCount).fill(baseRate);
    for (const [owner, { features, start }] of runsByOwner(standardizedRows(rows, standardization), width)) {
      const model = modelOf(owner);
      if (model !== undefined) scores.set(predict(spec, model, features), start);
    }
    return scores;
  };
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
