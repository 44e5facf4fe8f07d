import { describe, expect, it } from 'vitest';
import type { Rounding } from '../encoding/stage.ts';
import { predict, sigmoid } from '../models/predict.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { treesOfOneTable } from '../testing/trees-of-one-table.ts';
import { toJson } from './algorithm.ts';
import type { LabelledRow } from './labelled-row.ts';
import { type TreeBoostingConfig, treeBoosting } from './tree-boosting.ts';

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

async function grown(
  config: TreeBoostingConfig,
  devices: readonly LabelledRow[][],
  seed = 1,
  rounding?: Rounding,
): Promise<Float32Array> {
  let state = treeBoosting.init(config, seededRandom(0));
  while (!treeBoosting.isDone(state)) {
    // Through JSON, as between two rounds of a coordinator.
    const stored = JSON.parse(JSON.stringify(toJson(treeBoosting.state, state)));
    state = await algorithmRound(treeBoosting, treeBoosting.state.parse(stored), devices, {
      seed: `${seed}, ${state.round}`,
      ...(rounding && { rounding }),
    });
  }
  return treeBoosting.model(state)!.parameters;
}

describe('tree boosting', () => {
  it.each([
    'subtract',
    'sum',
  ] as const)('over sums is bit for bit boosting of one table (siblings: %s)', async (siblings) => {
    for (const seed of [1, 2, 3]) {
      const devices = people(seed, 60);
      const config = configOf({ siblings, bias: 0.25 });
      const table = treesOfOneTable(devices.flat(), config);
      // Whatever the rounding draws: whole steps have nothing to round.
      for (const draws of [1, 2])
        expect([...(await grown(config, devices, draws))], `seed ${seed}`).toEqual(table.map((value) => value + 0));
    }
  });

  it('rounds to the nearest where a cohort is too large for whole steps, and is still that of one table', async () => {
    // Up to 2,047 devices share a grid of 2^20 steps, twice as many one of half as many steps.
    const devices = people(5, 9000)
      .filter(({ length }) => length > 0)
      .map(([row]) => [row!])
      .slice(0, 3000);
    const config = configOf({ trees: 2, depth: 2, maxRows: 1 });
    const table = treesOfOneTable(devices.flat(), config, { coarser: 2 }).map((value) => value + 0);
    expect([...(await grown(config, devices, 1))]).toEqual(table);
    expect([...(await grown(config, devices, 1, 'stochastic'))]).not.toEqual(table);
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
