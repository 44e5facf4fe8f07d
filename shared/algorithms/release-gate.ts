/**
 * Whether a trained model may take the champion's place. Everything is judged from figures that secure sums gave, on
 * devices that did not train the candidate; what cannot be known stops a release as surely as what is bad.
 */

import { normalQuantile } from '../privacy/normal.ts';
import { type ReleaseLimits, usualReleaseLimits } from './release-limits.ts';

/** Of one model. NaN where a figure is not known. */
export type ReleaseFigures = {
  readonly auc: number;
  /** Mean score over base rate, after recalibration. */
  readonly calibration: number;
  /** After recalibration. */
  readonly expectedCalibrationError: number;
  /** AUC of each slice of people, by its name. */
  readonly sliceAucs: Readonly<Record<string, number>>;
};

export type ReleaseCase = {
  readonly champion: ReleaseFigures;
  readonly candidate: ReleaseFigures;
  /**
   * The candidate's log loss less the champion's, in nats a row, its mean over devices and the standard error of that. It
   * counts devices, not rows, since one person's rows say nearly the same.
   */
  readonly logLossDifference: { readonly mean: number; readonly standardError: number };
  readonly parameters: Float32Array;
  /** What training the candidate has spent; undefined where nothing was promised. */
  readonly privacy: { readonly epsilonSpent: number; readonly epsilonPromised: number } | undefined;
};

export type ReleaseRule =
  | 'log-loss'
  | 'auc'
  | 'calibration'
  | 'expected-calibration-error'
  | 'slices'
  | 'parameters'
  | 'privacy-budget';

/** One broken rule, with the figures that break it. */
export type ReleaseObjection = { readonly rule: ReleaseRule; readonly reason: string };

export type ReleaseVerdict = { readonly mayRelease: boolean; readonly objections: readonly ReleaseObjection[] };

export function judgeRelease(of: ReleaseCase, limits: ReleaseLimits = usualReleaseLimits): ReleaseVerdict {
  const objections = [
    ...logLossObjections(of, limits),
    ...aucObjections(of, limits),
    ...calibrationObjections(of, limits),
    ...sliceObjections(of, limits),
    ...parameterObjections(of),
    ...privacyObjections(of),
  ];
  return { mayRelease: objections.length === 0, objections };
}

/** A test of non-inferiority: the upper confidence limit of the difference has to stay within the margin. */
function logLossObjections({ logLossDifference }: ReleaseCase, limits: ReleaseLimits): ReleaseObjection[] {
  const { mean, standardError } = logLossDifference;
  const worst = mean + normalQuantile(1 - limits.confidence) * standardError;
  // Without any spread, as of a single device, nothing was shown.
  return unless(standardError > 0 && worst <= limits.logLossMargin, 'log-loss', () => {
    const share = `${round(100 * limits.confidence)} %`;
    return `with ${share} confidence log loss rises by up to ${round(worst)}, more than ${limits.logLossMargin}`;
  });
}

function aucObjections({ champion, candidate }: ReleaseCase, { aucDrop }: ReleaseLimits): ReleaseObjection[] {
  const drop = champion.auc - candidate.auc;
  return unless(isAtMost(drop, aucDrop), 'auc', () => `AUC drops by ${round(drop)}, more than ${aucDrop}`);
}

function calibrationObjections({ candidate }: ReleaseCase, limits: ReleaseLimits): ReleaseObjection[] {
  const { calibration, expectedCalibrationError: error } = candidate;
  const [low, high] = limits.calibration;
  return [
    ...unless(
      isAtMost(low, calibration) && isAtMost(calibration, high),
      'calibration',
      () => `scores are ${round(calibration)} times as many as positives, outside ${low} to ${high}`,
    ),
    ...unless(
      isAtMost(error, limits.expectedCalibrationError),
      'expected-calibration-error',
      () => `calibration errs by ${round(error)}, more than ${limits.expectedCalibrationError}`,
    ),
  ];
}

/** Every slice of the champion has to be there: one that is left out could be the one that got worse. */
function sliceObjections({ champion, candidate }: ReleaseCase, { sliceAucDrop }: ReleaseLimits): ReleaseObjection[] {
  return Object.entries(champion.sliceAucs).flatMap(([name, auc]) => {
    const drop = auc - (candidate.sliceAucs[name] ?? Number.NaN);
    const reason = () => `AUC of ${name} drops by ${round(drop)}, more than ${sliceAucDrop}`;
    return unless(isAtMost(drop, sliceAucDrop), 'slices', reason);
  });
}

function parameterObjections({ parameters }: ReleaseCase): ReleaseObjection[] {
  const isSound = parameters.length > 0 && parameters.every(Number.isFinite);
  return unless(isSound, 'parameters', () => 'a parameter is not a finite number, or there are none');
}

function privacyObjections({ privacy }: ReleaseCase): ReleaseObjection[] {
  if (privacy === undefined) return [];
  const { epsilonSpent, epsilonPromised } = privacy;
  return unless(
    epsilonSpent <= epsilonPromised,
    'privacy-budget',
    () => `training spent ε = ${round(epsilonSpent)}, more than the ${epsilonPromised} that were promised`,
  );
}

function unless(holds: boolean, rule: ReleaseRule, reason: () => string): ReleaseObjection[] {
  return holds ? [] : [{ rule, reason: reason() }];
}

/** A drop of exactly the limit is allowed, though the two figures of which it is the difference are rounded. */
function isAtMost(value: number, limit: number): boolean {
  return value <= limit + 1e-12;
}

function round(value: number): number {
  return Number(value.toPrecision(3));
}
