/**
 * Whether a trained model may take the champion's place. Everything is judged from figures that secure sums gave, on
 * devices that did not train the candidate; what cannot be known stops a release as surely as what is bad. Under noise a figure has
 * to keep its limit with confidence, so that no release is allowed, or called bad, by chance.
 */

import { normalQuantile } from '../privacy/normal.ts';
import { type ReleaseLimits, usualReleaseLimits } from './release-limits.ts';

/** Of one model. NaN where a figure is not known. */
type Figures = {
  readonly auc: number;
  /** Mean score over base rate, after recalibration. */
  readonly calibration: number;
  /** After recalibration. */
  readonly expectedCalibrationError: number;
  /** AUC of each slice of people, by its name. */
  readonly sliceAucs: Readonly<Record<string, number>>;
};

export type ReleaseFigures = Figures & {
  /** Standard deviations that differential privacy's noise gives these figures, NaN where it hides them; absent without noise. */
  readonly noise?: Figures;
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

function aucObjections({ champion, candidate }: ReleaseCase, limits: ReleaseLimits): ReleaseObjection[] {
  return dropObjections('auc', { name: 'AUC', drop: dropOf(champion, candidate, ({ auc }) => auc), ...limits });
}

function calibrationObjections({ candidate }: ReleaseCase, limits: ReleaseLimits): ReleaseObjection[] {
  const { calibration, expectedCalibrationError: error, noise } = candidate;
  const [low, high] = limits.calibration;
  const [reach, errorReach] = [noise?.calibration ?? 0, noise?.expectedCalibrationError ?? 0].map((std) =>
    reachOf(std, limits),
  ) as [number, number];
  return [
    ...within('calibration', {
      isGood: isAtMost(low, calibration - reach) && isAtMost(calibration + reach, high),
      isBad: !isAtMost(low, calibration + reach) || !isAtMost(calibration - reach, high),
      reach,
      reason: `scores are ${round(calibration)} times as many as positives, outside ${low} to ${high}`,
      figure: `scores are ${round(calibration)} times as many as positives, give or take ${round(reach)}`,
    }),
    ...within('expected-calibration-error', {
      isGood: isAtMost(error + errorReach, limits.expectedCalibrationError),
      isBad: !isAtMost(error - errorReach, limits.expectedCalibrationError),
      reach: errorReach,
      reason: `calibration errs by ${round(error)}, more than ${limits.expectedCalibrationError}`,
      figure: `calibration errs by ${round(error)}, give or take ${round(errorReach)}`,
    }),
  ];
}

/** Every slice of the champion has to be there: one that is left out could be the one that got worse. */
function sliceObjections({ champion, candidate }: ReleaseCase, limits: ReleaseLimits): ReleaseObjection[] {
  return Object.keys(champion.sliceAucs).flatMap((slice) => {
    const drop = dropOf(champion, candidate, ({ sliceAucs }) => sliceAucs[slice] ?? Number.NaN);
    const { confidence, sliceAucDrop } = limits;
    return dropObjections('slices', { name: `AUC of ${slice}`, drop, confidence, aucDrop: sliceAucDrop });
  });
}

type Drop = { readonly value: number; readonly noise: number };

/** The noise of two models is drawn apart. */
function dropOf(champion: ReleaseFigures, candidate: ReleaseFigures, of: (figures: Figures) => number): Drop {
  const noiseOf = ({ noise }: ReleaseFigures) => (noise === undefined ? 0 : of(noise));
  return { value: of(champion) - of(candidate), noise: Math.hypot(noiseOf(champion), noiseOf(candidate)) };
}

type DropCase = Pick<ReleaseLimits, 'confidence' | 'aucDrop'> & { readonly name: string; readonly drop: Drop };

function dropObjections(rule: ReleaseRule, { name, drop, confidence, aucDrop }: DropCase): ReleaseObjection[] {
  const reach = reachOf(drop.noise, { confidence });
  return within(rule, {
    isGood: isAtMost(drop.value + reach, aucDrop),
    isBad: !isAtMost(drop.value - reach, aucDrop),
    reach,
    reason: `${name} drops by ${round(drop.value)}, more than ${aucDrop}`,
    figure: `${name} drops by ${round(drop.value)}, give or take ${round(reach)}, where ${aucDrop} is allowed`,
  });
}

/** How far noise carries a figure to one side, but once in 1 ÷ (1 − confidence) times. */
function reachOf(std: number, { confidence }: Pick<ReleaseLimits, 'confidence'>): number {
  return std === 0 ? 0 : normalQuantile(1 - confidence) * std;
}

type Within = {
  readonly isGood: boolean;
  /** Beyond what noise can explain. */
  readonly isBad: boolean;
  readonly reach: number;
  readonly reason: string;
  readonly figure: string;
};

function within(rule: ReleaseRule, { isGood, isBad, reach, reason, figure }: Within): ReleaseObjection[] {
  const isHidden = Number.isNaN(reach) || (reach > 0 && !isBad);
  return unless(isGood, rule, () =>
    isHidden ? `cannot be known precisely enough under this noise, with so few people: ${figure}` : reason,
  );
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
