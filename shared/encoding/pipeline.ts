/** The one place where stages are ordered, and the only one that makes an `EncodedVector`. */

import { invariant } from '../errors.ts';
import type { Random } from '../ports.ts';
import { clip, stepsPerUnit, unscale } from './clip.ts';
import type { EncodedVector } from './encoded-vector.ts';
import type { Encoding } from './grid.ts';
import type { Aggregate, Vectors } from './layout.ts';
import { addNoise } from './noise.ts';
import { quantize } from './quantize.ts';
import type { NoiseSampler, Rounding } from './stage.ts';

export type EncodeOptions = {
  readonly random: Random;
  /** Variance of this device's own noise, in grid steps squared. */
  readonly noiseVariance: bigint;
  /** Draws the noise; the exact discrete Gaussian unless another is lent. */
  readonly sampler?: NoiseSampler;
  readonly rounding?: Rounding;
};

/**
 * A device's vectors as words mod 2^32: clip → quantize → noise. The same random gives the same words.
 *
 * @throws invariant if a vector does not fit its layout
 */
export function encode<Name extends string>(
  vectors: Vectors<Name>,
  encoding: Encoding<Name>,
  { random, noiseVariance, sampler, rounding = 'stochastic' }: EncodeOptions,
): EncodedVector {
  const context = { encoding, rounding, noiseVariance, sampler, random };
  const steps = clip(vectors, context);
  const integers = quantize(steps, context);
  const noised = addNoise(integers, context);
  return new Uint32Array(noised) as EncodedVector;
}

export type SumOf = {
  /** How many devices' vectors are in the sum. */
  readonly contributors: number;
  /** Variance that each of them added, in grid steps squared: σ_c². */
  readonly noiseVariance: bigint;
  /** Variance that the coordinator added to the sum; 0 unless said. */
  readonly centralVariance?: bigint;
};

/** A cohort's sum as words mod 2^32, and what is in it. */
export type CohortSum = SumOf & { readonly sum: Uint32Array };

/**
 * The way back, for a sum: words mod 2^32 → signed grid steps → each segment's own unit.
 *
 * @throws invariant if the sum has not the encoding's dimension
 */
export function decode<Name extends string>(sum: Uint32Array, encoding: Encoding<Name>, of: SumOf): Aggregate<Name> {
  return decodeTogether([{ sum, ...of }], encoding);
}

/**
 * Several cohorts' sums as one. They are added as whole numbers wider than 32 bits, so the outcome is what one large cohort
 * would have given, to the last digit.
 *
 * @throws invariant if a sum has not the encoding's dimension
 */
export function decodeTogether<Name extends string>(
  cohorts: readonly CohortSum[],
  encoding: Encoding<Name>,
): Aggregate<Name> {
  const steps = new Float64Array(encoding.dimension);
  for (const { sum } of cohorts) addSigned(steps, sum);
  const deviation = Math.sqrt(total(cohorts, varianceOf));
  const noiseStd = encoding.layout.map((segment) => [segment.name, deviation / stepsPerUnit(segment, encoding)]);
  return {
    sums: unscale(steps, encoding),
    contributors: total(cohorts, ({ contributors }) => contributors),
    // fromEntries forgets the key type; the keys are the layout's names.
    noiseStd: Object.fromEntries(noiseStd) as Record<Name, number>,
  };
}

function addSigned(steps: Float64Array, words: Uint32Array): void {
  invariant(words.length === steps.length, 'a sum has the dimension of its encoding');
  for (let i = 0; i < words.length; i++) steps[i] = steps[i]! + (words[i]! | 0);
}

/**
 * Whether every coordinate of a sum is within what honest devices can reach, n(amplitude + 1) + 12√n·σ_c in size.
 * A sum that is not was spoiled, or never unmasked: its cohort is discarded.
 */
export function isPlausible(sum: Uint32Array, { amplitude }: { readonly amplitude: number }, of: SumOf): boolean {
  const reach = of.contributors * (amplitude + 1) + 12 * noiseStdOf(of);
  return sum.every((word) => Math.abs(word | 0) <= reach);
}

/** In grid steps. */
function noiseStdOf(of: SumOf): number {
  return Math.sqrt(varianceOf(of));
}

/** In grid steps squared. */
function varianceOf({ contributors, noiseVariance, centralVariance = 0n }: SumOf): number {
  return contributors * Number(noiseVariance) + Number(centralVariance);
}

function total<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}
