/** Boosted trees of one table: what anybody who had all rows would train (Chen, Guestrin, XGBoost, KDD 2016). */

import { bestSplit, leafValue, type NodeSums, type Split, type SplitRules } from '@chorale/shared/algorithms';
import { type Batchable, binOf, binOffsets, sigmoid } from '@chorale/shared/models';

export type TreesOptions = SplitRules & {
  readonly edges: readonly (readonly number[])[];
  readonly depth: number;
  readonly trees: number;
  readonly learningRate: number;
  /** Log-odds before the first tree. */
  readonly bias: number;
};

/** @returns flat parameters of a `trees` model */
export function fitTrees(table: Batchable, options: TreesOptions): Float32Array {
  const { edges, depth, trees, learningRate, l2, bias } = options;
  const binned = binsOf(table, edges);
  const logits = new Float64Array(table.rowCount).fill(bias);
  const parameters = [bias];
  for (let tree = 0; tree < trees; tree++) {
    const slopes = slopesOf(logits, table.labels);
    const nodes = new Uint16Array(table.rowCount);
    const questions: number[] = [];
    let splits: Split[] = [];
    for (let level = 0; level < depth; level++) {
      splits = sumsOf(binned, slopes, nodes, 2 ** level).map((node) => bestSplit(edges, node, options));
      questions.push(...splits.flatMap(({ feature, edge }) => [feature, edge]));
      descend(binned, splits, nodes);
    }
    const leaves = splits.flatMap(({ left, right }) => [left, right]).map((pair) => learningRate * leafValue(pair, l2));
    nodes.forEach((leaf, row) => {
      logits[row]! += leaves[leaf]!;
    });
    parameters.push(...questions, ...leaves);
  }
  return Float32Array.from(parameters);
}

type Binned = {
  /** rowCount × features numbers: which bin of its feature each value lies in. */
  readonly bins: Uint16Array;
  readonly width: number;
  readonly offsets: readonly number[];
};

function binsOf({ features, rowCount }: Batchable, edges: TreesOptions['edges']): Binned {
  const width = edges.length;
  const bins = Uint16Array.from({ length: rowCount * width }, (_, i) => binOf(edges[i % width]!, features[i]!));
  return { bins, width, offsets: binOffsets(edges) };
}

type Slopes = { readonly gradients: Float64Array; readonly curvatures: Float64Array };

function slopesOf(logits: Float64Array, labels: Float32Array): Slopes {
  const probabilities = logits.map(sigmoid);
  return {
    gradients: probabilities.map((probability, row) => probability - labels[row]!),
    curvatures: probabilities.map((probability) => probability * (1 - probability)),
  };
}

function sumsOf({ bins, width, offsets }: Binned, slopes: Slopes, nodes: Uint16Array, count: number): NodeSums[] {
  const length = offsets.at(-1)!;
  const sums = Array.from({ length: count }, () => ({
    gradients: new Float64Array(length),
    curvatures: new Float64Array(length),
  }));
  for (let row = 0; row < nodes.length; row++) {
    const { gradients, curvatures } = sums[nodes[row]!]!;
    const [gradient, curvature] = [slopes.gradients[row]!, slopes.curvatures[row]!];
    for (let feature = 0; feature < width; feature++) {
      const bin = offsets[feature]! + bins[row * width + feature]!;
      gradients[bin] = gradients[bin]! + gradient;
      curvatures[bin] = curvatures[bin]! + curvature;
    }
  }
  return sums;
}

/** Every row goes from its node to the left or the right one below it. A bin above an edge has a number above the edge's. */
function descend({ bins, width }: Binned, splits: readonly Split[], nodes: Uint16Array): void {
  for (let row = 0; row < nodes.length; row++) {
    const { feature, edge } = splits[nodes[row]!]!;
    const isRight = feature >= 0 && bins[row * width + feature]! > edge;
    nodes[row] = 2 * nodes[row]! + (isRight ? 1 : 0);
  }
}
