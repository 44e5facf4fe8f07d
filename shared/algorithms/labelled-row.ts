/** What propensity algorithms learn from: one snapshot of one person, and whether they acted afterwards. */

import { uniformWords } from '../encoding/draws.ts';
import { invariant } from '../errors.ts';
import { type Standardization, standardize } from '../models/standardize.ts';
import type { Batchable } from '../models/trainer.ts';
import type { Random } from '../ports.ts';

export type LabelledRow = {
  /** Raw features, before any standardisation. */
  readonly features: Float32Array;
  /** 1 or 0; a class index for a softmax model. */
  readonly label: number;
};

/** Whether every feature can be computed with; a row where one cannot must not silence the device's other rows. */
export function hasFiniteFeatures({ features }: Pick<LabelledRow, 'features'>): boolean {
  // No sum of finite float32 numbers leaves the range of float64, and none of others comes back to it. Four sums side by side
  // take a fraction of the time of as many questions.
  const blocksEnd = features.length & ~3;
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  for (let i = 0; i < blocksEnd; i += 4) {
    first += features[i]!;
    second += features[i + 1]!;
    third += features[i + 2]!;
    fourth += features[i + 3]!;
  }
  for (let i = blocksEnd; i < features.length; i++) first += features[i]!;
  return Number.isFinite(first + second + third + fourth);
}

/**
 * At most `count` of the rows, each subset equally likely: a device with a long
 * history counts no more than the cap, and its sums stay those of whole rows.
 */
export function sampleRows<Row>(rows: readonly Row[], count: number, random: Random): readonly Row[] {
  if (rows.length <= count) return rows;
  const sample = [...rows];
  const draws = uniformWords(random, count);
  for (let i = 0; i < count; i++) {
    // A 32-bit draw scaled to so few values is biased by less than rows.length / 2^32.
    const other = i + Math.floor((draws[i]! / 2 ** 32) * (sample.length - i));
    [sample[i], sample[other]] = [sample[other]!, sample[i]!];
  }
  return sample.slice(0, count);
}

/**
 * The rows as a model sees them: row-major and standardised.
 *
 * @throws invariant unless every row has `width` features
 */
export function batchOf(
  rows: readonly LabelledRow[],
  width: number,
  standardization: Standardization | undefined,
): Batchable {
  const raw = new Float32Array(rows.length * width);
  const labels = new Float32Array(rows.length);
  for (let row = 0; row < rows.length; row++) {
    const { features, label } = rows[row]!;
    invariant(features.length === width, 'a row has one number per input of the model');
    raw.set(features, row * width);
    labels[row] = label;
  }
  return {
    features: standardization ? standardize(raw, standardization) : raw,
    labels,
    rowCount: rows.length,
  };
}

type Batched = {
  readonly width: number;
  readonly standardization: Standardization | undefined;
  readonly batch: Batchable;
};

/** By the rows they were made of: a laboratory asks the same rows round after round. */
const batches = new WeakMap<readonly LabelledRow[], Batched>();

/**
 * The rows that can be computed with, as a model sees them. Whoever asks again with the same rows, which nobody changes, is
 * given the same batch.
 *
 * @throws invariant as `batchOf`
 */
export function finiteBatchOf(
  rows: readonly LabelledRow[],
  width: number,
  standardization: Standardization | undefined,
): Batchable {
  const known = batches.get(rows);
  if (known?.width === width && isSame(known.standardization, standardization)) return known.batch;
  const batch = batchOf(rows.filter(hasFiniteFeatures), width, standardization);
  batches.set(rows, { width, standardization, batch });
  return batch;
}

function isSame(one: Standardization | undefined, other: Standardization | undefined): boolean {
  if (one === other || one === undefined || other === undefined) return one === other;
  return one.clip === other.clip && areEqual(one.mean, other.mean) && areEqual(one.std, other.std);
}

export function areEqual(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, i) => value === other[i]);
}
