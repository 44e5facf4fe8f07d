/** Some columns of a row, each brought to [−1, 1] by bounds that are declared: the space in which segments are sought. */

import * as z from 'zod/mini';
import { invariant } from '../errors.ts';
import { type FeatureBounds, featureBounds } from '../features/feature-bounds.ts';

export const scaledColumns = {
  /** Of every feature of a row, in encoded units: declared, or learned from sums before, never from rows. */
  bounds: featureBounds,
  /** Which features count, by their place in a row. */
  columns: z.array(z.int().check(z.nonnegative())).check(z.minLength(1), z.maxLength(64)),
};

export type ScaledColumns = { readonly bounds: FeatureBounds; readonly columns: readonly number[] };

export const columnsFit = z.refine<ScaledColumns>(
  ({ bounds, columns }) =>
    new Set(columns).size === columns.length && columns.every((column) => column < bounds.lower.length),
  'columns: not different features of a row',
);

/**
 * @returns one number in [−1, 1] per column; what lies beyond the bounds is moved to them
 * @throws invariant unless the row has one number per declared feature
 */
export function scaleColumns(
  features: Float32Array,
  { bounds: { lower, upper }, columns }: ScaledColumns,
): Float64Array {
  invariant(features.length === lower.length, 'a row has one number per declared feature');
  return Float64Array.from(columns, (column) => {
    const share = (features[column]! - lower[column]!) / (upper[column]! - lower[column]!);
    return 2 * Math.max(0, Math.min(1, share)) - 1;
  });
}
