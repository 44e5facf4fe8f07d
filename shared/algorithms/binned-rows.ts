/** The bins that a device's rows fall into: what trees are grown from, round after round on the same edges. */

import { binOf } from '../models/bins.ts';
import { areEqual, hasFiniteFeatures, type LabelledRow } from './labelled-row.ts';

type Edges = readonly (readonly number[])[];

export type BinnedRows = {
  /** Those that can be computed with. */
  readonly rows: readonly LabelledRow[];
  /** Row after row, one number for each feature. No feature has more than 256 bins. */
  readonly bins: Uint8Array;
};

/** By the rows they were made of: a laboratory asks the same rows round after round. */
const known = new WeakMap<readonly LabelledRow[], BinnedRows & { readonly edges: Edges }>();

/** Whoever asks again with the same rows, which nobody changes, is given the same bins. */
export function binnedRows(examples: readonly LabelledRow[], edges: Edges): BinnedRows {
  const before = known.get(examples);
  if (before !== undefined && areSame(before.edges, edges)) return before;
  const rows = examples.filter(hasFiniteFeatures);
  const bins = new Uint8Array(rows.length * edges.length);
  for (let row = 0; row < rows.length; row++) {
    const { features } = rows[row]!;
    for (let i = 0; i < edges.length; i++) bins[row * edges.length + i] = binOf(edges[i]!, features[i]!);
  }
  const binned = { rows, bins, edges };
  known.set(examples, binned);
  return binned;
}

/** A broadcast that has come over a wire has edges of its own, which are the same. */
function areSame(one: Edges, other: Edges): boolean {
  return one === other || (one.length === other.length && one.every((own, i) => areEqual(own, other[i]!)));
}
