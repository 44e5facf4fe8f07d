/** One Newton step of all shape functions, from sums over bins. */

import { binOffsets } from '../models/bins.ts';

export type BinSums = { readonly gradients: ArrayLike<number>; readonly curvatures: ArrayLike<number> };

/**
 * Where the loss falls: for the bias its own Newton step, for each bin what remains to be done there once the bias has moved.
 * A step of 1 / (number of features) along all of it is the bias's whole step and a share of each feature's.
 *
 * @param sums per feature one number for each of its bins; noise may have made curvatures negative
 * @returns bias, then one number per bin per feature
 */
export function newtonDirection(
  edges: readonly (readonly number[])[],
  { gradients, curvatures }: BinSums,
  l2: number,
): Float32Array<ArrayBuffer> {
  const offsets = binOffsets(edges);
  const bins = offsets.at(-1)!;
  const direction = new Float32Array(1 + bins);
  // Every feature counts every row once, so the mean of the features' totals is the total, with the least noise.
  const total = (sums: ArrayLike<number>) => Array.from(sums).reduce((sum, value) => sum + value, 0) / edges.length;
  const bias = -total(gradients) / penalized(total(curvatures), l2);
  direction[0] = edges.length * bias;
  for (let bin = 0; bin < bins; bin++) {
    const curvature = Math.max(0, curvatures[bin]!);
    direction[1 + bin] = -(gradients[bin]! + bias * curvature) / penalized(curvature, l2);
  }
  return direction;
}

/** A bin that nobody is in has nothing to learn: its step stays 0, also without a penalty. */
function penalized(curvature: number, l2: number): number {
  return Math.max(curvature, 0) + l2 || 1;
}
