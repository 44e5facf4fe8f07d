import { describe, expect, it } from 'vitest';
import { base64url } from '../bytes.ts';
import { predict, sigmoid } from '../models/predict.ts';
import type { ModelSpec } from '../models/spec.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { floatsToBytes } from '../vectors.ts';
import { calibratedModel, calibration, calibrationOf, logitBins } from './calibration.ts';
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
    expect(calibrationOf(same)).toMatchObject({ slope: 1, intercept: 0, isKnown: false });
    const wrong = await algorithmRound(calibration, startOf(models[0]!, { method: 'platt' }), people(5, 200, -1, 0), {
      seed: 5,
    });
    expect(() => calibratedModel(wrong)).toThrow('train it anew');
  });

  it('holds under noise', async () => {
    const seed = 6;
    const noise = { numerator: 3, denominator: 1 };
    const state = await algorithmRound(calibration, startOf(models[0]!), people(seed, 4000, 1, -1), { seed, noise });
    const { intercept, isKnown } = calibrationOf(state);
    expect(isKnown).toBe(true);
    expect(Math.abs(intercept + 1), `seed ${seed}`).toBeLessThan(0.5);
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

describe('under the noise of a device with 50 rows', () => {
  const noise = { numerator: 5, denominator: 1 };
  const noiseStd = 5 * 50;

  /** What `rows` rows give in the mean that score x ~ N(−2.5, 1) and act with log-odds slope · x + intercept, and noise. */
  function sumsOf(seed: number | string, rows: number, { slope, intercept }: { slope: number; intercept: number }) {
    const random = seededRandom(seed);
    const width = 16 / logitBins;
    const inBins = (share: (x: number) => number) =>
      Array.from({ length: logitBins }, (_, bin) => {
        const x = (bin + 0.5) * width - 8;
        return (rows * width * Math.exp(-((x + 2.5) ** 2) / 2) * share(x)) / Math.sqrt(2 * Math.PI);
      });
    const acts = (x: number) => sigmoid(slope * x + intercept);
    const counts = [...inBins((x) => 1 - acts(x)), ...inBins(acts)];
    const noisy = Float64Array.from(counts, (count) => count + noiseStd * random.normal());
    return { sums: { counts: noisy }, contributors: rows / 50, noiseStd: { counts: noiseStd } };
  }
  const stateOf = (...[seed, rows, map]: Parameters<typeof sumsOf>) =>
    calibration.update(startOf(models[0]!), sumsOf(seed, rows, map));

  it('a model that is right stays right, through the encoding', async () => {
    for (const seed of [11, 12, 13]) {
      const random = seededRandom(seed);
      const row = (): LabelledRow => {
        const x = 1.2 * random.normal() - 2.5;
        return { features: Float32Array.of(x), label: random.uniform() < sigmoid(x) ? 1 : 0 };
      };
      const devices = Array.from({ length: 2000 }, () => Array.from({ length: 50 }, row));
      const state = await algorithmRound(calibration, startOf(models[0]!), devices, { seed, noise });
      expect(Math.sqrt(state.noiseVariance)).toBeCloseTo(noiseStd, 0);
      expect(calibrationOf(state), `seed ${seed}`).toMatchObject({ slope: 1, intercept: 0, isKnown: false });
      expect(calibration.summary(state)).toMatchObject({ isKnown: 0 });
      expect(calibratedModel(state).parameters).toEqual(state.config.parameters);
    }
  });

  it.each([1e4, 1e5, 3e5, 1e6])('of %d rows, a model that is right is hardly moved, but by a rare chance', (rows) => {
    const moves = Array.from({ length: 40 }, (_, run) => {
      const { slope, intercept } = calibrationOf(stateOf(`right ${rows} ${run}`, rows, { slope: 1, intercept: 0 }));
      // The level at the logit where most positives are.
      return Math.max(Math.abs(slope - 1), Math.abs((slope - 1) * -2 + intercept));
    });
    // The level is taken for wrong once in 370 times, three errors of .1 are less likely still: two of 40 are 1 in 200.
    expect(moves.filter((move) => move > 0.3).length).toBeLessThan(2);
  });

  it('a large error of the level is mended where no slope can be known', () => {
    for (let run = 0; run < 40; run++) {
      const found = calibrationOf(stateOf(`level ${run}`, 5e4, { slope: 1, intercept: 1 }));
      expect(found, `run ${run}`).toMatchObject({ slope: 1, isKnown: true });
      expect(Math.abs(found.intercept - 1), `run ${run}`).toBeLessThan(4 * found.interceptError);
    }
  });

  it('the slope is mended where people are many, and its errors are those that noise makes', () => {
    const runs = 200;
    const found = Array.from({ length: runs }, (_, run) =>
      calibrationOf(stateOf(`slope ${run}`, 4e6, { slope: 0.7, intercept: -0.3 })),
    );
    expect(found.every(({ isKnown, slopeError }) => isKnown && slopeError > 0)).toBe(true);
    const slopes = found.map(({ slope, slopeError }) => (slope - 0.7) / slopeError);
    const levels = found.map(({ slope, intercept, interceptError }) => {
      return ((slope - 0.7) * -2 + intercept + 0.3) / interceptError;
    });
    for (const shares of [slopes, levels]) {
      const spread = Math.sqrt(shares.reduce((sum, share) => sum + share * share, 0) / runs);
      // 1 ± .05, four of these, and the first order's own error.
      expect(Math.abs(spread - 1)).toBeLessThan(0.25);
    }
  });
});
