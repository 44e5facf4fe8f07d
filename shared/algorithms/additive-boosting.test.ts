import { describe, expect, it } from 'vitest';
import { predict, sigmoid } from '../models/predict.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { type AdditiveBoostingState, additiveBoosting } from './additive-boosting.ts';
import { newtonDirection } from './additive-step.ts';
import { toJson } from './algorithm.ts';
import type { LabelledRow } from './labelled-row.ts';

const edges = [[-1, 0, 1], [0.5]];
const start = (more: object = {}) =>
  additiveBoosting.init(additiveBoosting.config.parse({ edges, rounds: 40, ...more }), seededRandom(0));

/** The log-odds are a step in the first feature and a smaller one in the second: an additive model can be right. */
const truth = ([a, b]: Float32Array) => -1 + (a! >= 0 ? 2 : 0) + (b! >= 0.5 ? -1 : 0.5);

function people(seed: number, count: number): LabelledRow[][] {
  const random = seededRandom(seed);
  const row = () => {
    const features = Float32Array.of(random.normal(), random.uniform());
    return { features, label: random.uniform() < sigmoid(truth(features)) ? 1 : 0 };
  };
  return Array.from({ length: count }, () => Array.from({ length: random.below(6) }, row));
}

async function play(state: AdditiveBoostingState, devices: readonly LabelledRow[][]): Promise<AdditiveBoostingState[]> {
  const states = [state];
  while (!additiveBoosting.isDone(states.at(-1)!))
    states.push(await algorithmRound(additiveBoosting, states.at(-1)!, devices, { seed: states.length }));
  return states;
}

/** The same boosting on a table, in doubles and as plainly as it can be written. */
function inMemory(rows: readonly LabelledRow[], rounds: number, l2 = 1): (features: Float32Array) => number {
  const bin = (feature: number, value: number) => edges[feature]!.filter((edge) => edge <= value).length;
  const shapes = edges.map((own) => new Array<number>(own.length + 1).fill(0));
  let bias = 0;
  const logit = (features: Float32Array) =>
    shapes.reduce((sum, shape, feature) => sum + shape[bin(feature, features[feature]!)]!, bias);
  for (let round = 0; round < rounds; round++) {
    const at = rows.map(({ features, label }) => ({ features, label, p: sigmoid(logit(features)) }));
    const newton = (some: typeof at, moved: number) => {
      const gradient = some.reduce((sum, { p, label }) => sum + p - label, 0);
      const curvature = some.reduce((sum, { p }) => sum + p * (1 - p), 0);
      return -(gradient + moved * curvature) / (curvature + l2);
    };
    const moved = newton(at, 0);
    const steps = shapes.map((shape, feature) =>
      shape.map((_, own) =>
        newton(
          at.filter(({ features }) => bin(feature, features[feature]!) === own),
          moved,
        ),
      ),
    );
    bias += moved;
    for (const [feature, step] of steps.entries())
      for (const [own, value] of step.entries()) shapes[feature]![own]! += value / edges.length;
  }
  return logit;
}

describe('additive boosting', () => {
  it('over sums is boosting of everybody’s rows in one table', async () => {
    const devices = people(1, 200);
    const last = (await play(start({ rounds: 12 }), devices)).at(-1)!;
    const { spec, parameters } = additiveBoosting.model(last)!;
    const logit = inMemory(devices.flat(), 12);
    for (const { features } of people(2, 20).flat())
      expect(predict(spec, parameters, features)[0]).toBeCloseTo(sigmoid(logit(features)), 5);
  });

  it('finds log-odds that are a sum of steps', async () => {
    const last = (await play(start({ rounds: 20 }), people(3, 2500))).at(-1)!;
    const { spec, parameters } = additiveBoosting.model(last)!;
    for (const features of [Float32Array.of(-2, 0.1), Float32Array.of(0.5, 0.9), Float32Array.of(2, 0.2)])
      expect(Math.abs(predict(spec, parameters, features)[0]! - sigmoid(truth(features)))).toBeLessThan(0.05);
  });

  it('never keeps a step after which the same rows lose more, however far it is made to leap', async () => {
    const devices = people(4, 300);
    const states = await play(start({ learningRate: 1, acceleration: 4, l2: 0, rounds: 30 }), devices);
    const losses = states.slice(1).map(({ loss }) => loss!);
    for (let i = 1; i < losses.length; i++) expect(losses[i]).toBeLessThanOrEqual(losses[i - 1]! + 1e-4);
    expect(states.at(-1)!.stepsBack).toBeGreaterThan(0);
  });

  it('takes half a step back from the same place when a step did harm', () => {
    const before = { ...start(), round: 3, rate: 0.5, direction: new Float32Array(7).fill(1) };
    const sums = {
      gradients: new Float64Array(6).fill(9),
      curvatures: new Float64Array(6).fill(9),
      losses: Float64Array.of(10, 10.5),
      weight: Float64Array.of(20),
    };
    const after = additiveBoosting.update(before, { sums, contributors: 5 } as never);
    expect(after).toMatchObject({ round: 4, stepsBack: 1, rate: 0.25, loss: 0.5 });
    expect(after.parameters).toEqual(before.parameters);
    expect(after.direction).toEqual(before.direction);
  });

  it.each([
    'rows',
    'uniform',
  ] as const)('clips nothing that an honest device adds, weighted by %s', async (weighting) => {
    const broadcast = additiveBoosting.publish(start({ weighting, maxRows: 4 }));
    const far = { ...broadcast, parameters: new Float32Array(7).fill(-400), step: new Float32Array(7) };
    const tools = { trainer: undefined as never, random: seededRandom(1), signal: new AbortController().signal };
    const same = { features: Float32Array.of(0, 0), label: 1 };
    for (const asked of [broadcast, far]) {
      const vectors = await additiveBoosting.contribute(asked, new Array(9).fill(same), tools);
      for (const { name, clipNorm } of additiveBoosting.layout(asked))
        expect(Math.hypot(...vectors[name]), name).toBeLessThanOrEqual(clipNorm * (1 + 1e-6));
    }
  });

  it('lets a device with many rows count like one with a single row, where weighting is uniform', async () => {
    const broadcast = additiveBoosting.publish(start({ weighting: 'uniform' }));
    const tools = { trainer: undefined as never, random: seededRandom(1), signal: new AbortController().signal };
    const row = { features: Float32Array.of(0, 0), label: 1 };
    const one = await additiveBoosting.contribute(broadcast, [row], tools);
    expect(await additiveBoosting.contribute(broadcast, new Array(8).fill(row), tools)).toEqual(one);
    expect([...(await additiveBoosting.contribute(broadcast, [], tools)).weight]).toEqual([0]);
  });

  it('refuses parameters that are not one per bin', () => {
    const parameters = 'AAAAAA';
    expect(() => additiveBoosting.config.parse({ edges, rounds: 1, parameters })).toThrow('one number per bin');
  });

  it('keeps its state through JSON', async () => {
    const state = await algorithmRound(additiveBoosting, start(), people(5, 20), { seed: 1 });
    expect(additiveBoosting.state.parse(JSON.parse(JSON.stringify(toJson(additiveBoosting.state, state))))).toEqual(
      state,
    );
  });
});

describe('a step of all shape functions', () => {
  it('leaves bins alone in which nobody is, and does not trust curvatures that noise made negative', () => {
    const direction = newtonDirection([[0]], { gradients: [-4, 0], curvatures: [2, 0] }, 0);
    // Plus 0, since −0 is as good.
    expect([...direction].map((value) => value + 0)).toEqual([2, 0, 0]);
    const noisy = newtonDirection([[0]], { gradients: [-4, 1], curvatures: [2, -1] }, 1);
    expect(noisy.every(Number.isFinite)).toBe(true);
    expect(noisy[2]).toBe(-1);
  });
});
