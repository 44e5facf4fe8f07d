/** Labelled rows in one matrix: how central training and evaluation see what devices would keep to themselves. */

import type { LabelledRow } from '@chorale/shared/algorithms';
import type { Batchable } from '@chorale/shared/models';

/** Raw features; `owners` tells whose row each is, by the customer's place in the data set. */
export type Rows = Batchable & { readonly owners: Uint32Array };

/** A trained model. @returns one score per row */
export type Scorer = (rows: Rows) => Float32Array;

/** @param snapshots one list per customer */
export function rowsOf(snapshots: readonly (readonly LabelledRow[])[], width: number): Rows {
  const flat = snapshots.flat();
  const features = new Float32Array(flat.length * width);
  flat.forEach((snapshot, row) => {
    features.set(snapshot.features, row * width);
  });
  return {
    features,
    labels: Float32Array.from(flat, ({ label }) => label),
    rowCount: flat.length,
    owners: Uint32Array.from(snapshots.flatMap((rows, owner) => rows.map(() => owner))),
  };
}
