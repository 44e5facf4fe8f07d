/** First stage: flatten, clip and scale, from named vectors to real numbers counted in grid steps; and back for sums. */

import { invariant } from '../errors.ts';
import { squaredLength } from '../vectors.ts';
import { type Encoding, segmentSteps } from './grid.ts';
import type { Segment, Vectors } from './layout.ts';
import type { Stage } from './stage.ts';

/**
 * Scales each segment so that its clip norm becomes W grid steps, and a longer segment to exactly that norm.
 *
 * @throws invariant if a vector has not the length that the layout says
 */
export const clip: Stage<Vectors<string>, Float64Array> = (vectors, { encoding }) => {
  const steps = new Float64Array(encoding.dimension);
  let offset = 0;
  for (const segment of encoding.layout) {
    const values = vectors[segment.name]!;
    const scale = stepScale(values, segment, encoding);
    if (scale > 0) for (let i = 0; i < values.length; i++) steps[offset + i] = values[i]! * scale;
    offset += segment.length;
  }
  return steps;
};

/**
 * Grid steps that stand for 1 in the segment's own unit, for a vector that may have to be clipped. At 0 all its steps are 0:
 * that covers NaN and infinities too, which no multiplication would turn into 0.
 *
 * @throws invariant if the vector has not the length that the layout says
 */
export function stepScale(
  values: Float32Array | undefined,
  segment: Segment<string>,
  encoding: Pick<Encoding<string>, 'inverseGrid'>,
  squares: (values: Float32Array) => number = squaredLength,
): number {
  invariant(values?.length === segment.length, `segment ${segment.name} has not the length of its layout`);
  return stepsPerUnit(segment, encoding) * clipFactorAt(squares(values), segment.clipNorm);
}

/** Grid steps that stand for 1 in a segment's own unit, as long as nothing is clipped. */
export function stepsPerUnit(segment: Segment<string>, { inverseGrid }: Pick<Encoding<string>, 'inverseGrid'>): number {
  return segmentSteps(segment, inverseGrid) / segment.clipNorm;
}

/** Cuts a sum of whole grid steps into segments and returns each to its own unit. */
export function unscale<Name extends string>(
  steps: Float64Array,
  encoding: Encoding<Name>,
): Readonly<Record<Name, Float64Array>> {
  let offset = 0;
  const entries = encoding.layout.map((segment) => {
    const part = steps.subarray(offset, offset + segment.length);
    offset += segment.length;
    const unit = stepsPerUnit(segment, encoding);
    return [segment.name, part.map((value) => value / unit)] as const;
  });
  // fromEntries forgets the key type; the keys are the layout's names.
  return Object.fromEntries(entries) as Record<Name, Float64Array>;
}

/**
 * What brings values of this sum of squares within the clip norm: 1 if they are, 0 if any is not finite (leaving would tell
 * that).
 */
export function clipFactorAt(squaredLength: number, clipNorm: number): number {
  const norm = Math.sqrt(squaredLength);
  if (!Number.isFinite(norm)) return 0;
  return norm > clipNorm ? clipNorm / norm : 1;
}
