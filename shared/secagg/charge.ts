/** What a round costs each of its devices in ρ: one law, by which devices charge themselves and a coordinator its task. */

import { chargeOf, type Fraction } from '../privacy/index.ts';
import type { RosterHeader } from './header.ts';
import { assumedCorrupt } from './parameters.ts';
import type { Plan } from './plan.ts';

/**
 * ρ of sending one masked vector, for the noise that honest survivors are sure to add, whatever the round's outcome.
 *
 * @returns undefined in a round without noise, where no ρ bounds anything
 */
export function chargeIn(plan: Plan, header: RosterHeader): Fraction | undefined {
  if (plan.mechanism !== 'distributed') return dearestCharge(plan);
  const honestSurvivors = header.minSurvivors - assumedCorrupt(header.devices, plan.corruptBasisPoints);
  return chargeOf({ sensitivitySquared: plan.sensitivitySquared, honestSurvivors }, header.noiseVariance);
}

/** The most that a round under this plan can cost: its noise is at least z·Δ₂ in all, so ρ ≤ 1/(2z²). */
export function dearestCharge({ mechanism, noiseNumerator, noiseDenominator }: Plan): Fraction | undefined {
  if (mechanism === 'none' || noiseNumerator === 0) return undefined;
  return { numerator: BigInt(noiseDenominator) ** 2n, denominator: 2n * BigInt(noiseNumerator) ** 2n };
}
