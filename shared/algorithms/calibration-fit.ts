/** The straight line through logits under which counted rows are likeliest (J. Platt, 1999; by Newton's method). */

import { sigmoid } from '../models/predict.ts';

/** logit ↦ slope · logit + intercept. */
export type LogitMap = { readonly slope: number; readonly intercept: number };

export type CalibrationTable = {
  /** The middle of each bin. */
  readonly logits: readonly number[];
  readonly negatives: readonly number[];
  readonly positives: readonly number[];
};

const steps = 50;

export function fitIntercept(table: CalibrationTable): LogitMap {
  let intercept = 0;
  for (let step = 0; step < steps; step++) {
    const { g0, h00 } = slopesAt(table, { slope: 1, intercept });
    intercept -= bounded(g0 / Math.max(h00, 1e-12));
  }
  return { slope: 1, intercept };
}

export function fitPlatt(table: CalibrationTable): LogitMap {
  let [slope, intercept] = [1, 0];
  for (let step = 0; step < steps; step++) {
    const { g0, g1, h00, h01, h11 } = slopesAt(table, { slope, intercept });
    // A hair on the diagonal: rows in one bin alone say nothing of a slope.
    const [a, b] = [h00 + 1e-9, h11 + 1e-9];
    const determinant = Math.max(a * b - h01 * h01, 1e-12);
    intercept -= bounded((b * g0 - h01 * g1) / determinant);
    slope -= bounded((a * g1 - h01 * g0) / determinant);
  }
  return { slope, intercept };
}

/** A Newton step that would leap is cut short: far out the loss is nearly flat, and the next step would leap back. */
function bounded(step: number): number {
  return Math.max(-1, Math.min(1, step));
}

/** Derivatives of the log loss by intercept (0) and slope (1). */
function slopesAt({ logits, negatives, positives }: CalibrationTable, { slope, intercept }: LogitMap) {
  const sums = { g0: 0, g1: 0, h00: 0, h01: 0, h11: 0 };
  for (const [bin, logit] of logits.entries()) {
    const rows = negatives[bin]! + positives[bin]!;
    const probability = sigmoid(slope * logit + intercept);
    const [error, curvature] = [rows * probability - positives[bin]!, rows * probability * (1 - probability)];
    sums.g0 += error;
    sums.g1 += error * logit;
    sums.h00 += curvature;
    sums.h01 += curvature * logit;
    sums.h11 += curvature * logit * logit;
  }
  return sums;
}
