/**
 * Whether two arms differ: at a fixed end, adjusted by what was known before, and at any time that somebody looks.
 *
 * CUPED: A. Deng, Y. Xu, R. Kohavi, T. Walker, WSDM 2013. mSPRT with a normal mixture: R. Johari, P. Koomen, L. Pekelis, D. Walsh,
 * Operations Research 70(3), 2022; inverted, it is a confidence sequence that covers at all looks together (asymptotically, as
 * variances are estimated: I. Waudby-Smith et al., Annals of Statistics 2024).
 */

import { normalCdf, normalQuantile } from '../privacy/normal.ts';
import type { ArmMoments } from './experiment-arms.ts';

export type Estimate = { readonly value: number; readonly standardError: number };

export type ExperimentVerdict = {
  /** Treatment less control. */
  readonly difference: Estimate;
  /** The same with what was known before taken off; as `difference` where that says nothing. */
  readonly adjusted: Estimate;
  /** Two-sided, of the adjusted difference; valid at one look that was settled beforehand. */
  readonly pValue: number;
  /** Valid at this look, however many came before. */
  readonly alwaysValidP: number;
  /** Holds the true difference at all looks together with probability 1 − α. */
  readonly sequence: { readonly low: number; readonly high: number };
};

export type VerdictSettings = {
  readonly alpha: number;
  /** Standard deviation of the effects that are looked for, in scaled units: where the sequential test is most powerful. */
  readonly mixture: number;
};

export const usualSettings: VerdictSettings = { alpha: 0.05, mixture: 0.05 };

/** NaN throughout where an arm has fewer than two people. */
export function verdictOf(control: ArmMoments, treatment: ArmMoments, settings: VerdictSettings): ExperimentVerdict {
  const theta = slopeOf([control, treatment]);
  const difference = estimate(control, treatment, 0);
  const adjusted = estimate(control, treatment, theta);
  const z = Math.abs(adjusted.value) / adjusted.standardError;
  return { difference, adjusted, pValue: 2 * normalCdf(-z), ...sequential(adjusted, settings) };
}

/** Over both arms together, so that it cannot hide a difference between them. */
function slopeOf(arms: readonly ArmMoments[]): number {
  const total = (of: (arm: ArmMoments) => number) => arms.reduce((sum, arm) => sum + (arm.count - 1) * of(arm), 0);
  const spread = total(({ varianceX }) => varianceX);
  return spread > 0 ? total(({ covariance }) => covariance) / spread : 0;
}

function estimate(control: ArmMoments, treatment: ArmMoments, theta: number): Estimate {
  const mean = ({ meanY, meanX }: ArmMoments) => meanY - theta * meanX;
  const variance = ({ count, varianceY, varianceX, covariance, noise }: ArmMoments) =>
    Math.max(0, varianceY - 2 * theta * covariance + theta * theta * varianceX) / count + noise * (1 + theta * theta);
  return {
    value: mean(treatment) - mean(control),
    standardError: count2(control, treatment) ? Math.sqrt(variance(control) + variance(treatment)) : Number.NaN,
  };
}

function count2(...arms: readonly ArmMoments[]): boolean {
  return arms.every(({ count }) => count >= 2);
}

function sequential({ value, standardError }: Estimate, { alpha, mixture }: VerdictSettings) {
  const [variance, prior] = [standardError ** 2, mixture ** 2];
  const shrink = Math.log((variance + prior) / variance);
  const logRatio = (value ** 2 * prior) / (2 * variance * (variance + prior)) - shrink / 2;
  const reach = Math.sqrt(((variance * (variance + prior)) / prior) * (2 * Math.log(1 / alpha) + shrink));
  return {
    alwaysValidP: Number.isNaN(logRatio) ? 1 : Math.min(1, Math.exp(-logRatio)),
    sequence: { low: value - reach, high: value + reach },
  };
}

export type DetectableOptions = {
  /** People in the control and in the treatment. */
  readonly people: readonly [control: number, treatment: number];
  /** Of one person's outcome. */
  readonly standardDeviation: number;
  /** Between the outcome and what was known before; 0 unless given. */
  readonly correlation?: number;
  readonly alpha?: number;
  /** Chance to find an effect of that size. */
  readonly power?: number;
};

/** The least difference that a test at one look finds with that power, in the outcome's unit. To be known before it starts. */
export function detectableEffect({
  people: [control, treatment],
  standardDeviation,
  correlation = 0,
  alpha = 0.05,
  power = 0.8,
}: DetectableOptions): number {
  const reach = normalQuantile(alpha / 2) + normalQuantile(1 - power);
  const perPerson = standardDeviation * Math.sqrt(1 - correlation ** 2);
  return reach * perPerson * Math.sqrt(1 / control + 1 / treatment);
}

/** Below this, by `sampleRatioP`, no figure of an experiment means anything. */
export const leastSampleRatioP = 0.001;

/**
 * Chance that so uneven a split comes about by itself, by Pearson's χ²; below .001 something decides who is counted, and no
 * figure of the experiment means anything (A. Fabijan et al., KDD 2019). Noise in the counts adds to their variance, and how many
 * people there are is then fitted by generalised least squares: it is still χ², and an unevenness that the noise may have made is none.
 *
 * @param shares meant for each arm
 * @param noiseVariance of each count
 * @returns 1 where nobody is counted
 */
export function sampleRatioP(counts: readonly number[], shares: readonly number[], noiseVariance = 0): number {
  const people = Math.max(
    0,
    counts.reduce((sum, count) => sum + count, 0),
  );
  if (people === 0) return 1;
  const variances = shares.map((share) => people * share + noiseVariance);
  const over = (of: (share: number, arm: number) => number) =>
    shares.reduce((sum, share, arm) => sum + of(share, arm) / variances[arm]!, 0);
  const fitted = over((share, arm) => share * counts[arm]!) / over((share) => share * share);
  return chiSquaredTail(
    over((share, arm) => (counts[arm]! - fitted * share) ** 2),
    counts.length - 1,
  );
}

/** By the recurrence over degrees of freedom, from erfc for odd ones and e^(−x/2) for even ones (Abramowitz, Stegun 26.4.8). */
function chiSquaredTail(x: number, degrees: number): number {
  let own = degrees % 2 === 1 ? 1 : 2;
  let tail = own === 1 ? 2 * normalCdf(-Math.sqrt(x)) : Math.exp(-x / 2);
  let term = own === 1 ? Math.sqrt((2 * x) / Math.PI) * Math.exp(-x / 2) : (x / 2) * Math.exp(-x / 2);
  for (; own < degrees; own += 2) {
    tail += term;
    term *= x / (own + 2);
  }
  return tail;
}
