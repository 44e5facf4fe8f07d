import { describe, expect, it } from 'vitest';
import { binOf, binOffsets } from '../models/bins.ts';
import { predict, sigmoid } from '../models/predict.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { toJson } from './algorithm.ts';
import type { LabelledRow } from './labelled-row.ts';
import { type TreeBoostingConfig, treeBoosting } from './tree-boosting.ts';
import { bestSplit } from './tree-split.ts';

const edges = [[-1, 0, 1], [0.25, 0.5, 0.75], []];
const configOf = (more: object = {}) => treeBoosting.config.parse({ edges, trees: 4, depth: 3, maxRows: 8, ...more });

/** Neither feature says anything alone: only a tree of two questions can be right. */
const truth = ([a, b]: Float32Array) => (a! >= 0 === b! >= 0.5 ? 1.5 : -1.5);

function people(seed: number, count: number): LabelledRow[][] {
  const random = seededRandom(seed);
  const row = () => {
    const features = Float32Array.of(random.normal(), random.uniform(), 7);
    return { features, label: random.uniform() < sigmoid(truth(features)) ? 1 : 0 };
  };
  return Array.from({ length: count }, () => Array.from({ length: random.below(8) }, row));
}

async function grown(config: TreeBoostingConfig, devices: readonly LabelledRow[][], seed = 1): Promise<Float32Array> {
  let state = treeBoosting.init(config, seededRandom(0));
  while (!treeBoosting.isDone(state)) {
    // Through JSON, as between two rounds of a coordinator.
    const stored = JSON.parse(JSON.stringify(toJson(treeBoosting.state, state)));
    state = await algorithmRound(treeBoosting, treeBoosting.state.parse(stored), devices, {
      seed: `${seed}, ${state.round}`,
    });
  }
  return treeBoosting.model(state)!.parameters;
}

/**
 * The same trees from all rows in one table: whole numbers for every row, added node by node with no siblings, no sums and
 * no devices. Recursive where ours goes level by level.
 */
function inMemory(rows: readonly LabelledRow[], config: TreeBoostingConfig): number[] {
  const { depth, l2, learningRate, bias } = config;
  const norm = 2 ** Math.ceil(Math.log2(config.maxRows * Math.sqrt(edges.length)));
  const [perGradient, perCurvature] = [norm / 2 ** 20, norm / 4 / 2 ** 20];
  const offsets = binOffsets(edges);
  const logits = rows.map(() => Math.fround(bias));
  const parameters = [bias];
  for (let tree = 0; tree < config.trees; tree++) {
    const steps = rows.map(({ label }, i) => {
      const p = sigmoid(logits[i]!);
      return { g: Math.round((p - label) / perGradient), h: Math.round((p * (1 - p)) / perCurvature) };
    });
    const questions = new Array<number>(2 * (2 ** depth - 1)).fill(0);
    const leaves = new Array<number>(2 ** depth).fill(0);
    const memberOf = new Array<number>(rows.length).fill(0);
    const grow = (node: number, members: readonly number[], level: number): void => {
      const gradients = new Float64Array(offsets.at(-1)!);
      const curvatures = new Float64Array(offsets.at(-1)!);
      for (const row of members)
        for (const [feature, own] of edges.entries()) {
          const bin = offsets[feature]! + binOf(own, rows[row]!.features[feature]!);
          gradients[bin]! += steps[row]!.g * perGradient;
          curvatures[bin]! += steps[row]!.h * perCurvature;
        }
      const split = bestSplit(edges, { gradients, curvatures }, config);
      questions[2 * node] = split.feature;
      questions[2 * node + 1] = split.edge;
      const isRight = (row: number) =>
        split.feature >= 0 && rows[row]!.features[split.feature]! >= edges[split.feature]![split.edge]!;
      const sides = [members.filter((row) => !isRight(row)), members.filter(isRight)];
      for (const [side, own] of sides.entries()) {
        const child = 2 * node + 1 + side;
        if (level + 1 < depth) {
          grow(child, own, level + 1);
          continue;
        }
        const leaf = child - (2 ** depth - 1);
        const sum = (of: 'g' | 'h') => own.reduce((total, row) => total + steps[row]![of], 0);
        const [gradient, curvature] = [sum('g') * perGradient, sum('h') * perCurvature];
        leaves[leaf] = gradient === 0 ? 0 : Math.fround(learningRate * (-gradient / (curvature + l2)));
        for (const row of own) memberOf[row] = leaf;
      }
    };
    grow(0, [...rows.keys()], 0);
    for (const row of rows.keys()) logits[row]! += leaves[memberOf[row]!]!;
    parameters.push(...questions, ...leaves);
  }
  return parameters.map(Math.fround);
}

describe('tree boosting', () => {
  it.each([
    'subtract',
    'sum',
  ] as const)('over sums is bit for bit boosting of one table (siblings: %s)', async (siblings) => {
    for (const seed of [1, 2, 3]) {
      const devices = people(seed, 60);
      const config = configOf({ siblings, bias: 0.25 });
      const table = inMemory(devices.flat(), config);
      // Whatever the rounding draws: whole steps have nothing to round.
      for (const draws of [1, 2])
        expect([...(await grown(config, devices, draws))], `seed ${seed}`).toEqual(table.map((value) => value + 0));
    }
  });

  it('finds what no feature says alone', async () => {
    const parameters = await grown(configOf({ trees: 30, learningRate: 0.3, depth: 3 }), people(4, 400));
    const spec = { family: 'trees', inputs: 3, edges, depth: 3, trees: 30 } as const;
    for (const features of [Float32Array.of(-2, 0.1, 7), Float32Array.of(-2, 0.9, 7), Float32Array.of(2, 0.9, 7)])
      expect(Math.abs(predict(spec, parameters, features)[0]! - sigmoid(truth(features)))).toBeLessThan(0.1);
  });

  it('asks nothing where nothing is gained, and nobody’s leaf says nothing', async () => {
    const same = Array.from({ length: 9 }, () => [{ features: Float32Array.of(0, 0, 7), label: 1 }]);
    const parameters = await grown(configOf({ trees: 1, depth: 2, l2: 1, learningRate: 1 }), same);
    const [bias, ...tree] = parameters;
    expect([bias, ...tree.slice(0, 6).map((value) => value + 0)]).toEqual([0, -1, 0, -1, 0, -1, 0]);
    // Nine rows: gradient −4.5, curvature 2.25.
    expect(tree[6]).toBeCloseTo(4.5 / 3.25, 6);
    expect(tree.slice(7).map((value) => value + 0)).toEqual([0, 0, 0]);
  });

  it('asks for left children alone, from the second level on', () => {
    const state = { ...treeBoosting.init(configOf(), seededRandom(0)), level: 2, questions: [0, 1, 1, 1, 1, 1] };
    const [asked] = treeBoosting.layout(treeBoosting.publish(state));
    expect(asked!.length).toBe(2 * 9);
  });

  it('clips nothing that an honest device adds', async () => {
    const broadcast = treeBoosting.publish(treeBoosting.init(configOf(), seededRandom(0)));
    const tools = { trainer: undefined as never, random: seededRandom(1), signal: new AbortController().signal };
    const rows = new Array(20).fill({ features: Float32Array.of(0, 0, 7), label: 1 });
    for (const bias of [-400, 0, 400]) {
      const asked = { ...broadcast, parameters: Float32Array.of(bias) };
      const vectors = await treeBoosting.contribute(asked, rows, tools);
      for (const { name, clipNorm } of treeBoosting.layout(asked))
        expect(Math.hypot(...vectors[name]), name).toBeLessThanOrEqual(clipNorm);
    }
  });

  it('refuses noise, and says what to use', () => {
    const withNoise = () => treeBoosting.init(configOf(), seededRandom(0), { cohort: 100, noiseMultiplier: 2 });
    expect(withNoise).toThrow('random-trees/1');
  });

  it('refuses a broadcast whose questions are about edges that are not there', () => {
    const json = toJson(treeBoosting.broadcast, treeBoosting.publish(treeBoosting.init(configOf(), seededRandom(0))));
    const asking = { ...(json as object), level: 1, leftOnly: true };
    expect(treeBoosting.broadcast.safeParse({ ...asking, questions: [1, 2] }).success).toBe(true);
    expect(treeBoosting.broadcast.safeParse({ ...asking, questions: [1, 3] }).success).toBe(false);
    expect(treeBoosting.broadcast.safeParse({ ...asking, questions: [1] }).success).toBe(false);
  });
});
