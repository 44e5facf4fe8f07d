/**
 * What each feature adds to the log-odds of trees: exact Shapley values. A leaf is a box of bins, so its part of the game is a
 * product over the few features it asks about, and their sum over coalitions a polynomial (as in S. Lundberg, G. Erion,
 * S.-I. Lee, "Consistent Individualized Feature Attribution for Tree Ensembles", 2018, Algorithm 2).
 *
 * That paper weighs what is not known by the training rows in each node, which never left their devices. Here every bin of a
 * feature is equally likely, whatever the others are: people's own shares where edges are quantiles.
 */

import { binOf } from './bins.ts';
import type { TreesSpec } from './spec.ts';
import { treeLayout } from './trees.ts';

/** Bins from `low` to before `high`. */
type Interval = { readonly low: number; readonly high: number };
/** Features that a leaf leaves free are not in it. */
type Box = ReadonlyMap<number, Interval>;

/** What one feature does to one leaf: the share of its bins that lead there, and whether the row's own does. */
type Factor = { readonly feature: number; readonly share: number; readonly isRight: boolean };

export function treeShapley(spec: TreesSpec, parameters: Float32Array, row: Float32Array) {
  const contributions = new Float64Array(spec.inputs);
  let bias = parameters[0]!;
  const bins = spec.edges.map((edges, feature) => binOf(edges, row[feature]!));
  const { length } = treeLayout(spec);
  for (let at = 1; at < parameters.length; at += length) {
    for (const { value, box } of leavesOf(spec, parameters.subarray(at, at + length))) {
      const factors = Array.from(box, ([feature, { low, high }]): Factor => {
        const isRight = low <= bins[feature]! && bins[feature]! < high;
        return { feature, share: (high - low) / (spec.edges[feature]!.length + 1), isRight };
      });
      bias += factors.reduce((product, { share }) => product * share, value);
      for (const factor of factors) {
        const others = factors.filter((other) => other !== factor);
        contributions[factor.feature]! += value * (Number(factor.isRight) - factor.share) * meanProduct(others);
      }
    }
  }
  return { bias, contributions };
}

type Leaf = { readonly value: number; readonly box: Box };

/** Every leaf of one tree that a row can come to. */
function* leavesOf(spec: TreesSpec, tree: Float32Array, node = 0, box: Box = new Map()): Iterable<Leaf> {
  const { questions, leavesAt } = treeLayout(spec);
  if (node >= questions) {
    yield { value: tree[leavesAt + node - questions]!, box };
    return;
  }
  const [feature, edge] = [tree[2 * node]!, tree[2 * node + 1]!];
  // A node that asks nothing sends everybody left.
  const { low, high } = box.get(feature) ?? { low: 0, high: (spec.edges[feature]?.length ?? 0) + 1 };
  const middle = Math.max(low, Math.min(high, edge + 1));
  const [below, above] = [2 * node + 1, 2 * node + 2];
  if (feature < 0) yield* leavesOf(spec, tree, below, box);
  else {
    if (low < middle) yield* leavesOf(spec, tree, below, new Map(box).set(feature, { low, high: middle }));
    if (middle < high) yield* leavesOf(spec, tree, above, new Map(box).set(feature, { low: middle, high }));
  }
}

/**
 * The product of the factors where a random coalition of them is known, as Shapley draws it: of random size, and then at
 * random among those of that size.
 */
function meanProduct(factors: readonly Factor[]): number {
  // Coefficient k: the products over all coalitions of k, added up.
  let products = [1];
  for (const { share, isRight } of factors) {
    const next = new Array<number>(products.length + 1).fill(0);
    products.forEach((product, size) => {
      next[size]! += product * share;
      if (isRight) next[size + 1]! += product;
    });
    products = next;
  }
  let [coalitions, mean] = [1, 0];
  for (const [size, product] of products.entries()) {
    mean += product / coalitions;
    coalitions *= (factors.length - size) / (size + 1);
  }
  return mean / products.length;
}
