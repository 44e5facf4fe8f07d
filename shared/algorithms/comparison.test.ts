import { describe, expect, it } from 'vitest';
import { base64url } from '../bytes.ts';
import { chooseEncoding } from '../encoding/grid.ts';
import { decode, encode } from '../encoding/pipeline.ts';
import { sigmoid } from '../models/predict.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { type SeededRandom, seededRandom } from '../testing/seeded-random.ts';
import { addModulo, floatsToBytes } from '../vectors.ts';
import type { ClientTools } from './algorithm.ts';
import { type ComparisonState, comparison, pairedDifferenceOf, releaseCaseOf } from './comparison.ts';
import { evaluation } from './evaluation.ts';
import type { LabelledRow } from './labelled-row.ts';
import { judgeRelease } from './release-gate.ts';

const spec = { family: 'linear', inputs: 2, outputs: 1, output: 'sigmoid' } as const;
const model = (...parameters: number[]) => ({
  spec,
  parameters: base64url(floatsToBytes(Float32Array.from(parameters))),
});
/** What people do. */
const truth = [1, 0, -1.5] as const;
const slice = { name: 'second', column: 1, edges: [0] };

const start = (changes: Record<string, unknown> = {}) => {
  const of = { champion: model(0.6, 0.3, -1.5), candidate: model(...truth), maxRows: 30, slices: [slice] };
  return comparison.init(comparison.config.parse({ ...of, ...changes }), seededRandom(0));
};

const tools = (seed: number | string): ClientTools => ({
  trainer: { backend: 'none', train: () => expect.unreachable('a comparison trains nothing') },
  random: seededRandom(seed),
  signal: new AbortController().signal,
});

function person(random: SeededRandom, mostRows = 20): LabelledRow[] {
  // Rows of one person are alike: they share most of what decides.
  const own = random.normal();
  return Array.from({ length: random.below(mostRows + 1) }, () => {
    const features = Float32Array.of(own + 0.3 * random.normal(), random.normal());
    return { features, label: random.uniform() < sigmoid(truth[0] * features[0]! + truth[2]) ? 1 : 0 };
  });
}

const people = (seed: number | string, size: number) => {
  const random = seededRandom(seed);
  return Array.from({ length: size }, () => person(random));
};

async function compare(state: ComparisonState, devices: readonly LabelledRow[][]): Promise<ComparisonState> {
  const broadcast = comparison.publish(state);
  const encoding = chooseEncoding(comparison.layout(broadcast), { mechanism: 'none', maxDevices: 2048 });
  const sum = new Uint32Array(encoding.dimension);
  for (const [i, rows] of devices.entries()) {
    const vectors = await comparison.contribute(broadcast, rows, tools(i));
    addModulo(sum, encode(vectors, encoding, { noiseVariance: 0n, random: seededRandom(`encode ${i}`) }));
  }
  return comparison.update(state, decode(sum, encoding, { contributors: devices.length, noiseVariance: 0n }));
}

const lossOf = ([a, b, bias]: readonly number[], { features, label }: LabelledRow) => {
  const score = sigmoid(a! * features[0]! + b! * features[1]! + bias!);
  return -Math.log(label === 1 ? score : 1 - score);
};

/** Each device's mean difference, in one place and without this file's subject. */
function differencesOf(devices: readonly LabelledRow[][], champion: readonly number[], candidate: readonly number[]) {
  return devices
    .filter((rows) => rows.length > 0)
    .map((rows) => rows.reduce((sum, row) => sum + lossOf(candidate, row) - lossOf(champion, row), 0) / rows.length);
}

function meanAndError(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { mean, standardError: Math.sqrt(variance / values.length) };
}

describe('through the encoding', () => {
  it('mean difference and standard error are those computed from all devices in one place', async () => {
    for (const seed of [1, 2]) {
      const devices = people(seed, 150);
      const found = pairedDifferenceOf(await compare(start(), devices));
      const values = differencesOf(devices, [0.6, 0.3, -1.5], truth);
      const exact = meanAndError(values);
      expect(found.devices, `seed ${seed}`).toBeCloseTo(values.length, 9);
      expect(Math.abs(found.mean - exact.mean), `seed ${seed}`).toBeLessThan(2e-6);
      expect(found.standardError / exact.standardError, `seed ${seed}`).toBeCloseTo(1, 3);
      expect(found.low).toBeCloseTo(exact.mean - 1.959964 * exact.standardError, 5);
      expect(found.high).toBeCloseTo(exact.mean + 1.959964 * exact.standardError, 5);
      expect([found.noiseShare, found.clippedShare]).toEqual([0, 0]);
    }
  });

  it('both models have the figures that an evaluation of their own would give', async () => {
    const devices = people(3, 60);
    const state = await compare(start(), devices);
    const { champion, candidate } = releaseCaseOf(state);
    for (const [side, { auc, sliceAucs }] of Object.entries({ champion, candidate })) {
      const alone = evaluation.init(state[side as 'champion'].config, seededRandom(0));
      const broadcast = evaluation.publish(alone);
      const encoding = chooseEncoding(evaluation.layout(broadcast), { mechanism: 'none', maxDevices: 1024 });
      const sum = new Uint32Array(encoding.dimension);
      for (const [i, rows] of devices.entries()) {
        const vectors = await evaluation.contribute(broadcast, rows, tools(i));
        addModulo(sum, encode(vectors, encoding, { noiseVariance: 0n, random: seededRandom(i) }));
      }
      const after = evaluation.update(alone, decode(sum, encoding, { contributors: 60, noiseVariance: 0n }));
      expect(auc, side).toBe(evaluation.summary(after).auc);
      expect(Object.keys(sliceAucs)).toEqual(['second/0', 'second/1']);
      expect(sliceAucs['second/0']).toBe(evaluation.summary(after)['second/0 auc']);
    }
    expect(candidate.auc).not.toBe(champion.auc);
  });
});

it('many rows of one person are no more certain than few: devices are counted', async () => {
  const devices = people(4, 40);
  const [once, thrice] = await Promise.all([
    compare(start({ maxRows: 100 }), devices),
    compare(
      start({ maxRows: 100 }),
      devices.map((rows) => [...rows, ...rows, ...rows]),
    ),
  ]);
  const [few, many] = [pairedDifferenceOf(once), pairedDifferenceOf(thrice)];
  expect(many.standardError).toBeCloseTo(few.standardError, 5);
  expect(many.mean).toBeCloseTo(few.mean, 5);
});

it('one device moves the mean by no more than the declared bound, and is seen to be clipped', async () => {
  const wild = start({ candidate: model(40, 0, 0), largestDifference: 0.5 });
  const rows = [{ features: Float32Array.of(-1, 0), label: 1 }];
  const broadcast = comparison.publish(wild);
  const vectors = await comparison.contribute(broadcast, rows, tools(0));
  expect([...vectors.differences]).toEqual([1, 1, 1, 1]);
  for (const { name, clipNorm } of comparison.layout(broadcast))
    expect(Math.hypot(...vectors[name]), name).toBeLessThanOrEqual(clipNorm);
  const found = pairedDifferenceOf(await compare(wild, [rows, [], rows]));
  expect(found).toMatchObject({ devices: 2, mean: 0.5, clippedShare: 1 });
});

it('bins and bound are narrower where there is noise to pay with', () => {
  const config = comparison.config.parse({ champion: model(...truth), candidate: model(...truth) });
  const asked = (noiseMultiplier: number) => {
    const { bins, largestDifference } = comparison.publish(
      comparison.init(config, seededRandom(0), { cohort: 100, noiseMultiplier }),
    );
    return { bins, largestDifference };
  };
  expect(asked(0)).toEqual({ bins: 128, largestDifference: 1 });
  expect(asked(1)).toEqual({ bins: 32, largestDifference: 0.1 });
});

it('a device without rows is no observation', async () => {
  const vectors = await comparison.contribute(comparison.publish(start()), [], tools(0));
  expect(
    Object.values(vectors)
      .flatMap((vector) => [...vector])
      .every((value) => value === 0),
  ).toBe(true);
});

it('both models are scored on the same sample of a long history', async () => {
  const random = seededRandom('long');
  const rows = Array.from({ length: 300 }, () => person(random)).flat();
  const vectors = await comparison.contribute(comparison.publish(start({ maxRows: 10 })), rows, tools(5));
  expect([...vectors['champion-totals'].slice(0, 2)]).toEqual([...vectors['candidate-totals'].slice(0, 2)]);
  expect(vectors['champion-totals'][0]).toBe(10);
});

it('models of other rows, a slice that is not there and models without a probability are refused', () => {
  const wide = { spec: { ...spec, inputs: 3 }, parameters: model(1, 2, 3, 4).parameters };
  const softmax = { spec: { ...spec, outputs: 2, output: 'softmax' }, parameters: model(1, 2, 3, 4, 5, 6).parameters };
  const refused = (changes: Record<string, unknown>) => {
    const of = { champion: model(...truth), candidate: model(...truth) };
    return !comparison.config.safeParse({ ...of, ...changes }).success;
  };
  expect(refused({})).toBe(false);
  expect(refused({ candidate: wide })).toBe(true);
  expect(refused({ candidate: softmax })).toBe(true);
  expect(refused({ candidate: model(1, 2) })).toBe(true);
  expect(refused({ slices: [{ ...slice, column: 2 }] })).toBe(true);
});

/** One comparison from its device means alone, as the sums would be. */
function judged(values: readonly number[], noiseStd: number, random: SeededRandom) {
  const sums = [values.length, sumOf(values), sumOf(values.map((value) => value ** 2)), 0];
  const differences = sums.map((sum) => sum + noiseStd * random.normal());
  return pairedDifferenceOf({ ...start(), differences, noiseVariance: noiseStd ** 2 });
}

const sumOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);

describe('the interval', () => {
  it.each([
    0, 3, 15,
  ])('holds the true difference in 95 of 100 comparisons, with noise of %d in each sum', (noiseStd) => {
    const seed = `coverage ${noiseStd}`;
    const random = seededRandom(seed);
    const [runs, devices, mean, spread] = [2000, 400, 0.01, 0.1];
    let [held, noiseShare] = [0, 0];
    for (let run = 0; run < runs; run++) {
      const values = Array.from({ length: devices }, () => mean + spread * random.normal());
      const found = judged(values, noiseStd, random);
      if (found.low <= mean && mean <= found.high) held += 1;
      noiseShare += found.noiseShare / runs;
    }
    // 95 % ± .49 %; four of these, and a little for variances that noise pushed below 0, where they count as 0.
    expect(held / runs, `seed ${seed}`).toBeGreaterThan(0.93);
    expect(held / runs, `seed ${seed}`).toBeLessThan(0.975);
    const [noise, sampling] = [(noiseStd / devices) ** 2, spread ** 2 / devices];
    expect(Math.abs(noiseShare - noise / (noise + sampling)), `seed ${seed}`).toBeLessThan(0.05);
  });
});

describe('the gate', () => {
  const verdictOf = async (changes: Record<string, unknown>, size = 400) => {
    const state = await compare(start(changes), people('gate', size));
    return judgeRelease({ ...releaseCaseOf(state), privacy: undefined });
  };

  // Of fewer rows than these, even a perfect model's calibration errs by more than the gate allows, by chance.
  it('lets a better model through', async () => {
    expect(await verdictOf({ champion: model(0.2, 0.5, -1.5) }, 1500)).toEqual({ mayRelease: true, objections: [] });
  });

  it('stops a worse one, and says what is worse', async () => {
    const { mayRelease, objections } = await verdictOf({ champion: model(...truth), candidate: model(0.2, 0.5, -0.5) });
    expect(mayRelease).toBe(false);
    const rules = objections.map(({ rule }) => rule);
    expect(rules).toEqual(expect.arrayContaining(['log-loss', 'auc', 'calibration', 'slices']));
  });

  it('stops one that too few devices have judged', async () => {
    const few = await verdictOf({ champion: model(0.9, 0, -1.5) }, 12);
    expect(few.objections.map(({ rule }) => rule)).toContain('log-loss');
  });

  it('under noise neither allows nor calls worse by chance what so few devices cannot tell', async () => {
    for (const seed of [1, 2, 3]) {
      const noise = { numerator: 4, denominator: 1 };
      const equal = start({ champion: model(...truth), bins: 32 });
      const state = await algorithmRound(comparison, equal, people(`noisy ${seed}`, 400), { seed, noise });
      const { objections } = judgeRelease({ ...releaseCaseOf(state), privacy: undefined });
      const reasons = objections.filter(({ rule }) => rule !== 'log-loss').map(({ reason }) => reason);
      expect(reasons.length, `seed ${seed}`).toBeGreaterThan(3);
      for (const reason of reasons) expect(reason, `seed ${seed}`).toMatch(/^cannot be known precisely enough/);
    }
  });
});
