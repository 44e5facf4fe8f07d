import { expect, it } from 'vitest';
import { canMerge } from '../encoding/merge.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { type AnyAlgorithm, type ClientTools, toJson } from './algorithm.ts';
import { fedAvg } from './fed-avg.ts';
import { builtIn, registryOf } from './registry.ts';

it('every built-in algorithm is found under the name that plans use', () => {
  expect([...builtIn.keys()]).toEqual([
    'moments/1',
    'device-moments/1',
    'fed-avg/1',
    'evaluation/1',
    'histogram/1',
    'quantiles/1',
    'additive-boosting/1',
    'tree-boosting/1',
    'random-trees/1',
    'k-means/1',
    'drift/1',
    'density/1',
    'heavy-hitters/1',
    'experiment/1',
    'calibration/1',
    'comparison/1',
  ]);
  for (const [name, algorithm] of builtIn) expect(algorithm.name).toBe(name);
});

it('an app adds its own beside them, and two of one name are refused', () => {
  const mine = { ...fedAvg, name: 'mine/1' };
  expect(registryOf(...builtIn.values(), mine).get('mine/1')?.layout).toBe(fedAvg.layout);
  expect(() => registryOf(...builtIn.values(), fedAvg)).toThrow(/share a name/);
});

it('an algorithm that a device does not have is not there', () => {
  expect(builtIn.get('fed-avg/2')).toBeUndefined();
});

const spec = { family: 'linear', inputs: 2, outputs: 1, output: 'sigmoid' };
const configs: Record<string, unknown> = {
  'moments/1': { bounds: { lower: [0, 0], upper: [1, 1] } },
  'device-moments/1': { lower: [0, 0, 0], upper: [1, 1, 1], centers: [0, 0, 0], clipNorms: { distances: 2 } },
  'fed-avg/1': {
    spec,
    server: { optimizer: 'momentum', learningRate: 1 },
    client: { learningRate: 0.5 },
    clipNorm: 1,
    rounds: 1,
  },
  'evaluation/1': { spec, parameters: 'AAAAAAAAAAAAAAAA' },
  'histogram/1': { grid: { bounds: { lower: [0, 0], upper: [1, 1] } } },
  'quantiles/1': { grid: { bounds: { lower: [0, 0], upper: [1, 1] } } },
  'additive-boosting/1': { edges: [[0.5], [0.25, 0.75]], rounds: 1 },
  'tree-boosting/1': { edges: [[0.5], [0.25, 0.75]], trees: 1, depth: 1 },
  'random-trees/1': { edges: [[0.5], [0.25, 0.75]], trees: 2, depth: 2 },
  'k-means/1': { bounds: { lower: [0, 0], upper: [1, 1] }, columns: [0, 1], segments: 2, rounds: 1 },
  'heavy-hitters/1': { minPeople: 2 },
  'experiment/1': { shares: [0.5, 0.5], outcome: { lo: 0, hi: 1 } },
  'calibration/1': { spec, parameters: 'AAAAAAAAAAAAAAAA' },
  'comparison/1': {
    champion: { spec, parameters: 'AAAAAAAAAAAAAAAA' },
    candidate: { spec, parameters: 'AAAAAAAAAAAAAAAA' },
  },
  'density/1': { bounds: { lower: [0, 0], upper: [1, 1] }, columns: [0, 1], cells: 4, minPoints: 1 },
  'drift/1': {
    edges: [[0.5], []],
    reference: [[3, 4], [7]],
    model: { spec, parameters: 'AAAAAAAAAAAAAAAA' },
    periods: 1,
  },
};

it('a shell runs every algorithm without knowing its types, with JSON between all its parts', async () => {
  for (const [name, algorithm] of builtIn) expect(await runOnce(algorithm, configs[name]), name).toBe(true);
});

it('only what is a mean can be merged robustly: counts can but be added up', () => {
  const isMean = [...builtIn].map(([name, algorithm]) => {
    const state = algorithm.init(algorithm.config.parse(configs[name]), seededRandom(0));
    return [name, canMerge(algorithm.layout(algorithm.publish(state)), { rule: 'median' })];
  });
  expect(Object.fromEntries(isMean)).toEqual({
    'moments/1': false,
    'device-moments/1': false,
    'fed-avg/1': true,
    'evaluation/1': false,
    'histogram/1': false,
    'quantiles/1': false,
    'additive-boosting/1': false,
    'tree-boosting/1': false,
    'random-trees/1': false,
    'k-means/1': false,
    'drift/1': false,
    'density/1': false,
    'heavy-hitters/1': false,
    'experiment/1': false,
    'calibration/1': false,
    'comparison/1': false,
  });
});

const tools: ClientTools = {
  trainer: { backend: 'still', train: async (_, start) => start.map((value) => value + 0.1) },
  random: seededRandom(1),
  signal: new AbortController().signal,
};

/** One round with a single device. @returns whether the algorithm is done */
async function runOnce(algorithm: AnyAlgorithm, config: unknown): Promise<boolean> {
  const travel = (json: unknown): unknown => JSON.parse(JSON.stringify(json));
  const state = algorithm.init(algorithm.config.parse(config), seededRandom(0));
  const sent = travel(toJson(algorithm.broadcast, algorithm.publish(state)));
  const received = algorithm.broadcast.parse(sent);
  const row = { features: Float32Array.of(0.2, 0.7), label: 1 };
  const vectors = await algorithm.contribute(received, [row], tools);
  const layout = algorithm.layout(received);
  for (const { name, length } of layout) expect(vectors[name]).toHaveLength(length);
  const sums = Object.fromEntries(layout.map(({ name }) => [name, Float64Array.from(vectors[name]!)]));
  const stored = algorithm.state.parse(travel(toJson(algorithm.state, state)));
  const noiseStd = Object.fromEntries(layout.map(({ name }) => [name, 0]));
  const next = algorithm.update(stored, { sums, contributors: 1, noiseStd });
  expect(travel(algorithm.summary(next))).toEqual(algorithm.summary(next));
  return algorithm.isDone(algorithm.state.parse(travel(toJson(algorithm.state, next))));
}
