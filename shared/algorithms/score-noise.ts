/**
 * Figures of scores from noisy counts, and how far noise moves them, to first order. Counts stay as they come, below 0 too: an
 * AUC is linear in either label's, so noise cancels in it, where cutting it off at 0 would add rows to every empty group.
 */

import { consistentCounts } from '../features/consistent-counts.ts';
import { peopledRange } from './noise-tail.ts';
import {
  calibrationRuns,
  expectedCalibrationError,
  positivesOf,
  rocAuc,
  rowsOf,
  type ScoreTable,
} from './score-metrics.ts';

export type NoisyTable = ScoreTable & {
  /** Variances of the noise in each count of a label; 0 without noise. */
  readonly noise: { readonly positives: number; readonly negatives: number };
};

/** A figure, and the standard deviation that noise gives it: NaN both where noise hides it, 0 without noise. */
export type NoisyFigure = { readonly value: number; readonly noise: number };

const unknown: NoisyFigure = { value: Number.NaN, noise: Number.NaN };

/** Standard deviations of the noise that a divisor has to be above 0, for the first order to mean something. */
const surely = 3;

/** A quotient of sums with independent noise of one variance. */
export function noisyQuotient(above: number, below: number, variance: number): NoisyFigure {
  if (variance > 0 && !(below > surely * Math.sqrt(variance))) return unknown;
  const value = above / below;
  return { value, noise: Math.sqrt(variance * (1 + value * value)) / Math.abs(below) };
}

/** Groups kept at either end of those that hold more than noise, of all: people thin out there, and without them an AUC is too low. */
const marginShare = 1 / 16;

/** The groups in which people are, and how many are left out below them; all groups without noise. */
export function peopledPart(table: NoisyTable): { readonly table: NoisyTable; readonly from: number } {
  const { scores, positives, negatives, noise } = table;
  const variance = noise.positives + noise.negatives;
  if (variance === 0) return { table, from: 0 };
  const rows = Array.from(positives, (count, i) => count + negatives[i]!);
  const { from: first, to: end } = peopledRange(rows, Math.sqrt(variance));
  const margin = Math.ceil(marginShare * rows.length);
  const [from, to] = end === 0 ? [0, 0] : [Math.max(0, first - margin), end + margin];
  const cut = (values: Float64Array) => values.slice(from, to);
  return { table: { scores: cut(scores), positives: cut(positives), negatives: cut(negatives), noise }, from };
}

/** For figures that cut people by score: counts whose running sums never fall. */
export function consistentTable({ scores, positives, negatives }: ScoreTable): ScoreTable {
  const mended = (counts: Float64Array) =>
    consistentCounts(
      counts,
      Math.max(
        0,
        counts.reduce((sum, count) => sum + count, 0),
      ),
    );
  return { scores, positives: mended(positives), negatives: mended(negatives) };
}

/** A positive too many moves the AUC by the share of negatives below it less the AUC, over the positives; a negative likewise. */
export function noisyAuc(table: NoisyTable): NoisyFigure {
  const { positives, negatives, noise } = table;
  const [hits, rows] = [positivesOf(table), rowsOf(table)];
  const others = rows - hits;
  const isKnown = (count: number, variance: number) => count > surely * Math.sqrt(variance * positives.length);
  if (!isKnown(hits, noise.positives) || !isKnown(others, noise.negatives)) return unknown;
  const value = rocAuc(table);
  let [below, above, variance] = [0, hits, 0];
  for (let i = 0; i < positives.length; i++) {
    const wins = (below + negatives[i]! / 2) / others;
    const losses = (above - positives[i]! / 2) / hits;
    variance += noise.positives * ((wins - value) / hits) ** 2 + noise.negatives * ((losses - value) / others) ** 2;
    below += negatives[i]!;
    above -= positives[i]!;
  }
  return { value, noise: Math.sqrt(variance) };
}

/**
 * Each run's surplus loses what noise adds to its square. The noise is what it alone would show as an error on average, which
 * is more than a standard deviation: a sum of distances does not cancel.
 */
export function noisyCalibrationError(table: NoisyTable): NoisyFigure {
  const { scores, noise } = table;
  if (noise.positives + noise.negatives === 0) return { value: expectedCalibrationError(table), noise: 0 };
  const total = rowsOf(table);
  if (!(total > surely * Math.sqrt((noise.positives + noise.negatives) * scores.length))) return unknown;
  let [error, feigned] = [0, 0];
  for (const { from, to, surplus } of calibrationRuns(table)) {
    const variance = scores
      .subarray(from, to)
      .reduce((sum, score) => sum + noise.negatives * score ** 2 + noise.positives * (1 - score) ** 2, 0);
    error += Math.sqrt(Math.max(0, surplus ** 2 - variance));
    feigned += Math.sqrt((2 / Math.PI) * variance);
  }
  return { value: error / total, noise: feigned / total };
}
