/** Segments by their centres. Flat parameters: centre after centre, one number per input. */

import type { CentroidsSpec } from './spec.ts';

/**
 * Squared Euclidean distances of one row to every centre.
 *
 * @param row as many numbers as the spec has inputs
 */
export function squaredDistances(
  { inputs, count }: CentroidsSpec,
  centers: Float32Array,
  row: Float32Array,
): Float64Array {
  return Float64Array.from({ length: count }, (_, center) => {
    let sum = 0;
    for (let i = 0; i < inputs; i++) sum += (row[i]! - centers[center * inputs + i]!) ** 2;
    return sum;
  });
}

/** The index of the centre that is nearest to the row; of several, the first. */
export function nearestCentroid(spec: CentroidsSpec, centers: Float32Array, row: Float32Array): number {
  const distances = squaredDistances(spec, centers, row);
  return distances.reduce((best, distance, i) => (distance < distances[best]! ? i : best), 0);
}
