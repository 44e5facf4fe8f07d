import { describe, expect, it } from 'vitest';
import { base64url } from '../bytes.ts';
import { predict, sigmoid } from '../models/predict.ts';
import type { ModelSpec } from '../models/spec.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { floatsToBytes } from '../vectors.ts';
import { calibratedModel, calibration, calibrationOf } from './calibration.ts';
import type { LabelledRow } from './labelled-row.ts';

const linear: ModelSpec = { family: 'linear', inputs: 1, outputs: 1, output: 'sigmoid' };
const models: readonly (readonly [ModelSpec, readonly number[]])[] = [
  [linear, [1, 0]],
  [
    { family: 'mlp', inputs: 1, hidden: [2], activation: 'relu', outputs: 1, output: 'sigmoid' },
    [1, -1, 0, 0, 1, -1, 0],
  ],
  [{ family: 'additive', inputs: 1, edges: [[-1, 0, 1]] }, [0.25, -1.5, -0.5, 0.5, 1.5]],
  [{ family: 'trees', inputs: 1, edges: [[-1, 0, 1]], depth: 1, trees: 2 }, [0.25, 0, 1, -0.7, 0.7, 0, 0, -0.5, 0.2]],
];

const startOf = ([spec, parameters]: (typeof models)[number], more: object = {}) => {
  const text = base64url(floatsToBytes(Float32Array.from(parameters)));
  return calibration.init(calibration.config.parse({ spec, parameters: text, ...more }), seededRandom(0));
};

/** Rows act with log-odds slope · x + intercept, where an honest model says x. */
function people(seed: number, count: number, slope: number, intercept: number): LabelledRow[][] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () =>
    Array.from({ length: 20 }, () => {
      const x = 1.5 * random.normal();
      return { features: Float32Array.of(x), label: random.uniform() < sigmoid(slope * x + intercept) ? 1 : 0 };
    }),
  );
}

describe('calibration', () => {
  it('finds how far off the intercept is, whatever the slope, where positives are few', async () => {
    const seed = 1;
    const state = await algorithmRound(calibration, startOf(models[0]!), people(seed, 60, 1, -1), { seed });
    const { slope, intercept } = calibrationOf(state);
    expect(slope).toBe(1);
    // 1,200 rows: a standard error of about .08, and bins a quarter wide.
    expect(Math.abs(intercept + 1), `seed ${seed}`).toBeLessThan(0.3);
  });

  it('finds the slope too from 2,000 positives on, or where it is asked for', async () => {
    const seed = 2;
    const devices = people(seed, 400, 0.5, -0.5);
    const many = calibrationOf(await algorithmRound(calibration, startOf(models[0]!), devices, { seed }));
    const asked = startOf(models[0]!, { method: 'intercept' });
    const alone = calibrationOf(await algorithmRound(calibration, asked, devices, { seed }));
    expect(Math.abs(many.slope - 0.5), `seed ${seed}`).toBeLessThan(0.08);
    expect(Math.abs(many.intercept + 0.5), `seed ${seed}`).toBeLessThan(0.15);
    expect(alone.slope).toBe(1);
  });

  it.each(models)('leaves the order of scores and mends their level, of every family (%#)', async (...model) => {
    const seed = 3;
    const devices = people(seed, 300, 1, -1.2);
    const start = startOf(model);
    const learned = calibratedModel(await algorithmRound(calibration, start, devices, { seed }));
    const features = Float32Array.from(devices.flat(), (row) => row.features[0]!);
    const [before, after] = [start.config.parameters, learned.parameters].map((parameters) =>
      predict(model[0], parameters, features),
    );
    const order = [...before!.keys()].sort((a, b) => before![a]! - before![b]!);
    const ordered = order.map((row) => after![row]!);
    expect(ordered.every((score, i) => i === 0 || score >= ordered[i - 1]! - 1e-6)).toBe(true);
    const total = (values: ArrayLike<number>) => Array.from(values).reduce((sum, value) => sum + value, 0);
    const acted = total(devices.flat().map(({ label }) => label));
    expect(Math.abs(total(after!) / acted - 1), `seed ${seed}`).toBeLessThan(0.05);
    expect(total(before!) / acted).toBeGreaterThan(1.2);
  });

  it('changes nothing where only one label was counted, and refuses a model that ranks the wrong way round', async () => {
    const none = people(4, 20, 1, -40);
    const same = await algorithmRound(calibration, startOf(models[0]!), none, { seed: 4 });
    expect(calibrationOf(same)).toEqual({ slope: 1, intercept: 0 });
    const wrong = await algorithmRound(calibration, startOf(models[0]!, { method: 'platt' }), people(5, 200, -1, 0), {
      seed: 5,
    });
    expect(() => calibratedModel(wrong)).toThrow('train it anew');
  });

  it('holds under noise', async () => {
    const seed = 6;
    const noise = { numerator: 3, denominator: 1 };
    const state = await algorithmRound(calibration, startOf(models[0]!), people(seed, 800, 1, -1), { seed, noise });
    expect(Math.abs(calibrationOf(state).intercept + 1), `seed ${seed}`).toBeLessThan(0.5);
  });

  it('clips nothing of an honest device', async () => {
    const broadcast = calibration.publish(startOf(models[0]!));
    const tools = { trainer: undefined as never, random: seededRandom(1), signal: new AbortController().signal };
    const rows = new Array(80).fill({ features: Float32Array.of(100), label: 1 });
    const { counts } = await calibration.contribute(broadcast, rows, tools);
    expect(Math.hypot(...counts)).toBeLessThanOrEqual(calibration.layout(broadcast)[0]!.clipNorm);
  });

  it('refuses models that do not score one probability, and methods that follow the noise', () => {
    const spec = { family: 'linear', inputs: 1, outputs: 2, output: 'softmax' };
    expect(calibration.config.safeParse({ spec, parameters: 'AAAAAAAAAAAAAAAAAAAAAA' }).success).toBe(false);
    const isotonic = { spec: linear, parameters: 'AAAAAAAAAAA', method: 'isotonic' };
    expect(calibration.config.safeParse(isotonic).success).toBe(false);
    expect(calibration.config.safeParse({ ...isotonic, method: 'platt' }).success).toBe(true);
  });
});
