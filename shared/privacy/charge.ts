/** What a participation costs and how much noise a device adds: exact, because coordinator and devices must agree. */

import { invariant } from '../errors.ts';
import type { Fraction } from './fraction.ts';

/** z as a fraction of two whole numbers. */
export type NoiseMultiplier = { readonly numerator: number; readonly denominator: number };

/** The share of the noise that falls to one device. */
export type NoiseShare = {
  /** Δ₂², in grid steps squared. */
  readonly sensitivitySquared: bigint;
  /** h: survivors who are surely honest; they alone must reach the whole noise. */
  readonly honestSurvivors: number;
};

/** σ_c² = ⌈z²Δ₂²/h⌉: the variance that each device adds, in grid steps squared. */
export function devicesVariance(
  { numerator, denominator }: NoiseMultiplier,
  { sensitivitySquared, honestSurvivors }: NoiseShare,
): bigint {
  const dividend = BigInt(numerator) ** 2n * sensitivitySquared;
  const divisor = BigInt(denominator) ** 2n * BigInt(honestSurvivors);
  return (dividend + divisor - 1n) / divisor;
}

/**
 * ρ = Δ₂²/(2hσ_c²) of one participation, always with h: whoever else adds noise cannot be relied on.
 *
 * @throws invariant without noise, where no ρ is small enough
 */
export function chargeOf({ sensitivitySquared, honestSurvivors }: NoiseShare, devicesVariance: bigint): Fraction {
  invariant(devicesVariance > 0n && honestSurvivors > 0, 'a charge in rho needs noise');
  return { numerator: sensitivitySquared, denominator: 2n * BigInt(honestSurvivors) * devicesVariance };
}

/**
 * What ρ leaves out: a sum of discrete Gaussians is not quite one. The true ρ of a d-dimensional sum over h devices is at
 * most larger by τd/4, τ = 10·Σ_{k=1}^{h−1} e^(−2π²σ_c²·k/(k+1)) (Kairouz, Liu, Steinke, ICML 2021, Proposition 14).
 * From σ_c = 2 on it is below 1e-10 for a million coordinates, so charges leave it out.
 */
export function convolutionExcess(devicesVariance: number, honestSurvivors: number, dimension: number): number {
  let tau = 0;
  for (let k = 1; k < honestSurvivors; k++) tau += 10 * Math.exp(-2 * Math.PI ** 2 * devicesVariance * (k / (k + 1)));
  return (tau * dimension) / 4;
}
