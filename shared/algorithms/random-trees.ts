/**
 * Trees under differential privacy: their questions are drawn at random and cost nothing, so that all noise goes where
 * privacy is spent, into the sums of leaves, several trees a round (S. Maddock et al., Federated Boosted Decision Trees with
 * Differential Privacy, CCS 2022: totally random splits, batched updates).
 *
 * The trees of a round are fitted to the same log-odds, so the model takes the mean of their Newton steps.
 */

import * as z from 'zod/mini';
import { uniformWords } from '../encoding/draws.ts';
import { ChoraleError } from '../errors.ts';
import { sigmoid } from '../models/predict.ts';
import { binEdges } from '../models/spec.ts';
import { leafOf, treeLayout, treesLogit } from '../models/trees.ts';
import type { Random } from '../ports.ts';
import { defineAlgorithm, type Terms } from './algorithm.ts';
import { floatVector } from './float-vector.ts';
import { treeCount, treesSpecOf } from './grown-trees.ts';
import { hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';
import { shrunkenLeaf } from './tree-split.ts';

/** Deeper trees have more leaves than there are people to drown the noise in. */
const mostDepth = 6;
/** Under a promise this strict, fewer devices than this leave so few people in a leaf that its noise outweighs them. */
const strictEpsilon = 2;
const fewestDevices = 20_000;

const positive = z.number().check(z.positive());

const shared = {
  /** Label-free: from declared bounds, or from a histogram that has its own part of the budget. */
  edges: binEdges,
  depth: z._default(z.int().check(z.positive(), z.maximum(mostDepth)), 3),
  /** `uniform`: every device counts the same; the choice under differential privacy. `rows`: every row does. */
  weighting: z._default(z.enum(['uniform', 'rows']), 'uniform'),
  /** Rows that one device may add; of more, it adds a random choice. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 50),
  /** Of the curvatures in the noise's budget, where gradients have 1: the less, the more noise they take. */
  curvatureWeight: z._default(positive.check(z.minimum(0.01), z.maximum(4)), 0.5),
};

const config = z.strictObject({
  ...shared,
  trees: z.int().check(z.positive(), z.maximum(4096)),
  /** In one round. */
  batch: z._default(z.int().check(z.positive(), z.maximum(256)), 10),
  learningRate: z._default(positive.check(z.maximum(1)), 0.3),
  /** Ridge penalty of a leaf, in devices (in rows, where these count) of curvature. */
  l2: z._default(positive, 1),
  /** Log-odds before the first tree. */
  bias: z._default(z.number(), 0),
  /** Different devices that are expected to take part, in all rounds together; those of one round unless given. */
  devices: z.optional(z.int().check(z.positive())),
});

/** Feature and edge of every node, tree after tree and level by level; feature −1 asks nothing. */
const questions = z.array(z.int());
const broadcast = z
  .strictObject({ ...shared, /** Bias and finished trees. */ parameters: floatVector, questions })
  .check(
    z.refine(({ depth, parameters, questions }) => {
      const { leavesAt, length } = treeLayout({ depth });
      const isWhole = (numbers: number, size: number) => numbers > 0 && numbers % size === 0;
      return isWhole(questions.length, leavesAt) && (parameters.length - 1) % length === 0;
    }, 'parameters or questions: not those of trees of this depth'),
    z.refine(
      ({ edges, questions }) =>
        questions.every((f, at) => at % 2 === 1 || f === -1 || edges[f]?.[questions[at + 1]!] !== undefined),
      'questions: about an edge that is not there',
    ),
  );

const state = z.strictObject({
  config,
  round: z.int().check(z.nonnegative()),
  parameters: floatVector,
  /** Of all trees, also of those to come: they were drawn before anybody was asked. */
  questions,
});

export type RandomTreesConfig = z.infer<typeof config>;
export type RandomTreesBroadcast = z.infer<typeof broadcast>;
export type RandomTreesState = z.infer<typeof state>;
type Name = 'gradients' | 'curvatures';

export const randomTrees = defineAlgorithm<
  RandomTreesConfig,
  RandomTreesState,
  RandomTreesBroadcast,
  LabelledRow,
  Name
>({
  name: 'random-trees/1',
  config,
  state,
  broadcast,

  init(config, random, terms) {
    refuseTooFew(config, terms);
    const drawn = drawQuestions(config, random);
    return { config, round: 0, parameters: Float32Array.of(config.bias), questions: drawn };
  },

  publish(state) {
    const { edges, depth, weighting, maxRows, curvatureWeight } = state.config;
    const asked = questionsOfRound(state);
    return { edges, depth, weighting, maxRows, curvatureWeight, parameters: state.parameters, questions: asked };
  },

  layout(broadcast) {
    const { weighting, maxRows, depth, curvatureWeight } = broadcast;
    const trees = askedTrees(broadcast);
    // A row is in one leaf of every tree, with at most 1 of gradient and a quarter of curvature.
    const longest = (weighting === 'rows' ? maxRows : 1) * Math.sqrt(trees);
    const length = trees * 2 ** depth;
    return [
      { name: 'gradients', length, clipNorm: longest },
      { name: 'curvatures', length, clipNorm: longest / 4, weight: curvatureWeight },
    ];
  },

  async contribute(broadcast, examples, { random }) {
    const { depth, edges, weighting, maxRows, parameters } = broadcast;
    const rows = sampleRows(examples.filter(hasFiniteFeatures), maxRows, random);
    const [trees, leaves] = [askedTrees(broadcast), 2 ** depth];
    const sums = { gradients: new Float32Array(trees * leaves), curvatures: new Float32Array(trees * leaves) };
    const asked = Float32Array.from(broadcast.questions);
    const { leavesAt } = treeLayout({ depth });
    const spec = treesSpecOf(broadcast, parameters);
    const share = weighting === 'rows' ? 1 : 1 / rows.length;
    for (const { features, label } of rows) {
      const probability = sigmoid(treesLogit(spec, parameters, features));
      for (let tree = 0; tree < trees; tree++) {
        const leaf = tree * leaves + leafOf({ depth, edges }, asked, tree * leavesAt, features);
        sums.gradients[leaf]! += share * (probability - label);
        sums.curvatures[leaf]! += share * probability * (1 - probability);
      }
    }
    return sums;
  },

  update(state, { sums, noiseStd }) {
    const { config, parameters } = state;
    const questions = questionsOfRound(state);
    const [{ leavesAt }, leaves] = [treeLayout(config), 2 ** config.depth];
    const trees = questions.length / leavesAt;
    const rate = config.learningRate / trees;
    const rules = { l2: config.l2, noiseStd: noiseStd.gradients ?? 0 };
    const grown = Array.from({ length: trees }, (_, tree) => [
      ...questions.slice(tree * leavesAt, (tree + 1) * leavesAt),
      ...Array.from({ length: leaves }, (_, leaf) => {
        const [gradient, curvature] = [sums.gradients[tree * leaves + leaf]!, sums.curvatures[tree * leaves + leaf]!];
        return rate * shrunkenLeaf({ gradient, curvature }, rules);
      }),
    ]);
    return { ...state, round: state.round + 1, parameters: Float32Array.of(...parameters, ...grown.flat()) };
  },

  isDone: ({ config, parameters }) => treeCount(config, parameters) >= config.trees,

  model({ config, parameters }) {
    if (treeCount(config, parameters) === 0) return undefined;
    return { spec: treesSpecOf(config, parameters), parameters, standardization: undefined };
  },

  summary: ({ config, round, parameters }) => ({ round, trees: treeCount(config, parameters) }),
});

function refuseTooFew({ devices }: RandomTreesConfig, terms: Terms | undefined): void {
  const expected = devices ?? terms?.devices;
  const isStrict = terms?.epsilon !== undefined && terms.epsilon <= strictEpsilon;
  if (!isStrict || expected === undefined || expected >= fewestDevices) return;
  throw new ChoraleError(
    'too-few-devices',
    `random-trees/1: a promise of ε ≤ ${strictEpsilon} takes about ${fewestDevices} devices, and ${expected} are expected: the ` +
      'noise in a leaf would outweigh the people in it. Use fed-avg/1, a larger ε, or config.devices for more of them',
  );
}

/** Every node asks about any feature that has an edge, and any of its edges, each as likely as the others. */
function drawQuestions({ edges, depth, trees }: RandomTreesConfig, random: Random): number[] {
  const askable = edges.flatMap(({ length }, feature) => (length > 0 ? [feature] : []));
  const { leavesAt } = treeLayout({ depth });
  const draws = uniformWords(random, trees * leavesAt);
  return Array.from({ length: (trees * leavesAt) / 2 }, (_, node) => {
    if (askable.length === 0) return [-1, 0];
    // Of so few values a scaled 32-bit draw prefers none by more than 2^-16.
    const below = (count: number, draw: number) => Math.floor((draws[draw]! / 2 ** 32) * count);
    const feature = askable[below(askable.length, 2 * node)]!;
    return [feature, below(edges[feature]!.length, 2 * node + 1)];
  }).flat();
}

function questionsOfRound({ config, parameters, questions }: RandomTreesState): number[] {
  const { leavesAt } = treeLayout(config);
  const from = treeCount(config, parameters) * leavesAt;
  return questions.slice(from, from + config.batch * leavesAt);
}

function askedTrees({ depth, questions }: Pick<RandomTreesBroadcast, 'depth' | 'questions'>): number {
  return questions.length / treeLayout({ depth }).leavesAt;
}
