/**
 * A fixed grid over every feature. One secure sum of its counts serves histograms, quantiles and bins alike, and nothing of
 * the grid itself is learned from data.
 */

import * as z from 'zod/mini';
import { invariant } from '../errors.ts';
import { featureBounds } from './feature-bounds.ts';
import { encodedBounds, type FeatureSchema, missingValues } from './schema.ts';

/** What devices can reasonably mask and send: 4 bytes each. */
const mostCounts = 524_288;

export const featureGrid = z
  .strictObject({
    bounds: featureBounds,
    /** Per feature the encoded value that stands for "not known"; null where there is none. */
    missing: z.optional(z.array(z.nullable(z.number()))),
    /** Equally wide, between the bounds of each feature. */
    cells: z._default(z.int().check(z.minimum(2), z.maximum(65_536)), 256),
  })
  .check(
    z.refine(({ bounds, missing }) => !missing || missing.length === bounds.lower.length, 'missing: one per feature'),
    z.refine((grid) => countsLength(grid) <= mostCounts, 'too many cells in all: ask for fewer per feature'),
  );
export type FeatureGrid = z.infer<typeof featureGrid>;

/** Numbers in the counts of a whole grid: per feature its cells, then one for missing values. */
export function countsLength({ bounds, cells }: FeatureGrid): number {
  return bounds.lower.length * (cells + 1);
}

export function gridOf(schema: FeatureSchema, cells = 256): FeatureGrid {
  const bounds = schema.features.map(encodedBounds);
  return {
    bounds: { lower: bounds.map(({ lo }) => lo), upper: bounds.map(({ hi }) => hi) },
    missing: missingValues(schema),
    cells,
  };
}

/**
 * How many of the rows lie in each cell. Every row adds 1 once per feature, so the counts of r rows are at most r·√features
 * long. Values beyond the bounds count in the outermost cells, values that are no finite number as missing.
 *
 * @returns `countsLength(grid)` numbers, feature after feature
 * @throws invariant unless every row has one number per feature of the grid
 */
export function countRows(grid: FeatureGrid, rows: readonly { readonly features: Float32Array }[]): Float32Array {
  const counts = new Float32Array(countsLength(grid));
  const width = grid.bounds.lower.length;
  for (const { features } of rows) {
    invariant(features.length === width, 'a row has one number per feature of the grid');
    features.forEach((value, i) => {
      const cell = isMissing(value, grid.missing?.[i] ?? null) ? grid.cells : cellOf(grid, i, value);
      counts[i * (grid.cells + 1) + cell]! += 1;
    });
  }
  return counts;
}

/** Which cell of its feature a known value lies in: 0 to cells − 1. */
export function cellOf({ bounds, cells }: FeatureGrid, feature: number, value: number): number {
  const [lower, upper] = [bounds.lower[feature]!, bounds.upper[feature]!];
  const cell = Math.floor((cells * (value - lower)) / (upper - lower));
  return Math.max(0, Math.min(cells - 1, cell));
}

/** Rows hold float32 numbers, so the declared constant is compared as one. */
export function isMissing(value: number, missing: number | null): boolean {
  return !Number.isFinite(value) || (missing !== null && value === Math.fround(missing));
}

/** The value at the lower end of a cell; `cells` gives the upper bound. */
export function cellStart({ bounds, cells }: FeatureGrid, feature: number, cell: number): number {
  const [lower, upper] = [bounds.lower[feature]!, bounds.upper[feature]!];
  return cell === cells ? upper : lower + (cell * (upper - lower)) / cells;
}
