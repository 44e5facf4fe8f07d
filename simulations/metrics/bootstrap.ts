/**
 * How far a metric would move with other customers: whole customers are drawn again, because one person's rows overlap
 * in time and say nearly the same (cluster bootstrap; B. Efron, R. Tibshirani 1993, ch. 8 and 13).
 */

import type { SeededRandom } from '@chorale/shared/testing';

export type Scored = {
  readonly scores: Float32Array;
  readonly labels: Float32Array;
  /** Whose row each is. */
  readonly owners: Uint32Array;
};

export type Interval = { readonly low: number; readonly high: number };

export type BootstrapOptions = {
  readonly random: SeededRandom;
  readonly replicates?: number;
  /** Probability that the interval covers. */
  readonly coverage?: number;
};

/** Percentile interval of a metric; replicates where it does not exist (no positive drawn) are left out. */
export function bootstrapInterval(
  scored: Scored,
  metric: (scores: Float32Array, labels: Float32Array) => number,
  { random, replicates = 200, coverage = 0.95 }: BootstrapOptions,
): Interval {
  const rowsOfCustomer = [...groupRows(scored.owners).values()];
  const values = Array.from({ length: replicates }, () => {
    const rows = rowsOfCustomer.flatMap(() => rowsOfCustomer[random.below(rowsOfCustomer.length)]!);
    const pick = (from: Float32Array) => Float32Array.from(rows, (row) => from[row]!);
    return metric(pick(scored.scores), pick(scored.labels));
  });
  const sorted = values.filter(Number.isFinite).sort((a, b) => a - b);
  const tail = (1 - coverage) / 2;
  return { low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
}

function groupRows(owners: Uint32Array): Map<number, number[]> {
  const groups = new Map<number, number[]>();
  owners.forEach((owner, row) => {
    const rows = groups.get(owner);
    if (rows === undefined) groups.set(owner, [row]);
    else rows.push(row);
  });
  return groups;
}

/** Linear between neighbours; NaN of nothing. */
function quantile(sorted: readonly number[], share: number): number {
  const place = share * (sorted.length - 1);
  const [below, above] = [sorted[Math.floor(place)] ?? Number.NaN, sorted[Math.ceil(place)] ?? Number.NaN];
  return below + (above - below) * (place - Math.floor(place));
}
