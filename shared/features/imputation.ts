/**
 * What stands in for values that cannot be known yet: everybody's median, or the mean of the nearest rows. Both work on
 * encoded rows, before they are standardised, and leave known values as they are.
 */

import * as z from 'zod/mini';
import { ChoraleError } from '../errors.ts';
import { isMissing } from './feature-grid.ts';

/** Per feature the encoded constant that means missing; null where there is none. `missingValues(schema)` gives them. */
type Constants = readonly (number | null)[];

const perFeature = z.array(z.number()).check(z.minLength(1), z.maxLength(1024));

/** What a task asks a device to fill in with; nothing unless it says so. */
export const imputation = z.discriminatedUnion('by', [
  /** Encoded, in the schema's order, as `mediansOf` reads them off a grid that everybody's rows were counted in. */
  z.strictObject({ by: z.literal('medians'), medians: perFeature }),
  z.strictObject({
    by: z.literal('neighbours'),
    count: z.int().check(z.minimum(1), z.maximum(52)),
    /** What counts as a distance of 1 in each feature, such as its standard deviation; 0 leaves the feature out of account. */
    scales: perFeature,
    /** Shared points, such as centres of segments; the device's own earlier rows unless there are some. */
    centres: z.optional(z.array(perFeature).check(z.minLength(1), z.maxLength(64))),
  }),
]);
export type Imputation = z.infer<typeof imputation>;

/**
 * @param earlier the device's own rows of earlier instants: a later one knows what this one must not
 * @throws ChoraleError `invalid-input` unless the imputation is of rows of this width
 */
export function impute(
  features: Float32Array<ArrayBuffer>,
  how: Imputation,
  { missing, earlier }: { readonly missing: Constants; readonly earlier: readonly Float32Array[] },
): Float32Array<ArrayBuffer> {
  const given = how.by === 'medians' ? [how.medians] : [how.scales, ...(how.centres ?? [])];
  if (given.some(({ length }) => length !== features.length))
    throw new ChoraleError('invalid-input', `impute: there are ${features.length} features`);
  if (how.by === 'medians') return imputeMedians(features, missing, how.medians);
  const neighbours = how.centres?.map((centre) => Float32Array.from(centre)) ?? earlier;
  return imputeFromNeighbours(features, neighbours, { missing, scales: how.scales, count: how.count });
}

/**
 * @param medians per feature, as `mediansOf` reads them off a grid; a feature without one keeps its constant
 * @throws RangeError unless there is a median and a constant for every feature
 */
export function imputeMedians(
  features: Float32Array<ArrayBuffer>,
  missing: Constants,
  medians: readonly number[],
): Float32Array<ArrayBuffer> {
  if (medians.length !== features.length || missing.length !== features.length) {
    throw new RangeError('one median and one constant per feature');
  }
  return features.map((value, i) => {
    const median = medians[i]!;
    return isMissing(value, missing[i]!) && Number.isFinite(median) ? median : value;
  });
}

export type NeighbourOptions = {
  readonly missing: Constants;
  /** Per feature what counts as a distance of 1, such as its standard deviation; 0 leaves the feature out of account. */
  readonly scales: ArrayLike<number>;
  /** How many of the nearest rows that know a feature are averaged for it. */
  readonly count: number;
};

/**
 * Fills in from the nearest rows that know what this one does not (Troyanskaya et al., Bioinformatics 17(6), 2001). Rows
 * are compared by the features that both know; where no row helps, the constant stays.
 *
 * @param neighbours the device's own other rows or shared centres; never other people's rows
 * @throws RangeError unless all rows have one number per feature
 */
export function imputeFromNeighbours(
  features: Float32Array<ArrayBuffer>,
  neighbours: readonly Float32Array[],
  { missing, scales, count }: NeighbourOptions,
): Float32Array<ArrayBuffer> {
  const widths = [missing, scales, ...neighbours].map(({ length }) => length);
  if (widths.some((width) => width !== features.length)) throw new RangeError('rows differ in their features');
  const isKnown = (row: Float32Array, i: number) => !isMissing(row[i]!, missing[i]!);
  const nearest = neighbours
    .map((row) => ({ row, distance: distanceBetween(features, row, { scales, isKnown }) }))
    .filter(({ distance }) => Number.isFinite(distance))
    .sort((a, b) => a.distance - b.distance);
  return features.map((value, i) => {
    if (isKnown(features, i)) return value;
    const known = nearest.filter(({ row }) => isKnown(row, i)).slice(0, count);
    return known.length === 0 ? value : known.reduce((sum, { row }) => sum + row[i]!, 0) / known.length;
  });
}

type Comparison = {
  readonly scales: ArrayLike<number>;
  readonly isKnown: (row: Float32Array, feature: number) => boolean;
};

/** Root of the mean squared difference over features that both rows know; NaN if there is none. */
function distanceBetween(a: Float32Array, b: Float32Array, { scales, isKnown }: Comparison): number {
  let [sum, shared] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    if (!(scales[i]! > 0) || !isKnown(a, i) || !isKnown(b, i)) continue;
    sum += ((a[i]! - b[i]!) / scales[i]!) ** 2;
    shared += 1;
  }
  return Math.sqrt(sum / shared);
}
