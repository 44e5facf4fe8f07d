/**
 * Where a tree splits and what its leaves say, from sums of gradients and curvatures over bins: the second-order gain of
 * T. Chen, C. Guestrin, XGBoost, KDD 2016, eqs. 5 and 7.
 */

import { binOffsets } from '../models/bins.ts';

/** Sums of one node's rows, over every bin of every feature. */
export type NodeSums = { readonly gradients: ArrayLike<number>; readonly curvatures: ArrayLike<number> };

/** Gradient and curvature of some rows together. */
export type Pair = { readonly gradient: number; readonly curvature: number };

export type Split = {
  /** −1 where nothing is gained: everybody goes left. */
  readonly feature: number;
  /** Index of the feature's edge; rows at or above it go right. */
  readonly edge: number;
  readonly left: Pair;
  readonly right: Pair;
};

export type SplitRules = {
  readonly l2: number;
  /** Least curvature on either side. */
  readonly minChildWeight: number;
  /** Least gain; as in XGBoost's code, twice that of eq. 7. */
  readonly minGain: number;
};

/** The best split of a node; the first of several, so that all who add the same numbers grow the same tree. */
export function bestSplit(edges: readonly (readonly number[])[], node: NodeSums, rules: SplitRules): Split {
  const offsets = binOffsets(edges);
  const all = pairOver(node, 0, offsets[1]!);
  const whole = score(all, rules);
  let best: Split = { feature: -1, edge: 0, left: all, right: { gradient: 0, curvature: 0 } };
  let mostGain = rules.minGain;
  for (const [feature, own] of edges.entries()) {
    let [gradient, curvature] = [0, 0];
    for (let edge = 0; edge < own.length; edge++) {
      gradient += node.gradients[offsets[feature]! + edge]!;
      curvature += node.curvatures[offsets[feature]! + edge]!;
      const left = { gradient, curvature };
      const right = { gradient: all.gradient - gradient, curvature: all.curvature - curvature };
      if (Math.min(curvature, right.curvature) < rules.minChildWeight) continue;
      const gain = score(left, rules) + score(right, rules) - whole;
      if (gain > mostGain) {
        mostGain = gain;
        best = { feature, edge, left, right };
      }
    }
  }
  return best;
}

/** The Newton step of some rows; 0 for nobody. */
export function leafValue({ gradient, curvature }: Pair, l2: number): number {
  return gradient === 0 ? 0 : -gradient / (Math.max(curvature, 0) + l2);
}

/**
 * The likeliest step of some rows whose gradient was summed under noise, where steps have a prior of variance 1 / l2: what the
 * noise makes uncertain stays near 0. Without noise it is `leafValue`.
 *
 * @param noiseStd of the gradient's sum
 */
export function shrunkenLeaf(
  { gradient, curvature }: Pair,
  { l2, noiseStd }: { readonly l2: number; readonly noiseStd: number },
): number {
  if (curvature <= 0) return 0;
  return -gradient / (curvature + l2 * (1 + noiseStd ** 2 / curvature));
}

function score({ gradient, curvature }: Pair, { l2 }: SplitRules): number {
  return curvature + l2 > 0 ? (gradient * gradient) / (curvature + l2) : 0;
}

/** Every feature counts every row once: the bins of one feature have them all. */
function pairOver({ gradients, curvatures }: NodeSums, from: number, to: number): Pair {
  let [gradient, curvature] = [0, 0];
  for (let bin = from; bin < to; bin++) {
    gradient += gradients[bin]!;
    curvature += curvatures[bin]!;
  }
  return { gradient, curvature };
}
