/**
 * One step of Gaussian noise on a sum in which one device takes part by chance: with the device the output is
 * P = (1−q)·N(0, z²) + q·N(1, z²), without it Q = N(0, z²), in units of the sensitivity.
 */

import { ChoraleError } from '../errors.ts';

export type SampledGaussian = {
  /** q: the chance to be drawn into a step; 1 for a device that takes part for sure. */
  readonly samplingRate: number;
  /** z: standard deviation of the noise ÷ sensitivity. */
  readonly noiseMultiplier: number;
};

/** The same step, taken again and again. */
export type Process = SampledGaussian & { readonly steps: number };

/** @throws ChoraleError `invalid-input` for numbers that mean nothing */
export function checkProcess({ samplingRate, noiseMultiplier, steps }: Process): void {
  check(samplingRate > 0 && samplingRate <= 1, 'a sampling rate is above 0 and at most 1');
  check(noiseMultiplier >= 0.05 && noiseMultiplier <= 1e6, 'a noise multiplier lies between 0.05 and 1,000,000');
  check(Number.isInteger(steps) && steps >= 1 && steps <= 1e8, 'steps are a whole number from 1 to 100,000,000');
}

/** @throws ChoraleError `invalid-input` unless 0 < δ < 1 */
export function checkDelta(delta: number): void {
  check(delta > 0 && delta < 1, 'a delta lies between 0 and 1');
}

export function check(claim: boolean, rule: string): void {
  if (!claim) throw new ChoraleError('invalid-input', rule);
}

/** The output at which the log likelihood ratio ln P/Q is `loss`; −∞ below ln(1−q), which no output reaches. */
export function outputAt(loss: number, { samplingRate, noiseMultiplier }: SampledGaussian): number {
  return noiseMultiplier ** 2 * unmixed(loss, samplingRate) + 0.5;
}

/** ln P/Q at an output. */
export function lossAt(output: number, { samplingRate, noiseMultiplier }: SampledGaussian): number {
  return logMix((output - 0.5) / noiseMultiplier ** 2, samplingRate);
}

/**
 * ln E_Q[(P/Q)^a] for any real order a, by the trapezoidal rule, whose error shrinks exponentially for such integrands:
 * with four nodes per standard deviation it is below rounding.
 */
export function logMoment(order: number, step: SampledGaussian): number {
  const { samplingRate: q, noiseMultiplier: z } = step;
  if (q === 1) return (order * (order - 1)) / (2 * z * z);
  const spacing = (z * Math.min(1, z)) / 4;
  // Twelve standard deviations around every centre that the mixture's powers can have.
  const first = Math.min(0, order) - 12 * z;
  const count = Math.ceil((Math.max(1, order) + 12 * z - first) / spacing);
  const nodes = Array.from({ length: count + 1 }, (_, i) => {
    const x = first + i * spacing;
    const logWeight = -0.5 * (x / z) ** 2 + Math.log(spacing / (z * Math.sqrt(2 * Math.PI)));
    const unsampled = (x - 0.5) / (z * z);
    return { logWeight, unsampled, power: order * logMix(unsampled, q) };
  });
  const greatest = nodes.reduce((most, { logWeight, power }) => Math.max(most, logWeight + power), -Infinity);
  const total = nodes.reduce((sum, { logWeight, power }) => sum + Math.exp(logWeight + power - greatest), 0);
  const moment = greatest + Math.log(total);
  if (moment > 1) return moment;
  // Near 1 the moment's excess would drown in rounding, so it is summed by itself. E_Q[P/Q] = 1 takes off the linear
  // part, which leaves terms of one sign.
  return Math.log1p(
    nodes.reduce(
      (sum, { logWeight, unsampled, power }) =>
        sum + weightedExpm1(logWeight, power) - order * q * weightedExpm1(logWeight, unsampled),
      0,
    ),
  );
}

/** ln(1 − q + q·e^s), in range for every s. */
function logMix(s: number, q: number): number {
  if (q === 1) return s;
  if (s < 30) return Math.log1p(q * Math.expm1(s));
  return s + Math.log(q) + Math.log1p(((1 - q) / q) * Math.exp(-s));
}

/** The s whose `logMix` this is. */
function unmixed(loss: number, q: number): number {
  if (q === 1) return loss;
  if (loss > 30) return loss - Math.log(q) + Math.log1p((q - 1) * Math.exp(-loss));
  const excess = Math.expm1(loss) / q;
  return excess > -1 ? Math.log1p(excess) : -Infinity;
}

/** e^w·(e^s − 1), where neither factor alone need be in range. */
function weightedExpm1(logWeight: number, s: number): number {
  return Math.abs(s) < 1 ? Math.exp(logWeight) * Math.expm1(s) : Math.exp(logWeight + s) - Math.exp(logWeight);
}
