/**
 * The trees of `tree-boosting/1` from all rows in one table: whole numbers for every row, added node by node with no siblings,
 * no sums and no devices. Recursive where the algorithm goes level by level.
 */

import type { LabelledRow } from '../algorithms/labelled-row.ts';
import type { TreeBoostingConfig } from '../algorithms/tree-boosting.ts';
import { bestSplit } from '../algorithms/tree-split.ts';
import { binOf, binOffsets } from '../models/bins.ts';
import { sigmoid } from '../models/predict.ts';

type Whole = { readonly g: number; readonly h: number };
/** What one of these whole numbers is worth. */
type Worth = Whole;

/**
 * @param coarser by how much the cohort's grid has fewer steps than 2^20; if more than 1, every device has one row
 * @returns flat parameters of a `trees` model
 */
export function treesOfOneTable(
  rows: readonly LabelledRow[],
  config: TreeBoostingConfig,
  { coarser = 1 }: { readonly coarser?: number } = {},
): number[] {
  const { edges, bias } = config;
  const norm = 2 ** Math.ceil(Math.log2(config.maxRows * Math.sqrt(edges.length)));
  const fine = { g: norm / 2 ** 20, h: norm / 4 / 2 ** 20 };
  const worth = { g: fine.g * coarser, h: fine.h * coarser };
  const logits = rows.map(() => Math.fround(bias));
  const parameters = [bias];
  for (let tree = 0; tree < config.trees; tree++) {
    const steps = rows.map(({ label }, i): Whole => {
      const p = sigmoid(logits[i]!);
      const [g, h] = [Math.round((p - label) / fine.g), Math.round((p * (1 - p)) / fine.h)];
      return { g: Math.round(g / coarser), h: Math.round(h / coarser) };
    });
    const grown = treeOf({ rows, steps, worth, config });
    for (const row of rows.keys()) logits[row]! += grown.leaves[grown.leafOf[row]!]!;
    parameters.push(...grown.questions, ...grown.leaves);
  }
  return parameters.map(Math.fround);
}

type Table = {
  readonly rows: readonly LabelledRow[];
  readonly steps: readonly Whole[];
  readonly worth: Worth;
  readonly config: TreeBoostingConfig;
};

function treeOf({ rows, steps, worth, config }: Table) {
  const { edges, depth, l2, learningRate } = config;
  const questions = new Array<number>(2 * (2 ** depth - 1)).fill(0);
  const leaves = new Array<number>(2 ** depth).fill(0);
  const leafOf = new Array<number>(rows.length).fill(0);
  const total = (members: readonly number[], of: keyof Whole) =>
    members.reduce((sum, row) => sum + steps[row]![of], 0) * worth[of];
  const grow = (node: number, members: readonly number[], level: number): void => {
    const split = bestSplit(edges, sumsOf({ rows, steps, worth, config }, members), config);
    questions[2 * node] = split.feature;
    questions[2 * node + 1] = split.edge;
    const isRight = (row: number) =>
      split.feature >= 0 && rows[row]!.features[split.feature]! >= edges[split.feature]![split.edge]!;
    for (const side of [0, 1]) {
      const [child, own] = [2 * node + 1 + side, members.filter((row) => isRight(row) === (side === 1))];
      if (level + 1 < depth) {
        grow(child, own, level + 1);
        continue;
      }
      const leaf = child - (2 ** depth - 1);
      const [gradient, curvature] = [total(own, 'g'), total(own, 'h')];
      leaves[leaf] = gradient === 0 ? 0 : Math.fround(learningRate * (-gradient / (curvature + l2)));
      for (const row of own) leafOf[row] = leaf;
    }
  };
  grow(0, [...rows.keys()], 0);
  return { questions, leaves, leafOf };
}

function sumsOf({ rows, steps, worth, config: { edges } }: Table, members: readonly number[]) {
  const offsets = binOffsets(edges);
  const gradients = new Float64Array(offsets.at(-1)!);
  const curvatures = new Float64Array(offsets.at(-1)!);
  for (const row of members)
    for (const [feature, own] of edges.entries()) {
      const bin = offsets[feature]! + binOf(own, rows[row]!.features[feature]!);
      gradients[bin]! += steps[row]!.g * worth.g;
      curvatures[bin]! += steps[row]!.h * worth.h;
    }
  return { gradients, curvatures };
}
