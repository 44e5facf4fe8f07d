/**
 * Second stage: real grid steps to whole ones, without leaving the ball that the noise is sized for
 * (conditional stochastic rounding; Kairouz, Liu, Steinke, ICML 2021, §4).
 */

import { uniformWords } from './draws.ts';
import type { Stage } from './stage.ts';

/** Chance that all of these fail is below e^-32 for an honest vector. */
export const redraws = 64;

/** Rounds so that Σx² ≤ Δ₂² holds always; what cannot be brought there becomes zero. */
export const quantize: Stage<Float64Array, Int32Array> = (steps, { encoding, rounding, random }) => {
  const fits = (integers: Int32Array) => squaredNorm(integers) <= encoding.sensitivitySquared;
  // Whole steps, as of counts, are the same however they are rounded: no randomness is spent on them.
  const isRandom = rounding === 'stochastic' && !steps.every(Number.isInteger);
  const draws = isRandom ? 1 + redraws : 1;
  for (let draw = 0; draw < draws; draw++) {
    const integers = isRandom ? roundAtRandom(steps, uniformWords(random, steps.length)) : nearest(steps);
    if (fits(integers)) return integers;
  }
  const truncated = Int32Array.from(steps, Math.trunc);
  return fits(truncated) ? truncated : new Int32Array(steps.length);
};

/** Rounds up with the probability of the fractional part (to 2^-32), so that the mean is the number itself. */
function roundAtRandom(steps: Float64Array, draws: Uint32Array): Int32Array {
  const integers = new Int32Array(steps.length);
  for (let i = 0; i < steps.length; i++) {
    const floor = Math.floor(steps[i]!);
    integers[i] = draws[i]! < (steps[i]! - floor) * 2 ** 32 ? floor + 1 : floor;
  }
  return integers;
}

function nearest(steps: Float64Array): Int32Array {
  const integers = new Int32Array(steps.length);
  for (let i = 0; i < steps.length; i++) integers[i] = Math.round(steps[i]!);
  return integers;
}

/** Exact: float64 holds the sum as long as it stays below 2^53, and only then is it trusted. */
export function squaredNorm(integers: Int32Array): bigint {
  const sum = integers.reduce((total, value) => total + value * value, 0);
  if (sum < 2 ** 53) return BigInt(sum);
  return integers.reduce((total, value) => total + BigInt(value) ** 2n, 0n);
}
