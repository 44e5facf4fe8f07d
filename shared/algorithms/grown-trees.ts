/** The trees that have been grown so far, as a model. */

import type { TreesSpec } from '../models/spec.ts';
import { treeLayout } from '../models/trees.ts';

type Shape = Pick<TreesSpec, 'depth' | 'edges'>;

/** @param parameters a bias, and whole trees of this depth */
export function treeCount({ depth }: Pick<Shape, 'depth'>, parameters: Float32Array): number {
  return (parameters.length - 1) / treeLayout({ depth }).length;
}

/** `trees` is at least 1 in a model's spec; before the first tree only the bias is read. */
export function treesSpecOf({ depth, edges }: Shape, parameters: Float32Array): TreesSpec {
  const trees = Math.max(1, treeCount({ depth }, parameters));
  return { family: 'trees', inputs: edges.length, edges, depth, trees };
}
