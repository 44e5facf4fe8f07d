/** Ways to divide rows into groups, so that a model that fails one group of people cannot hide in the mean. */

import * as z from 'zod/mini';
import { binOf } from '../models/bins.ts';
import { nearestCentroid } from '../models/centroids.ts';
import { areParametersOf } from '../models/parameters.ts';
import { centroidsSpec } from '../models/spec.ts';
import { floatVector } from './float-vector.ts';

const name = z.string().check(z.regex(/^[a-z][a-z0-9-]{0,31}$/));

/** By a feature as rows hold it: parts begin at the edges. Whether somebody is new, or on which kind of device, is one. */
const byColumn = z.strictObject({
  name,
  column: z.int().check(z.nonnegative()),
  edges: z.array(z.number()).check(
    z.minLength(1),
    z.maxLength(15),
    z.refine((edges) => edges.every((edge, i) => i === 0 || edges[i - 1]! < edge), 'edges ascend'),
  ),
});

/** By segment: the nearest of centroids over whole rows, as `k-means/1` learns them. */
const bySegment = z
  .strictObject({ name, spec: centroidsSpec, parameters: floatVector })
  .check(z.refine(({ spec, parameters }) => areParametersOf(spec, parameters), 'parameters: not those of the spec'));

export const slices = z.array(z.union([byColumn, bySegment])).check(
  z.maxLength(8),
  z.refine((all) => new Set(all.map((slice) => slice.name)).size === all.length, 'two slices of one name'),
  z.refine((all) => all.reduce((sum, slice) => sum + partsOf(slice), 0) <= 64, 'more than 64 parts in all'),
);

export type Slice = z.infer<typeof byColumn> | z.infer<typeof bySegment>;

export function partsOf(slice: Slice): number {
  return 'edges' in slice ? slice.edges.length + 1 : slice.spec.count;
}

/** Which part a row belongs to: 0 to `partsOf(slice)` − 1. */
export function partOf(slice: Slice, features: Float32Array): number {
  if ('edges' in slice) return binOf(slice.edges, features[slice.column]!);
  return nearestCentroid(slice.spec, slice.parameters, features);
}

/** Whether rows of so many features can be divided so. */
export function dividesRows(slice: Slice, width: number): boolean {
  return 'edges' in slice ? slice.column < width : slice.spec.inputs === width;
}
