import { describe, expect, it } from 'vitest';
import { base64url } from '../bytes.ts';
import { chooseEncoding } from '../encoding/grid.ts';
import { decode, encode } from '../encoding/pipeline.ts';
import { predict, sigmoid } from '../models/predict.ts';
import { type SeededRandom, seededRandom } from '../testing/seeded-random.ts';
import { addModulo, floatsToBytes } from '../vectors.ts';
import { type ClientTools, toJson } from './algorithm.ts';
import { type EvaluationState, evaluation, evaluationFigures } from './evaluation.ts';
import { batchOf, type LabelledRow } from './labelled-row.ts';
import {
  accuracy,
  averagePrecision,
  baseRate,
  bestF1,
  brierLoss,
  calibrationInTheLarge,
  lift,
  logLoss,
  meanLoss,
  rocAuc,
  tableOfRows,
} from './score-metrics.ts';

const spec = { family: 'linear', inputs: 2, outputs: 1, output: 'sigmoid' } as const;
const parameters = Float32Array.of(0.8, -0.4, -2.2);
const config = (changes: Record<string, unknown> = {}) =>
  evaluation.config.parse({
    spec,
    parameters: base64url(floatsToBytes(parameters)),
    standardization: { mean: [1, 2], std: [2, 1], clip: 4 },
    ...changes,
  });

const tools = (seed: number): ClientTools => ({
  trainer: { backend: 'none', train: () => expect.unreachable('an evaluation trains nothing') },
  random: seededRandom(seed),
  signal: new AbortController().signal,
});

/** Labels follow the model on its first input and know nothing of the second; about one in seven is positive. */
function population(random: SeededRandom, size: number): LabelledRow[][] {
  const row = (): LabelledRow => {
    const features = Float32Array.of(1 + 2 * random.normal(), 2 + random.normal());
    const chance = sigmoid(0.8 * ((features[0]! - 1) / 2) - 2.1);
    return { features, label: random.uniform() < chance ? 1 : 0 };
  };
  return Array.from({ length: size }, () => Array.from({ length: random.below(51) }, row));
}

async function round(state: EvaluationState, people: readonly LabelledRow[][]): Promise<EvaluationState> {
  const broadcast = evaluation.publish(state);
  const encoding = chooseEncoding(evaluation.layout(broadcast), { mechanism: 'none', maxDevices: 1024 });
  const sum = new Uint32Array(encoding.dimension);
  for (const [i, rows] of people.entries()) {
    const vectors = await evaluation.contribute(broadcast, rows, tools(i));
    addModulo(sum, encode(vectors, encoding, { noiseVariance: 0n, random: seededRandom(`encode ${i}`) }));
  }
  return evaluation.update(state, decode(sum, encoding, { contributors: people.length, noiseVariance: 0n }));
}

describe('through the encoding', () => {
  it('every figure agrees with the one computed from all rows in one place', async () => {
    for (const seed of [1, 2, 3]) {
      const people = population(seededRandom(seed), 200);
      const summary = evaluation.summary(await round(evaluation.init(config(), seededRandom(0)), people));
      const rows = batchOf(people.flat(), 2, config().standardization);
      const scores = predict(spec, parameters, rows.features);
      const exact = tableOfRows(scores, rows.labels);
      const close = (name: string, value: number, within: number) =>
        expect(Math.abs(summary[name]! - value), `seed ${seed}: ${name}`).toBeLessThan(within);
      // What is summed row by row is exact to the grid; what is read off 128 bins is exact to their width.
      close('rows', rows.rowCount, 1e-9);
      close('baseRate', baseRate(exact), 1e-9);
      close('logLoss', meanLoss(logLoss, scores, rows.labels), 1e-4);
      close('brier', meanLoss(brierLoss, scores, rows.labels), 1e-4);
      close('calibration', calibrationInTheLarge(exact), 1e-4);
      close('auc', rocAuc(exact), 2e-3);
      close('averagePrecision', averagePrecision(exact), 1.5e-2);
      close('liftTopTenth', lift(exact, 0.1), 5e-2);
      // The edges of cells are some of all cutoffs, so the best of them is no better than the best.
      expect(summary.f1, `seed ${seed}`).toBeLessThanOrEqual(bestF1(exact).f1 + 1e-9);
      close('f1', bestF1(exact).f1, 1e-2);
      close('accuracy', accuracy(exact), 1e-9);
      close('majorityAccuracy', 1 - baseRate(exact), 1e-9);
      // Whoever takes the cutoff gets the F1 that was promised for it, from rows of any device.
      const taken = tableOfRows(
        [...scores].map((score) => Number(score >= summary.f1Cutoff!)),
        rows.labels,
      );
      const [hits, among] = [taken.positives[1]!, taken.positives[1]! + taken.negatives[1]!];
      expect((2 * hits) / (summary.positives! + among)).toBeCloseTo(summary.f1!, 6);
      expect(summary.devices).toBe(200);
    }
  });

  it('counts come through exactly', async () => {
    const people = population(seededRandom(9), 100);
    const state = await round(evaluation.init(config({ maxRows: 50 }), seededRandom(0)), people);
    expect(state.positives.every(Number.isInteger)).toBe(true);
    expect(state.totals[0]).toBe(people.flat().length);
    expect(state.positives.reduce((sum, count) => sum + count, 0)).toBe(state.totals[1]);
    expect(state.negatives.reduce((sum, count) => sum + count, 0)).toBe(state.totals[0]! - state.totals[1]!);
  });
});

describe('what one device gives', () => {
  const broadcast = evaluation.publish(evaluation.init(config({ maxRows: 30 }), seededRandom(0)));
  const layout = evaluation.layout(broadcast);

  it('is never clipped: not when all its rows share a bin, nor when the model is always wrong', async () => {
    const wrong = Array.from({ length: 100 }, () => ({ features: Float32Array.of(-100, 100), label: 1 }));
    const vectors = await evaluation.contribute(broadcast, wrong, tools(1));
    for (const { name, clipNorm } of layout) expect(Math.hypot(...vectors[name]), name).toBeLessThanOrEqual(clipNorm);
    expect(vectors.totals[0]).toBe(30);
    expect(Math.max(...vectors.positives)).toBe(30);
  });

  it('is nothing without rows', async () => {
    const vectors = await evaluation.contribute(broadcast, [], tools(1));
    expect(layout.flatMap(({ name }) => [...vectors[name]]).every((value) => value === 0)).toBe(true);
  });

  it('keeps certain scores in the outermost bins', async () => {
    const certain = { ...broadcast, standardization: undefined, parameters: Float32Array.of(1, 0, 0) };
    const rows = [-1e9, 1e9].map((logit) => ({ features: Float32Array.of(logit, 0), label: 0 }));
    const { negatives } = await evaluation.contribute(certain, rows, tools(1));
    expect([negatives[0], negatives.at(-1)]).toEqual([1, 1]);
  });
});

it('figures that cannot be known are left out', async () => {
  const state = evaluation.init(config(), seededRandom(0));
  expect(evaluation.summary(state)).toEqual({ round: 0, devices: 0, rows: 0, positives: 0 });
  const noBuyer = await round(state, [[{ features: Float32Array.of(0, 0), label: 0 }]]);
  expect(evaluation.summary(noBuyer)).not.toHaveProperty('auc');
  expect(evaluation.summary(noBuyer).baseRate).toBe(0);
});

it('a state survives JSON, rounds add up, and the model itself is not published again', async () => {
  const people = population(seededRandom(4), 10);
  const once = await round(evaluation.init(config({ rounds: 2 }), seededRandom(0)), people);
  const restored = evaluation.state.parse(JSON.parse(JSON.stringify(toJson(evaluation.state, once))));
  expect(restored).toEqual(once);
  const twice = await round(restored, people);
  expect(twice.totals[0]).toBe(2 * once.totals[0]!);
  expect([evaluation.isDone(once), evaluation.isDone(twice)]).toEqual([false, true]);
  expect(evaluation.model(twice)).toBeUndefined();
});

it('a model with several classes, or with too few parameters, is refused', () => {
  const accepts = (changes: Record<string, unknown>) =>
    evaluation.config.safeParse({ ...(toJson(evaluation.config, config()) as object), ...changes }).success;
  expect(accepts({})).toBe(true);
  expect(accepts({ spec: { ...spec, inputs: 3 } })).toBe(false);
  expect(accepts({ spec: { ...spec, inputs: 0 } })).toBe(false);
  expect(
    accepts({
      spec: { family: 'linear', inputs: 2, outputs: 3, output: 'softmax' },
      parameters: base64url(floatsToBytes(new Float32Array(9))),
    }),
  ).toBe(false);
});

describe('under noise', () => {
  const seedOf = (rows: number, run: number) => `noise ${rows} ${run}`;
  const noiseStd = 4 * Math.sqrt(3) * 50;
  const slice = { name: 'half', column: 0, edges: [0] };

  /** What rows give in the mean whose logits are N(−2.3, 1), and who act as scored; and noise as of z = 4 and 50 rows a device. */
  function stateOf(seed: string, rows: number, std: number, changes: object = {}): EvaluationState {
    const random = seededRandom(seed);
    const start = evaluation.init(config({ bins: 32, ...changes }), seededRandom(0));
    const bins = Array.from({ length: 32 }, (_, bin) => (bin + 0.5) / 2 - 8);
    const density = bins.map((x) => Math.exp(-((x + 2.3) ** 2) / 2));
    const all = density.reduce((sum, share) => sum + share, 0);
    const perBin = (of: (x: number) => number) => bins.map((x, i) => (rows * density[i]! * of(x)) / all);
    const noisy = (values: readonly number[]) => Float64Array.from(values, (value) => value + std * random.normal());
    const [positives, negatives] = [perBin(sigmoid), perBin((x) => 1 - sigmoid(x))];
    const acting = positives.reduce((sum, value) => sum + value, 0);
    const part = [...positives, ...negatives].map((count) => count / 2);
    return evaluation.update(start, {
      sums: {
        positives: noisy(positives),
        negatives: noisy(negatives),
        totals: noisy([rows, acting, acting, 0.02 * rows, 0.1 * rows]),
        parts: noisy([...part, ...part]),
      },
      contributors: rows / 50,
      noiseStd: { positives: std, negatives: std, totals: std, parts: std },
    });
  }
  const exact = evaluation.summary(stateOf('exact', 1e6, 0));

  it.each([
    3e5, 1e6,
  ])('of %d rows, AUC and calibration stay where they are, and their noise is as large as said', (rows) => {
    const runs = 150;
    const found = Array.from({ length: runs }, (_, run) =>
      evaluation.summary(stateOf(seedOf(rows, run), rows, noiseStd)),
    );
    for (const name of ['auc', 'calibration'] as const) {
      const errors = found.map((figures) => figures[name]! - exact[name]!);
      const said = found.map((figures) => figures[`${name}Noise`]!);
      const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / runs;
      const typical = meanOf(said);
      expect(Math.abs(meanOf(errors)) / typical, name).toBeLessThan(0.4);
      // 1 ± .06, four of these.
      expect(Math.abs(Math.sqrt(meanOf(errors.map((error) => error ** 2))) / typical - 1), name).toBeLessThan(0.25);
    }
  });

  it.each([3e5, 1e6, 1e7])('of %d rows, calibration errs by no more than its noise lets it', (rows) => {
    const shares = Array.from({ length: 40 }, (_, run) => {
      const figures = evaluation.summary(stateOf(seedOf(rows, run), rows, noiseStd));
      const error = figures.expectedCalibrationError! - exact.expectedCalibrationError!;
      return Math.abs(error) / figures.expectedCalibrationErrorNoise!;
    });
    // The reach at 95 %: of 40, five or more beyond it are 1 in 20 at the worst, and it was chosen wide.
    expect(shares.filter((share) => share > 1.645).length).toBeLessThan(4);
  });

  it('the lift and the best F1 are not those of rows that nobody has', () => {
    const figures = Array.from({ length: 60 }, (_, run) =>
      evaluation.summary(stateOf(seedOf(1e6, run), 1e6, noiseStd)),
    );
    for (const name of ['liftTopTenth', 'f1', 'averagePrecision', 'accuracy']) {
      const mean = figures.reduce((sum, one) => sum + one[name]! / figures.length, 0);
      expect(Math.abs(mean / exact[name]! - 1), name).toBeLessThan(0.04);
    }
  });

  it('what noise hides has no figure, and its slices are unknown rather than missing', () => {
    const few = stateOf('few', 2000, noiseStd, { slices: [slice] });
    expect(evaluation.summary(few)).not.toHaveProperty('auc');
    expect(evaluation.summary(few)).not.toHaveProperty('calibration');
    expect(evaluationFigures(few).sliceAucs).toEqual({
      'half/0': { value: Number.NaN, noise: Number.NaN },
      'half/1': { value: Number.NaN, noise: Number.NaN },
    });
  });

  it('no noise, no noise of figures', () => {
    expect(Object.keys(exact).filter((name) => name.endsWith('Noise'))).toEqual([]);
    expect(Object.values(evaluationFigures(stateOf('exact', 1e6, 0)).auc)).toEqual([exact.auc, 0]);
  });
});
