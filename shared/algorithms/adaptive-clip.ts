/**
 * A clip norm that follows a quantile of how long updates are: each device says in one bit whether its own fits under it
 * (Andrew, Thakkar, McMahan, Ramaswamy, NeurIPS 2021, Algorithm 1).
 *
 * The bit is a segment of weight λ beside the update's 1. Both lie under one noise of standard deviation z_Δ and one
 * sensitivity √(1 + λ²), so that z⁻² = z_Δ⁻² + (2σ_b)⁻², the split of the paper's Theorem 1: what was promised stays
 * promised, at √(1 + λ²) times the noise in the update.
 */

import * as z from 'zod/mini';
import type { Segment } from '../encoding/layout.ts';
import { ChoraleError } from '../errors.ts';
import type { Terms } from './algorithm.ts';

const positive = z.number().check(z.positive());

export const adaptiveClip = z
  .strictObject({
    /** Clip norm of the first round. */
    initial: positive,
    /** γ: share of updates that shall fit under the norm. */
    quantile: z._default(z.number().check(z.positive(), z.lt(1)), 0.5),
    /** η_C: with every bit the same, a round moves the norm's logarithm by this times γ or 1 − γ. */
    learningRate: z._default(z.number().check(z.positive(), z.maximum(10)), 0.2),
    /** The norm never leaves these; a thousandth and a thousandfold of the first unless said. */
    min: z.optional(positive),
    max: z.optional(positive),
    /** σ_b: noise in the count of updates that fit. Unless said a twentieth of the cohort, but at least 2z: λ ≤ .26. */
    bitStd: z.optional(positive),
  })
  .check(
    z.refine((options) => {
      const { min, max } = boundsOf(options);
      return min <= options.initial && options.initial <= max;
    }, 'the first clip norm lies not between the least and the greatest'),
  );
export type AdaptiveClip = z.infer<typeof adaptiveClip>;

/** λ, as a broadcast carries it. */
export const bitWeight = positive;

export const movingClip = z.strictObject({ norm: positive, bitWeight });
export type MovingClip = z.infer<typeof movingClip>;

/** A bit counts the same whoever sends it, so updates must too. */
export const uniformIfAdaptive = z.refine<{
  readonly weighting: string;
  readonly clipNorm: unknown;
  readonly bitWeight?: number | undefined;
}>(
  ({ weighting, clipNorm, bitWeight }) =>
    weighting === 'uniform' || (typeof clipNorm === 'number' && bitWeight === undefined),
  "an adaptive clip norm is for devices that count the same: say weighting: 'uniform'",
);

/** @throws ChoraleError `invalid-input` where so little noise in the bit would leave no amount of it for the update */
export function firstClip(options: AdaptiveClip, terms: Terms): MovingClip {
  return { norm: options.initial, bitWeight: bitWeightOf(options, terms) };
}

/** λ = z_Δ/(2σ_b) = ((2σ_b/z)² − 1)^-½; without noise the bit costs nothing, and 1 keeps it whole on any grid. */
function bitWeightOf({ bitStd }: AdaptiveClip, { cohort, noiseMultiplier }: Terms): number {
  if (noiseMultiplier === 0) return 1;
  const ratio = (2 * (bitStd ?? Math.max(cohort / 20, 2 * noiseMultiplier))) / noiseMultiplier;
  if (ratio > 1) return 1 / Math.sqrt(ratio ** 2 - 1);
  throw new ChoraleError('invalid-input', 'config: clipNorm: bitStd: not above half the noise multiplier');
}

export function bitSegment(weight: number): Segment<'clipBit'> {
  return { name: 'clipBit', length: 1, clipNorm: 1, weight, meanOver: 'contributors' };
}

/**
 * One device's bit: 1 if its update fits, −1 if it had to be cut, 0 where there is none.
 *
 * @param factor by which the update was scaled down; 0 for an absent one
 */
export function bitOf(factor: number): Float32Array {
  return Float32Array.of(factor === 0 ? 0 : factor < 1 ? -1 : 1);
}

/** C ← C·exp(−η_C(b − γ)), within bounds. Who gave nothing counts as half fitting, which leaves a median where it is. */
export function nextClip(
  options: AdaptiveClip,
  { norm, bitWeight }: MovingClip,
  { bits, contributors }: { readonly bits: number; readonly contributors: number },
): MovingClip {
  const fitting = (bits / contributors + 1) / 2;
  const { min, max } = boundsOf(options);
  const moved = norm * Math.exp(-options.learningRate * (fitting - options.quantile));
  return { norm: Math.min(max, Math.max(min, moved)), bitWeight };
}

function boundsOf({ initial, min = initial / 1000, max = initial * 1000 }: Omit<AdaptiveClip, 'quantile'>) {
  return { min, max };
}
