/**
 * The discrete Gaussian: whole numbers x with probability proportional to exp(−x²/(2σ²)), drawn exactly (Canonne, Kamath,
 * Steinke, "The Discrete Gaussian for Differential Privacy", NeurIPS 2020, Algorithms 1–3).
 *
 * No probability is ever rounded: all of them are ratios of whole numbers, compared digit by digit with random bytes. So
 * there is no table to be imprecise in its tail, and no float whose gaps betray what was added to it (Mironov, CCS 2012).
 */

import type { Random } from '../ports.ts';
import { Chance, type ChanceOptions, exactBelow } from './chance.ts';
import type { Fraction } from './fraction.ts';

/** Above it, noise might leave 32 bits; σ is then 2^26 grid steps. */
export const greatestVariance = 2n ** 52n;

/**
 * Draws independent noise of mean 0 for each coordinate of a vector.
 *
 * @param variance σ² in grid steps squared; for 0 every number is 0. The true variance of the distribution is at most
 *   σ², and differs from it by less than 1e-6 once σ² ≥ 1
 * @throws RangeError for a negative variance, or one above 2^52
 */
export function sampleDiscreteGaussian(variance: bigint, length: number, random: Random): Int32Array<ArrayBuffer> {
  return drawDiscreteGaussian({ numerator: variance, denominator: 1n }, length, random);
}

/** The same for a σ² that is any fraction. */
export function drawDiscreteGaussian(
  variance: Fraction,
  length: number,
  random: Random,
  options: ChanceOptions = {},
): Int32Array<ArrayBuffer> {
  const { numerator, denominator } = variance;
  if (numerator < 0n || numerator > greatestVariance * denominator) {
    throw new RangeError('the variance of discrete noise lies between 0 and 2^52');
  }
  const noise = new Int32Array(length);
  if (numerator === 0n) return noise;
  const chance = new Chance(random, options);
  const proposal = proposalFor(variance);
  for (let i = 0; i < length; i++) noise[i] = drawOne(proposal, chance);
  return noise;
}

/** What stays the same from draw to draw, as whole numbers: t, and σ² = a/b. */
type Proposal = {
  readonly scale: number;
  readonly isSmall: boolean;
  /** b·t, a and 2·a·b·t²: the probability to keep y is exp(−(|y|·bt − a)²/(2abt²)). */
  readonly slope: bigint;
  readonly shift: bigint;
  readonly denominator: bigint;
  readonly smallSlope: number;
  readonly smallShift: number;
  readonly smallDenominator: number;
};

function proposalFor({ numerator, denominator }: Fraction): Proposal {
  // Any t ≥ 1 gives the exact distribution, so a rounded root only risks a few more rejections.
  const scale = Math.floor(Math.sqrt(Number(numerator) / Number(denominator))) + 1;
  const slope = denominator * BigInt(scale);
  const bound = 2n * numerator * slope * BigInt(scale);
  return {
    scale,
    isSmall: bound < BigInt(exactBelow),
    slope,
    shift: numerator,
    denominator: bound,
    smallSlope: Number(slope),
    smallShift: Number(numerator),
    smallDenominator: Number(bound),
  };
}

/** Algorithm 3: a discrete Laplace of scale t, kept with the probability that turns its shape into a Gaussian. */
function drawOne(proposal: Proposal, chance: Chance): number {
  for (;;) {
    const candidate = drawDiscreteLaplace(proposal.scale, chance);
    if (isKept(Math.abs(candidate), proposal, chance)) return candidate;
  }
}

/** Whether a coin of bias exp(−(|y| − σ²/t)²/(2σ²)) falls heads. */
function isKept(size: number, proposal: Proposal, chance: Chance): boolean {
  const distance = size * proposal.smallSlope - proposal.smallShift;
  const square = distance * distance;
  // Each step below 2^53 is exact; whatever is not goes the long way and reads the very same bytes.
  if (proposal.isSmall && square < 2 ** 53) return happensExp(square, proposal.smallDenominator, chance);
  const exactDistance = BigInt(size) * proposal.slope - proposal.shift;
  return happensExpExactly({ numerator: exactDistance ** 2n, denominator: proposal.denominator }, chance);
}

/** Algorithm 2: whole numbers y with probability proportional to exp(−|y|/t). */
export function drawDiscreteLaplace(scale: number, chance: Chance): number {
  for (;;) {
    const remainder = chance.below(scale);
    if (!happensExpWithin1(remainder, scale, chance)) continue;
    let size = remainder;
    while (happensExpWithin1(1, 1, chance)) size += scale;
    const isNegative = chance.happens(1, 2);
    // Zero would come twice, as +0 and −0.
    if (!isNegative) return size;
    if (size > 0) return -size;
  }
}

/** Algorithm 1: a coin of bias exp(−γ), γ = numerator/denominator ≥ 0. */
export function happensExp(numerator: number, denominator: number, chance: Chance): boolean {
  let rest = numerator;
  for (; rest > denominator; rest -= denominator) if (!happensExpWithin1(1, 1, chance)) return false;
  return happensExpWithin1(rest, denominator, chance);
}

export function happensExpExactly({ numerator, denominator }: Fraction, chance: Chance): boolean {
  let rest = numerator;
  for (; rest > denominator; rest -= denominator) if (!happensExpWithin1(1, 1, chance)) return false;
  return isOddRun(() => chance.happensExactly({ numerator: rest, denominator }), chance);
}

/** γ ≤ 1. */
function happensExpWithin1(numerator: number, denominator: number, chance: Chance): boolean {
  let run = 1;
  // A coin of bias γ/K is one of 1/K and one of γ: no product of denominators can grow out of range.
  while (chance.happens(1, run) && chance.happens(numerator, denominator)) run++;
  return run % 2 === 1;
}

function isOddRun(happensGamma: () => boolean, chance: Chance): boolean {
  let run = 1;
  while (chance.happens(1, run) && happensGamma()) run++;
  return run % 2 === 1;
}
