/** How much noise a promise needs. */

import { type AccountantName, epsilonBy } from './accountant.ts';
import type { NoiseMultiplier } from './charge.ts';
import { check, checkDelta } from './sampled-gaussian.ts';
import { leastWhere } from './search.ts';

/** What is promised to one device. */
export type Promised = {
  readonly epsilon: number;
  readonly delta: number;
  /** How often the device takes part at most; with a sampling rate, the steps into which it may be drawn. */
  readonly steps: number;
  /** 1 unless given: amplification by sampling holds only against those who do not know who took part. */
  readonly samplingRate?: number;
};

/**
 * The least noise multiplier that keeps the promise, rounded up by less than 1e-9 of itself (pld: 1e-4).
 *
 * @throws ChoraleError `invalid-input` where no multiplier up to 1,000,000 does
 */
export function leastNoiseMultiplier(promised: Promised, accountant: AccountantName = 'zcdp'): number {
  const { epsilon, delta, steps, samplingRate = 1 } = promised;
  check(epsilon > 0 && epsilon <= 1000, 'an epsilon lies above 0 and at most at 1000');
  checkDelta(delta);
  const keeps = (noiseMultiplier: number) =>
    epsilonBy(accountant, { samplingRate, noiseMultiplier, steps }, delta) <= epsilon;
  if (accountant !== 'pld') return leastWhere(keeps, { low: 0.05, high: 1, tolerance: 1e-9 });
  // Slow, so it starts from what Rényi orders prove, which is never much more.
  return leastWhere(keeps, { low: 0.05, high: leastNoiseMultiplier(promised, 'rdp'), tolerance: 1e-4 });
}

/** Steps per unit in which plans count noise multipliers. */
const multiplierDenominator = 10_000;

/** The least fraction of 10,000 that is not below a multiplier. */
export function roundUpMultiplier(noiseMultiplier: number): NoiseMultiplier {
  return { numerator: Math.ceil(noiseMultiplier * multiplierDenominator), denominator: multiplierDenominator };
}
