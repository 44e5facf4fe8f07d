import { describe, expect, it } from 'vitest';
import { predict, sigmoid } from '../models/predict.ts';
import { treeLayout } from '../models/trees.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { toJson } from './algorithm.ts';
import type { LabelledRow } from './labelled-row.ts';
import { type RandomTreesConfig, randomTrees } from './random-trees.ts';
import { rocAuc, tableOfRows } from './score-metrics.ts';
import { leafValue, shrunkenLeaf } from './tree-split.ts';

const edges = [[-1, 0, 1], [0.25, 0.5, 0.75], []];
const configOf = (more: object = {}) => randomTrees.config.parse({ edges, trees: 12, batch: 4, ...more });
const truth = ([a, b]: Float32Array) => 2 * a! + 3 * (b! - 0.5) - 1;

function people(seed: number, count: number, mostRows = 3): LabelledRow[][] {
  const random = seededRandom(seed);
  const row = () => {
    const features = Float32Array.of(random.normal(), random.uniform(), 7);
    return { features, label: random.uniform() < sigmoid(truth(features)) ? 1 : 0 };
  };
  return Array.from({ length: count }, () => Array.from({ length: 1 + random.below(mostRows) }, row));
}

async function grown(config: RandomTreesConfig, devices: readonly LabelledRow[][], noise?: number, seed = 1) {
  let state = randomTrees.init(config, seededRandom(`questions ${seed}`));
  while (!randomTrees.isDone(state)) {
    // Through JSON, as between two rounds of a coordinator.
    const stored = randomTrees.state.parse(JSON.parse(JSON.stringify(toJson(randomTrees.state, state))));
    state = await algorithmRound(randomTrees, stored, devices, {
      seed: `${seed}, ${state.round}`,
      ...(noise !== undefined && { noise: { numerator: noise * 1000, denominator: 1000 } }),
    });
  }
  return { state, ...randomTrees.model(state)! };
}

async function aucOf(config: RandomTreesConfig, devices: readonly LabelledRow[][], noise?: number): Promise<number> {
  const { spec, parameters } = await grown(config, devices, noise);
  const rows = people(99, 2000, 1).flat();
  const features = Float32Array.from(rows.flatMap((row) => [...row.features]));
  return rocAuc(
    tableOfRows(
      predict(spec, parameters, features),
      rows.map(({ label }) => label),
    ),
  );
}

describe('random trees', () => {
  it('ask the same whatever people do: questions are settled before anybody is asked', async () => {
    const { leavesAt, length } = treeLayout({ depth: 3 });
    const asked = async (devices: LabelledRow[][]) => {
      const { state, parameters } = await grown(configOf(), devices);
      const trees = Array.from({ length: 12 }, (_, tree) => [
        ...parameters.slice(1 + tree * length, 1 + tree * length + leavesAt),
      ]);
      expect(trees.flat()).toEqual(state.questions);
      return trees.flat();
    };
    expect(await asked(people(1, 30))).toEqual(await asked(people(2, 50)));
  });

  it('ask about every edge, and about no feature that has none', () => {
    const { questions } = randomTrees.init(configOf({ trees: 100 }), seededRandom(5));
    const asked = new Set<string>();
    for (let at = 0; at < questions.length; at += 2) asked.add(`${questions[at]} ${questions[at + 1]}`);
    expect([...asked].sort()).toEqual(['0 0', '0 1', '0 2', '1 0', '1 1', '1 2']);
  });

  it('ask nothing where no feature has an edge', async () => {
    const { parameters } = await grown(configOf({ edges: [[], [], []], trees: 1, depth: 1 }), people(3, 10));
    expect([...parameters.slice(1, 3)]).toEqual([-1, 0]);
  });

  it('take the mean of the Newton steps of a round’s trees, everybody in one table', async () => {
    const devices = people(4, 40, 1);
    const config = configOf({ trees: 4, depth: 1, learningRate: 0.5, l2: 2, bias: -0.5 });
    const { parameters, state } = await grown(config, devices);
    const p = sigmoid(-0.5);
    for (let tree = 0; tree < 4; tree++) {
      const [feature, edge] = [state.questions[2 * tree]!, state.questions[2 * tree + 1]!];
      for (const side of [0, 1]) {
        const rows = devices
          .flat()
          .filter(({ features }) => features[feature]! >= edges[feature]![edge]! === (side === 1));
        const gradient = rows.reduce((sum, { label }) => sum + p - label, 0);
        const step = (0.5 / 4) * leafValue({ gradient, curvature: rows.length * p * (1 - p) }, 2);
        expect(parameters[1 + tree * 4 + 2 + side]).toBeCloseTo(step, 4);
      }
    }
  });

  it.each(['uniform', 'rows'] as const)('clip nothing that an honest device adds (%s)', async (weighting) => {
    const state = randomTrees.init(configOf({ weighting, maxRows: 5 }), seededRandom(1));
    const tools = { trainer: undefined as never, random: seededRandom(1), signal: new AbortController().signal };
    for (const bias of [-400, 0, 400])
      for (const rows of [
        [],
        ...people(6, 3, 9),
        new Array(20).fill({ features: Float32Array.of(0, 0, 7), label: 1 }),
      ]) {
        const asked = { ...randomTrees.publish(state), parameters: Float32Array.of(bias) };
        const vectors = await randomTrees.contribute(asked, rows, tools);
        for (const { name, clipNorm } of randomTrees.layout(asked))
          expect(Math.hypot(...vectors[name]), name).toBeLessThanOrEqual(clipNorm * (1 + 1e-6));
      }
  });

  it('learn, and noise costs the less the more people there are', { timeout: 60_000 }, async () => {
    const config = configOf({ trees: 40, batch: 20, learningRate: 1, depth: 2 });
    const [quiet, many, few] = [
      await aucOf(config, people(7, 3000, 1)),
      await aucOf(config, people(7, 3000, 1), 8),
      await aucOf(config, people(7, 100, 1), 8),
    ];
    expect(quiet).toBeGreaterThan(0.8);
    expect(many).toBeGreaterThan(quiet - 0.05);
    expect(few).toBeLessThan(many - 0.05);
  });

  it('say little where the noise is all there is', () => {
    const pair = { gradient: 30, curvature: 2 };
    expect(shrunkenLeaf(pair, { l2: 1, noiseStd: 0 })).toBe(leafValue(pair, 1));
    expect(Math.abs(shrunkenLeaf(pair, { l2: 1, noiseStd: 30 }))).toBeLessThan(0.1);
    expect(shrunkenLeaf({ gradient: 30, curvature: -4 }, { l2: 1, noiseStd: 30 })).toBe(0);
  });
});

describe('a task of random trees', () => {
  const start = (terms: { epsilon?: number; devices?: number }, more = {}) =>
    randomTrees.init(configOf(more), seededRandom(1), { cohort: 1000, noiseMultiplier: 4, ...terms });

  it('is refused where a strict promise meets few devices, and told why', () => {
    const refused = expect.objectContaining({ code: 'too-few-devices', message: expect.stringContaining('outweigh') });
    expect(() => start({ epsilon: 2, devices: 19_999 })).toThrow(refused);
    expect(() => start({ epsilon: 0.5, devices: 1_000_000 }, { devices: 5000 })).toThrow(refused);
  });

  it('is taken with more devices, a looser promise or none', () => {
    expect(start({ epsilon: 2, devices: 20_000 }).round).toBe(0);
    expect(start({ epsilon: 1, devices: 1000 }, { devices: 50_000 }).round).toBe(0);
    expect(start({ epsilon: 2.01, devices: 1000 }).round).toBe(0);
    expect(start({ devices: 10 }).round).toBe(0);
  });

  it('has broadcasts that ask only about what is there', () => {
    const json = toJson(randomTrees.broadcast, randomTrees.publish(start({}))) as { questions: number[] };
    const withQuestions = (questions: number[]) => randomTrees.broadcast.safeParse({ ...json, questions }).success;
    expect(withQuestions(json.questions)).toBe(true);
    expect(withQuestions([])).toBe(false);
    expect(withQuestions(json.questions.slice(2))).toBe(false);
    expect(withQuestions(json.questions.with(0, 2))).toBe(false);
    expect(withQuestions(json.questions.with(1, 3))).toBe(false);
  });
});
