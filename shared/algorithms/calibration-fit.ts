/**
 * The straight line through logits under which counted rows are likeliest (J. Platt, 1999; by Newton's method), and how far the
 * noise in the counts moves it. Counts are taken as they come, below 0 too: the sums are linear in them, so noise cancels
 * where cutting it off at 0 would add rows that nobody has.
 */

import { sigmoid } from '../models/predict.ts';

/** logit ↦ slope · logit + intercept. */
export type LogitMap = { readonly slope: number; readonly intercept: number };

export type CalibrationTable = {
  /** The middle of each bin. */
  readonly logits: readonly number[];
  readonly negatives: readonly number[];
  readonly positives: readonly number[];
  /** Variance of the noise in each count; 0 without noise. */
  readonly noiseVariance: number;
};

/** A line, and standard deviations that noise alone gives it, to first order; Infinity where the fit did not settle. */
export type FittedMap = LogitMap & { readonly interceptError: number; readonly slopeError: number };

const steps = 50;
/** Standard deviations that noise does not pass but once in 370 times. */
const surely = 3;
/** The last Newton step of a fit that settled, at most. */
const settled = 1e-6;

export function fitIntercept(table: CalibrationTable): FittedMap {
  let [intercept, last] = [0, Infinity];
  for (let step = 0; step < steps; step++) {
    const { g0, h00 } = slopesAt(table, { slope: 1, intercept });
    last = bounded(g0 / Math.max(h00, 1e-12));
    intercept -= last;
  }
  if (table.noiseVariance === 0) return { slope: 1, intercept, interceptError: 0, slopeError: 0 };
  const { h00, h00Noise, v00 } = slopesAt(table, { slope: 1, intercept });
  const isSettled = Math.abs(last) <= settled && h00 > surely * Math.sqrt(h00Noise);
  return { slope: 1, intercept, interceptError: isSettled ? Math.sqrt(v00) / h00 : Infinity, slopeError: 0 };
}

/**
 * What noise leaves to know of scores as they are: whether they are further off, on the whole, than noise alone makes those that
 * are right (C. R. Rao's score test, 1948), and the error of an intercept from there. A fit that noise carried off to where
 * there is more curvature would claim too small an error of itself.
 */
export function levelEvidence(table: CalibrationTable): { readonly isOff: boolean; readonly error: number } {
  const { g0, h00, h00Noise, v00 } = slopesAt(table, { slope: 1, intercept: 0 });
  const error = h00 > surely * Math.sqrt(h00Noise) ? Math.sqrt(v00) / h00 : Infinity;
  return { isOff: Math.abs(g0) >= surely * Math.sqrt(v00), error };
}

/** The intercept's error is that at the mean logit: at logit 0, where nobody may be, it says little. */
export function fitPlatt(table: CalibrationTable): FittedMap {
  let [slope, intercept, last] = [1, 0, Infinity];
  for (let step = 0; step < steps; step++) {
    const { g0, g1, h00, h01, h11 } = slopesAt(table, { slope, intercept });
    // A hair on the diagonal: rows in one bin alone say nothing of a slope.
    const [a, b] = [h00 + 1e-9, h11 + 1e-9];
    const determinant = Math.max(a * b - h01 * h01, 1e-12);
    const [up, steeper] = [bounded((b * g0 - h01 * g1) / determinant), bounded((a * g1 - h01 * g0) / determinant)];
    intercept -= up;
    slope -= steeper;
    last = Math.max(Math.abs(up), Math.abs(steeper));
  }
  if (table.noiseVariance === 0) return { slope, intercept, interceptError: 0, slopeError: 0 };
  const { h00, h00Noise, h01, h11, v00, v01, v11 } = slopesAt(table, { slope, intercept });
  const mean = h01 / h00;
  const spread = h11 - mean * h01;
  const isSettled = last <= settled && spread > 0 && h00 > surely * Math.sqrt(h00Noise);
  if (!isSettled) return { slope, intercept, interceptError: Infinity, slopeError: Infinity };
  const slopeError = Math.sqrt(v11 - 2 * mean * v01 + mean * mean * v00) / spread;
  return { slope, intercept, interceptError: Math.sqrt(v00) / h00, slopeError };
}

/** A Newton step that would leap is cut short: far out the loss is nearly flat, and the next step would leap back. */
function bounded(step: number): number {
  return Math.max(-1, Math.min(1, step));
}

/**
 * Derivatives of the log loss by intercept (0) and slope (1): first (g), second (h), and what noise gives the first in
 * covariance (v) and the second in variance.
 */
function slopesAt(table: CalibrationTable, { slope, intercept }: LogitMap) {
  const { logits, negatives, positives, noiseVariance } = table;
  const sums = { g0: 0, g1: 0, h00: 0, h01: 0, h11: 0, v00: 0, v01: 0, v11: 0, h00Noise: 0 };
  for (const [bin, logit] of logits.entries()) {
    const rows = negatives[bin]! + positives[bin]!;
    const probability = sigmoid(slope * logit + intercept);
    const weight = probability * (1 - probability);
    const [error, curvature] = [rows * probability - positives[bin]!, rows * weight];
    sums.g0 += error;
    sums.g1 += error * logit;
    sums.h00 += curvature;
    sums.h01 += curvature * logit;
    sums.h11 += curvature * logit * logit;
    // A negative too many counts p, a positive too many p − 1.
    const noise = noiseVariance * (probability ** 2 + (1 - probability) ** 2);
    sums.v00 += noise;
    sums.v01 += noise * logit;
    sums.v11 += noise * logit * logit;
    sums.h00Noise += 2 * noiseVariance * weight * weight;
  }
  return sums;
}
