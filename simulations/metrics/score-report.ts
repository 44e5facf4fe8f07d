/** How good scores are on rows that can be seen one by one; the secure evaluation has only histograms of them. */

import {
  averagePrecision,
  baseRate,
  baseRateLogLoss,
  calibrationInTheLarge,
  expectedCalibrationError,
  lift,
  logLoss,
  meanLoss,
  rocAuc,
  rowsOf,
  tableOfRows,
} from '@chorale/shared/algorithms';

export type ScoreReport = {
  readonly rows: number;
  readonly baseRate: number;
  /** Chance that a random positive scores above a random negative; ties count half. */
  readonly auc: number;
  /** Average precision. */
  readonly prAuc: number;
  /** Nats per row. */
  readonly logLoss: number;
  /** Log loss of the best constant score: what a useful model must stay under. */
  readonly baseRateLogLoss: number;
  /** Mean score over base rate: 1 is right. */
  readonly calibration: number;
  readonly expectedCalibrationError: number;
  /** Positives among the best-scored tenth of rows, over what the base rate gives there. */
  readonly liftAtTenth: number;
  /** Accuracy of always saying what is more frequent: belongs beside every accuracy. */
  readonly majorityAccuracy: number;
};

/** @param labels 1 or 0 */
export function reportScores(scores: ArrayLike<number>, labels: ArrayLike<number>): ScoreReport {
  const table = tableOfRows(scores, labels);
  const rate = baseRate(table);
  return {
    rows: rowsOf(table),
    baseRate: rate,
    auc: rocAuc(table),
    prAuc: averagePrecision(table),
    logLoss: meanLoss(logLoss, scores, labels),
    baseRateLogLoss: baseRateLogLoss(rate),
    calibration: calibrationInTheLarge(table),
    expectedCalibrationError: expectedCalibrationError(table),
    liftAtTenth: lift(table, 0.1),
    majorityAccuracy: Math.max(rate, 1 - rate),
  };
}
