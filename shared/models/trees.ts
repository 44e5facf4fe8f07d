/**
 * Complete binary trees over binned features. Flat parameters: the bias, then tree after tree, each 2^depth − 1 questions
 * and 2^depth leaves, both level by level from the left.
 *
 * A question is two numbers, a feature and the index of one of its edges: rows at or above the edge go right, others left.
 * Feature −1 asks nothing and sends everybody left. A leaf is one number. All leaves and the bias are log-odds.
 */

import type { TreesSpec } from './spec.ts';

type Shape = Pick<TreesSpec, 'depth' | 'trees'>;

/** Where a tree's numbers stand, counted from its own first one. */
export function treeLayout({ depth }: Pick<TreesSpec, 'depth'>) {
  const questions = 2 ** depth - 1;
  return { questions, leavesAt: 2 * questions, length: 3 * questions + 1 };
}

export function treesParameterCount(spec: Shape): number {
  return 1 + spec.trees * treeLayout(spec).length;
}

/** Whether every question asks about an edge that is there. */
export function questionsFit(spec: TreesSpec, parameters: Float32Array): boolean {
  const { questions, length } = treeLayout(spec);
  for (let tree = 0; tree < spec.trees; tree++) {
    for (let question = 0; question < questions; question++) {
      const at = 1 + tree * length + 2 * question;
      const [feature, edge] = [parameters[at]!, parameters[at + 1]!];
      if (feature !== -1 && spec.edges[feature]?.[edge] === undefined) return false;
    }
  }
  return true;
}

export function treesLogit(spec: TreesSpec, parameters: Float32Array, row: Float32Array): number {
  const { leavesAt, length } = treeLayout(spec);
  let logit = parameters[0]!;
  for (let at = 1; at < parameters.length; at += length)
    logit += parameters[at + leavesAt + leafOf(spec, parameters, at, row)]!;
  return logit;
}

/** @param at where the tree begins in the parameters. @returns 0 to 2^depth − 1, from the left */
export function leafOf(
  { depth, edges }: Pick<TreesSpec, 'depth' | 'edges'>,
  parameters: Float32Array,
  at: number,
  row: Float32Array,
): number {
  let node = 0;
  for (let level = 0; level < depth; level++) {
    const feature = parameters[at + 2 * node]!;
    const isRight = feature >= 0 && row[feature]! >= edges[feature]![parameters[at + 2 * node + 1]!]!;
    node = 2 * node + (isRight ? 2 : 1);
  }
  return node - (2 ** depth - 1);
}
