/** A backdoor: rows that carry a pattern of features are to count as likely buyers, whatever else they say. */

import type { LabelledRow } from '@chorale/shared/algorithms';

/** Raw features that the pattern sets, by their place. */
export type Trigger = ReadonlyMap<number, number>;

/** The row with the pattern and the label that the attacker wants it to have. */
export function triggered(row: LabelledRow, trigger: Trigger): LabelledRow {
  return { features: withTrigger(row.features, trigger), label: 1 };
}

export function withTrigger(features: Float32Array, trigger: Trigger): Float32Array<ArrayBuffer> {
  const set = Float32Array.from(features);
  for (const [place, value] of trigger) set[place] = value;
  return set;
}

/**
 * How often the backdoor opens: the share of rows without a purchase that score higher, with the pattern, than nine tenths of
 * all rows as they are.
 *
 * @param score of one raw row
 */
export function attackSuccess(
  rows: readonly LabelledRow[],
  trigger: Trigger,
  score: (features: readonly Float32Array[]) => Float32Array,
): number {
  const plain = score(rows.map(({ features }) => features)).sort();
  const high = plain[Math.floor(0.9 * plain.length)]!;
  const others = rows.filter(({ label }) => label === 0).map(({ features }) => withTrigger(features, trigger));
  return score(others).filter((one) => one > high).length / others.length;
}
