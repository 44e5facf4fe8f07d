/** Features to zero mean and unit spread, clipped: one outlier must not dominate a device's gradient. */

import * as z from 'zod/mini';

const column = z.array(z.number()).check(z.maxLength(65_536));

export const standardization = z
  .strictObject({
    mean: column,
    /** Standard deviations; 0 marks a feature that never varied where the moments were taken. */
    std: z.array(z.number().check(z.nonnegative())).check(z.maxLength(65_536)),
    /** Largest absolute standardised value. */
    clip: z.number().check(z.positive()),
  })
  .check(z.refine(({ mean, std }) => mean.length === std.length, 'mean and std have one number per feature'));

export type Standardization = z.infer<typeof standardization>;

/**
 * (x − mean) / std, clipped to ±clip. A feature without spread becomes 0: nothing was learned about it.
 *
 * @param features any number of rows, row-major
 * @throws RangeError unless the rows have one number per feature of the standardisation
 */
export function standardize(features: Float32Array, { mean, std, clip }: Standardization): Float32Array<ArrayBuffer> {
  const width = mean.length;
  if (width === 0 || features.length % width !== 0) throw new RangeError('features do not fit the standardisation');
  const standardized = new Float32Array(features.length);
  for (let i = 0; i < features.length; i++) {
    const spread = std[i % width]!;
    const value = spread > 0 ? (features[i]! - mean[i % width]!) / spread : 0;
    standardized[i] = Math.max(-clip, Math.min(clip, value));
  }
  return standardized;
}

/** Sums over rows, as one secure sum delivers them. */
export type MomentSums = {
  readonly count: number;
  readonly sums: ArrayLike<number>;
  readonly sumsOfSquares: ArrayLike<number>;
};

/**
 * Rounding or noise can push a variance of nearly 0 below it, so it is floored there.
 *
 * @throws RangeError unless the count is positive
 */
export function standardizationOf({ count, sums, sumsOfSquares }: MomentSums, clip = 4): Standardization {
  if (!(count > 0)) throw new RangeError('moments of no rows do not exist');
  const mean = Array.from(sums, (sum) => sum / count);
  const std = mean.map((center, i) => Math.sqrt(Math.max(0, sumsOfSquares[i]! / count - center * center)));
  return { mean, std, clip };
}
