/** The integer grid on which a cohort's contributions are added: how fine it is and what it bounds. */

import { ChoraleError } from '../errors.ts';
import { devicesVariance, type NoiseMultiplier } from '../privacy/charge.ts';
import { dimension, type Layout, layoutUnder, type Segment } from './layout.ts';

/** All that a device and its coordinator must agree on to turn vectors into integers and a sum back into numbers. */
export type Encoding<Name extends string> = {
  readonly layout: Layout<Name>;
  /** 1/g: grid steps per unit of weight, a whole number. */
  readonly inverseGrid: number;
  /** Δ₂²: bound on the squared ℓ2 norm of one encoded vector before noise, in grid steps squared. */
  readonly sensitivitySquared: bigint;
  /** Largest norm of one segment, in grid steps: no coordinate is longer before rounding. */
  readonly amplitude: number;
  /** Words in one encoded vector. */
  readonly dimension: number;
};

export type GridRequest =
  | { readonly mechanism: 'none'; readonly maxDevices: number }
  | { readonly mechanism: 'central'; readonly maxDevices: number; readonly noise: NoiseMultiplier }
  | {
      readonly mechanism: 'distributed';
      readonly maxDevices: number;
      readonly noise: NoiseMultiplier;
      /** h in a cohort of `maxDevices`: survivors who are surely honest, over whom the noise is divided. */
      readonly honestSurvivors: number;
    };

/** Steps per unit where devices add no noise: finer than a float32 mantissa resolves in a sum of many devices. */
const finestExponent = 20;

/** Standard deviation of one device's noise on the chosen grid: so wide that rounding is lost in it. */
const leastNoiseStd = 96;

/** Flooring to whole steps changes how segments share the noise, so it may take less than one in so many of a weight. */
const leastFlooredSteps = 16;

/**
 * The grid for a task. With noise it is the coarsest on which a device's part of the noise spans 96 steps, whoever adds
 * it, and weights are what they say; without, the finest power of two up to 2^20 whose sums fit into 32 bits.
 *
 * @throws ChoraleError `invalid-input` where sums over `maxDevices` would not fit on any grid, or only where a weight is lost
 */
export function chooseEncoding<Name extends string>(asked: Layout<Name>, request: GridRequest): Encoding<Name> {
  const layout = layoutUnder(request.mechanism, asked);
  const part = request.mechanism === 'none' ? undefined : partOf(request);
  const encoding = part === undefined ? plainGrid(layout, request) : noisyGrid(layout, part);
  const variance = part === undefined ? 0n : noiseVariance(encoding, part);
  if (!layout.every((segment) => keepsWeight(segment, encoding.inverseGrid)))
    throw new ChoraleError('invalid-input', 'a weight is lost on every grid whose sums fit into 32 bits: raise it');
  if (encoding.amplitude > 0 && sumsFit(encoding, request.maxDevices, variance)) return encoding;
  throw new ChoraleError('invalid-input', 'sums do not fit into 32 bits: lower the weights or the largest cohort');
}

/**
 * The encoding of a plan: the layout comes from the algorithm, the rest from the plan's own numbers.
 *
 * @param layout as it is under the plan's mechanism
 * @param sensitivitySquared the plan's Δ₂²; the tightest usual bound unless given
 * @throws ChoraleError `invalid-input` where Δ₂² is below what the weights make possible, or a segment has no step
 */
export function encodingOn<Name extends string>(
  layout: Layout<Name>,
  inverseGrid: number,
  sensitivitySquared?: bigint,
): Encoding<Name> {
  const norms = layout.map((segment) => segmentSteps(segment, inverseGrid));
  const squaredNorm = norms.reduce((sum, norm) => sum + BigInt(norm) ** 2n, 0n);
  if (norms.some((norm) => norm < 1)) throw new ChoraleError('invalid-input', 'the grid is too coarse for a segment');
  if (sensitivitySquared !== undefined && sensitivitySquared < squaredNorm) {
    throw new ChoraleError('invalid-input', 'the sensitivity is below what the segment weights allow');
  }
  return {
    layout,
    inverseGrid,
    sensitivitySquared: sensitivitySquared ?? sensitivityBound(squaredNorm, dimension(layout)),
    amplitude: Math.max(0, ...norms),
    dimension: dimension(layout),
  };
}

/** W: the segment's clip norm in grid steps. */
export function segmentSteps({ weight = 1 }: { readonly weight?: number }, inverseGrid: number): number {
  return Math.floor(weight * inverseGrid);
}

/**
 * Δ₂² of stochastic rounding that is redrawn until it holds, for vectors of squared norm ≤ C²: at least 1 − e^-½ of
 * the draws keep within it (Kairouz, Liu, Steinke, ICML 2021, Proposition 4.2, with β = e^-½).
 */
export function sensitivityBound(squaredNorm: bigint, dimension: number): bigint {
  const norm = Math.sqrt(Number(squaredNorm));
  const likely = dimension / 4 + norm + Math.sqrt(dimension) / 2;
  const certain = 2 * norm * Math.sqrt(dimension) + dimension;
  return squaredNorm + BigInt(Math.ceil(Math.min(likely, certain)));
}

/** σ_c² = ⌈z²Δ₂²/h⌉: the variance that each device adds so that h of them reach the whole noise. */
export function noiseVariance(
  { sensitivitySquared }: { readonly sensitivitySquared: bigint },
  { noise, honestSurvivors }: { readonly noise: NoiseMultiplier; readonly honestSurvivors: number },
): bigint {
  return devicesVariance(noise, { sensitivitySquared, honestSurvivors });
}

/** Whether no sum over `devices` leaves the signed 32-bit range: n(amplitude + 1) + 12√n·σ_c < 2^31, exactly. */
export function sumsFit(
  { amplitude }: { readonly amplitude: number },
  devices: number,
  noiseVariance: bigint,
): boolean {
  const room = 2n ** 31n - BigInt(devices) * (BigInt(amplitude) + 1n);
  return room > 0n && 144n * BigInt(devices) * noiseVariance < room * room;
}

/** One device's part of the noise. Where the coordinator adds all of it, every device stands for an equal part. */
type NoisePart = { readonly noise: NoiseMultiplier; readonly honestSurvivors: number };

function partOf(request: GridRequest & { readonly mechanism: 'distributed' | 'central' }): NoisePart {
  const honestSurvivors = request.mechanism === 'central' ? request.maxDevices : request.honestSurvivors;
  return { noise: request.noise, honestSurvivors };
}

function plainGrid<Name extends string>(layout: Layout<Name>, { maxDevices }: GridRequest): Encoding<Name> {
  for (let exponent = finestExponent; exponent > 0; exponent--) {
    const amplitude = Math.max(...layout.map((segment) => segmentSteps(segment, 2 ** exponent)));
    if (sumsFit({ amplitude }, maxDevices, 0n)) return encodingOn(layout, 2 ** exponent);
  }
  return encodingOn(layout, 1);
}

/** Whole weights lose nothing to the floor, however few steps they have. */
function keepsWeight(segment: Segment<string>, inverseGrid: number): boolean {
  const leastSteps = Number.isInteger(segment.weight ?? 1) ? 1 : leastFlooredSteps;
  return segmentSteps(segment, inverseGrid) >= leastSteps;
}

/** Δ₂² grows with 1/g, and σ_c with it, so the least 1/g that also keeps every weight is found by halving. */
function noisyGrid<Name extends string>(layout: Layout<Name>, part: NoisePart): Encoding<Name> {
  const isFine = (inverseGrid: number) => {
    const norms = layout.map((segment) => BigInt(segmentSteps(segment, inverseGrid)));
    const squaredNorm = norms.reduce((sum, norm) => sum + norm * norm, 0n);
    const sensitivitySquared = sensitivityBound(squaredNorm, dimension(layout));
    const variance = noiseVariance({ sensitivitySquared }, part);
    const isWide = variance >= BigInt(leastNoiseStd ** 2);
    return isWide && layout.every((segment) => keepsWeight(segment, inverseGrid));
  };
  let [low, high] = [0, 2 ** 31];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (isFine(middle)) high = middle;
    else low = middle;
  }
  return encodingOn(layout, high);
}
