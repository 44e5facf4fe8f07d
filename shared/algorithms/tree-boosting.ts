/**
 * Boosted Newton trees, grown level by level: each round is one secure sum of gradients and curvatures over the bins of a
 * level's nodes. T. Chen, C. Guestrin, XGBoost, KDD 2016; sums of histograms in place of rows as in K. Cheng et al., SecureBoost,
 * IEEE Intelligent Systems 2021. Of two siblings only the left one is asked for: the right one is what the parent has beyond it.
 *
 * Rows are counted in whole steps of the grid, so the sum is exact and the trees are, bit for bit, those of a trainer that
 * has all rows in one table. Without noise only: see `random-trees/1`.
 */

import * as z from 'zod/mini';
import { exactClipNorm } from '../encoding/layout.ts';
import { ChoraleError } from '../errors.ts';
import { binOffsets } from '../models/bins.ts';
import { binEdges } from '../models/spec.ts';
import { leafOf, treeLayout, treesLogit } from '../models/trees.ts';
import { defineAlgorithm } from './algorithm.ts';
import { binnedRows } from './binned-rows.ts';
import { floatVector } from './float-vector.ts';
import { treeCount, treesSpecOf } from './grown-trees.ts';
import { type LabelledRow, sampleRows } from './labelled-row.ts';
import { exactStep, rowGradient } from './row-gradients.ts';
import { bestSplit, leafValue, type NodeSums, type Split } from './tree-split.ts';

/** Deeper trees ask for more sums than devices can reasonably mask. */
const mostDepth = 6;
const nonnegative = z.number().check(z.nonnegative());

const shared = {
  /** Of the features as rows hold them; versioned with the model. */
  edges: binEdges,
  depth: z._default(z.int().check(z.positive(), z.maximum(mostDepth)), 3),
  /** Rows that one device may add; of more, it adds a random choice. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 50),
};

const config = z.strictObject({
  ...shared,
  trees: z.int().check(z.positive(), z.maximum(4096)),
  learningRate: z._default(z.number().check(z.positive(), z.maximum(1)), 0.1),
  /** Ridge penalty of a leaf, in curvature. */
  l2: z._default(nonnegative, 1),
  /** Least curvature on either side of a split. */
  minChildWeight: z._default(nonnegative, 1),
  minGain: z._default(nonnegative, 0),
  /** Log-odds before the first tree. */
  bias: z._default(z.number(), 0),
  /** `subtract` takes the same devices to be in all rounds of a tree; `sum` asks for both siblings where they change. */
  siblings: z._default(z.enum(['subtract', 'sum']), 'subtract'),
});

const questions = z.array(z.int());
const broadcast = z
  .strictObject({
    ...shared,
    /** Bias and the trees that are finished. */
    parameters: floatVector,
    /** Of the tree that grows: feature and edge of every node above the level. */
    questions,
    level: z.int().check(z.nonnegative(), z.maximum(mostDepth - 1)),
    leftOnly: z.boolean(),
  })
  .check(
    z.refine(
      ({ depth, parameters, questions, level }) =>
        (parameters.length - 1) % treeLayout({ depth }).length === 0 && questions.length === 2 * (2 ** level - 1),
      'parameters or questions: not those of trees of this depth',
    ),
    z.refine(
      ({ edges, questions }) => everyPair(questions, (f, e) => f === -1 || edges[f]?.[e] !== undefined),
      'questions: about an edge that is not there',
    ),
  );

const state = z.strictObject({
  config,
  round: z.int().check(z.nonnegative()),
  parameters: floatVector,
  questions,
  level: z.int().check(z.nonnegative()),
  /** Sums of the nodes above the level, of which siblings are made; gradients of all nodes, then curvatures. */
  parents: z.array(z.number()),
});

export type TreeBoostingConfig = z.infer<typeof config>;
export type TreeBoostingBroadcast = z.infer<typeof broadcast>;
export type TreeBoostingState = z.infer<typeof state>;
type Name = 'gradients' | 'curvatures';

export const treeBoosting = defineAlgorithm<
  TreeBoostingConfig,
  TreeBoostingState,
  TreeBoostingBroadcast,
  LabelledRow,
  Name
>({
  name: 'tree-boosting/1',
  roundsToNearest: true,
  config,
  state,
  broadcast,

  init(config, _, terms) {
    if (terms !== undefined && terms.noiseMultiplier > 0)
      throw new ChoraleError(
        'invalid-input',
        'tree-boosting/1 looks for the best of many splits, and each look would cost privacy: use random-trees/1',
      );
    return { config, round: 0, parameters: Float32Array.of(config.bias), questions: [], level: 0, parents: [] };
  },

  publish({ config: { edges, depth, maxRows, siblings }, parameters, questions, level }) {
    return { edges, depth, maxRows, parameters, questions, level, leftOnly: siblings === 'subtract' && level > 0 };
  },

  layout(broadcast) {
    const length = askedNodes(broadcast) * binOffsets(broadcast.edges).at(-1)!;
    const { gradients, curvatures } = clipNorms(broadcast);
    return [
      { name: 'gradients', length, clipNorm: gradients },
      { name: 'curvatures', length, clipNorm: curvatures },
    ];
  },

  async contribute(broadcast, examples, { random }) {
    const { edges, level, parameters, questions, leftOnly } = broadcast;
    const { rows, bins: binsOfRows } = binnedRows(examples, edges);
    const chosen = sampleRows(
      Array.from(rows, (_, row) => row),
      broadcast.maxRows,
      random,
    );
    const offsets = binOffsets(edges);
    const bins = offsets.at(-1)!;
    const norms = clipNorms(broadcast);
    const step = { gradient: exactStep(norms.gradients), curvature: exactStep(norms.curvatures) };
    const gradients = new Float32Array(askedNodes(broadcast) * bins);
    const curvatures = new Float32Array(gradients.length);
    const grown = Float32Array.from(questions);
    const spec = treesSpecOf(broadcast, parameters);
    for (const row of chosen) {
      const { features, label } = rows[row]!;
      const node = leafOf({ depth: level, edges }, grown, 0, features);
      // Left children have even numbers, and stand next to each other where only they are asked for.
      if (leftOnly && node % 2 === 1) continue;
      const at = (leftOnly ? node / 2 : node) * bins;
      const { gradient, curvature } = rowGradient(treesLogit(spec, parameters, features), label, step);
      for (let i = 0; i < edges.length; i++) {
        const bin = at + offsets[i]! + binsOfRows[row * edges.length + i]!;
        gradients[bin]! += gradient;
        curvatures[bin]! += curvature;
      }
    }
    return { gradients, curvatures };
  },

  update(state, { sums }) {
    const { config, level } = state;
    const nodes = nodesOf(state, sums);
    const splits = nodes.map((node) => bestSplit(config.edges, node, config));
    const questions = [...state.questions, ...splits.flatMap(({ feature, edge }) => [feature, edge])];
    const round = state.round + 1;
    if (level + 1 < config.depth) {
      const parents = config.siblings === 'subtract' ? flatOf(nodes) : [];
      return { ...state, round, questions, level: level + 1, parents };
    }
    const leaves = splits.flatMap((split) => leavesOf(split, config));
    const parameters = Float32Array.of(...state.parameters, ...questions, ...leaves);
    return { config, round, parameters, questions: [], level: 0, parents: [] };
  },

  isDone: ({ config, parameters }) => treeCount(config, parameters) >= config.trees,

  model({ config, parameters }) {
    if (treeCount(config, parameters) === 0) return undefined;
    return { spec: treesSpecOf(config, parameters), parameters, standardization: undefined };
  },

  summary: ({ config, round, parameters, level }) => ({ round, trees: treeCount(config, parameters), level }),
});

/** All nodes of the level, from the left. */
function nodesOf(
  { config, level, parents }: TreeBoostingState,
  sums: { readonly gradients: Float64Array; readonly curvatures: Float64Array },
): NodeSums[] {
  const bins = binOffsets(config.edges).at(-1)!;
  const cut = (values: Float64Array, node: number) => values.subarray(node * bins, (node + 1) * bins);
  const nodeOf = (node: number, of = sums) => ({
    gradients: cut(of.gradients, node),
    curvatures: cut(of.curvatures, node),
  });
  if (level === 0 || config.siblings === 'sum') return Array.from({ length: 2 ** level }, (_, node) => nodeOf(node));
  const half = parents.length / 2;
  const above = {
    gradients: Float64Array.from(parents.slice(0, half)),
    curvatures: Float64Array.from(parents.slice(half)),
  };
  return Array.from({ length: 2 ** (level - 1) }, (_, node) => {
    const [left, parent] = [nodeOf(node), nodeOf(node, above)];
    const right = {
      gradients: parent.gradients.map((value, bin) => value - left.gradients[bin]!),
      curvatures: parent.curvatures.map((value, bin) => value - left.curvatures[bin]!),
    };
    return [left, right];
  }).flat();
}

function flatOf(nodes: readonly NodeSums[]): number[] {
  return [
    ...nodes.flatMap(({ gradients }) => Array.from(gradients)),
    ...nodes.flatMap(({ curvatures }) => Array.from(curvatures)),
  ];
}

function leavesOf({ left, right }: Split, { l2, learningRate }: TreeBoostingConfig): number[] {
  return [left, right].map((pair) => learningRate * leafValue(pair, l2));
}

function askedNodes({ level, leftOnly }: Pick<TreeBoostingBroadcast, 'level' | 'leftOnly'>): number {
  return 2 ** level / (leftOnly ? 2 : 1);
}

/** A row adds to one bin of every feature, at most 1 to its gradient and a quarter to its curvature. */
function clipNorms({ maxRows, edges }: Pick<TreeBoostingBroadcast, 'maxRows' | 'edges'>) {
  const gradients = exactClipNorm(maxRows * Math.sqrt(edges.length));
  return { gradients, curvatures: gradients / 4 };
}

function everyPair(pairs: readonly number[], holds: (feature: number, edge: number) => boolean): boolean {
  for (let at = 0; at < pairs.length; at += 2) if (!holds(pairs[at]!, pairs[at + 1]!)) return false;
  return true;
}
