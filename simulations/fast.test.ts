import { fedAvg, type LabelledRow, moments } from '@chorale/shared/algorithms';
import type { Trainer } from '@chorale/shared/models';
import { toNumber } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { type Adversary, type FastOptions, runFast } from './fast.ts';

const seed = 'fast';
const random = seededRandom(seed);
const devices: LabelledRow[][] = Array.from({ length: 40 }, () =>
  Array.from({ length: 1 + random.below(6) }, () => ({
    features: Float32Array.of(random.uniform(), random.uniform()),
    label: random.below(2),
  })),
);

/** Moves every parameter by the mean first feature: training as a test can predict it. */
const trainer: Trainer = {
  backend: 'scripted',
  train: async ({ inputs }, parameters, { features, rowCount }) =>
    parameters.map((value) => value + meanOf(Array.from({ length: rowCount }, (_, row) => features[row * inputs]!))),
};

const training = {
  algorithm: fedAvg,
  config: {
    spec: { family: 'linear', inputs: 2, output: 'sigmoid' },
    server: { optimizer: 'sgd', learningRate: 1 },
    client: { learningRate: 0.5 },
    clipNorm: 4,
    maxRows: 6,
    rounds: 3,
  },
  ...{ devices, trainer, seed, cohort: 12 },
};
const counting = {
  algorithm: moments,
  config: { bounds: { lower: [0, 0], upper: [1, 1] }, maxRows: 6, rounds: 2 },
  ...{ devices, trainer, seed, cohort: 12 },
};

async function all<Config, State, Broadcast, Example, Name extends string>(
  options: FastOptions<Config, State, Broadcast, Example, Name>,
) {
  const rounds = [];
  for await (const round of runFast(options)) rounds.push(round);
  return rounds;
}

/** Rounds of one cohort, which all count. */
async function alone<Config, State, Broadcast, Example, Name extends string>(
  options: FastOptions<Config, State, Broadcast, Example, Name>,
) {
  const rounds = await all(options);
  return rounds.map(({ cohorts: [cohort], aggregate, ...round }) => ({
    ...round,
    ...cohort!,
    aggregate: aggregate!,
  }));
}

describe('a fast run', () => {
  it('learns the weighted mean of what its devices learned, up to the grid', async () => {
    let before = 0;
    for (const { survivors, aggregate, state } of await alone(training)) {
      const rows = survivors.map((device) => devices[device]!);
      const moves = rows.map((own) => own.length * meanOf(own.map(({ features }) => features[0]!)));
      const expected = sumOf(moves) / sumOf(rows.map(({ length }) => length));
      // Each device's rounding is below one step of 4/2^20, weighted by 1/6 at least.
      expect(state.parameters[0]! - before, `seed ${seed}`).toBeCloseTo(expected, 4);
      expect(aggregate.contributors).toBe(12);
      before = state.parameters[0]!;
    }
  });

  it('counts rows exactly', async () => {
    const [first] = await alone(counting);
    const rows = first!.survivors.reduce((sum, device) => sum + devices[device]!.length, 0);
    expect(first!.aggregate.sums.count[0]).toBe(rows);
  });

  it('goes on until the algorithm is done, each round with a cohort of its own', async () => {
    const rounds = await alone(training);
    expect(rounds.map(({ round }) => round)).toEqual([0, 1, 2]);
    expect(rounds.map(({ survivors }) => new Set(survivors).size)).toEqual([12, 12, 12]);
    expect(new Set(rounds.map(({ survivors }) => survivors.join()))).toHaveLength(3);
  });

  it('happens the same way again from the same seed, and another way from another', async () => {
    const [once, again, other] = [
      await alone(training),
      await alone(training),
      await alone({ ...training, seed: 'other' }),
    ];
    expect(again).toEqual(once);
    expect(other[0]!.survivors).not.toEqual(once[0]!.survivors);
    expect(other[0]!.sum).not.toEqual(once[0]!.sum);
  });

  it('rounds by the seeds that it is given, and by nothing else', async () => {
    const replay = { cohorts: () => [[1, 2, 3]], roundSeed: (round: number) => new Uint8Array(32).fill(round) };
    const once = await alone({ ...training, ...replay });
    expect(await alone({ ...training, ...replay, seed: 'other' })).toEqual(once);
    const other = await alone({ ...training, ...replay, roundSeed: () => new Uint8Array(32).fill(9) });
    expect(other[0]!.sum).not.toEqual(once[0]!.sum);
    expect(other[0]!.state.parameters[0]).toBeCloseTo(once[0]!.state.parameters[0]!, 4);
  });

  it('adds the noise of its devices and says how much', async () => {
    const noise = { multiplier: { numerator: 1, denominator: 1 }, honestSurvivors: 12 };
    const [quiet] = await alone(counting);
    const [noisy] = await alone({ ...counting, noise });
    // z·Δ₂ over h of h devices, and Δ₂ of three segments is a little above √3 weights: in rows, of a clip norm of 8.
    const std = noisy!.aggregate.noiseStd.count;
    // ρ = 1/(2z²), and a hair less because the variance is rounded up.
    expect(toNumber(noisy!.charge!)).toBeCloseTo(0.5, 3);
    expect(toNumber(noisy!.charge!)).toBeLessThanOrEqual(0.5);
    expect(quiet!.charge).toBeUndefined();
    const clipNorm = moments.layout(moments.publish(noisy!.state))[0]!.clipNorm;
    expect(std / clipNorm).toBeGreaterThan(Math.sqrt(3));
    expect(std / clipNorm).toBeLessThan(1.1 * Math.sqrt(3));
    const error = noisy!.aggregate.sums.count[0]! - quiet!.aggregate.sums.count[0]!;
    expect(Math.abs(error), `seed ${seed}`).toBeGreaterThan(0);
    // Beyond 6 standard deviations once in 5·10^8 seeds.
    expect(Math.abs(error), `seed ${seed}`).toBeLessThan(6 * std);
  });
});

describe('a fast run of several cohorts', () => {
  const split = [0, 1, 2, 3, 4].map((cohort) => Array.from({ length: 4 }, (_, i) => 4 * cohort + i));
  const one = { ...training, config: { ...training.config, rounds: 1 }, cohort: 20 };
  const five = { ...one, cohorts: () => split };

  it('learns what one cohort of all their devices would, where their sums are added up', async () => {
    const [together, apart] = [await all({ ...one, cohorts: () => [split.flat()] }), await all(five)];
    expect(apart[0]!.aggregate).toEqual(together[0]!.aggregate);
    expect(apart[0]!.state).toEqual(together[0]!.state);
    expect(apart[0]!.cohorts.map(({ survivors }) => survivors)).toEqual(split);
  });

  it('draws cohorts that have nobody in common', async () => {
    const [first] = await all({ ...one, cohort: 8, cohortCount: 5 });
    expect(first!.cohorts.map(({ survivors }) => survivors.length)).toEqual([8, 8, 8, 8, 8]);
    expect(new Set(first!.cohorts.flatMap(({ survivors }) => survivors)).size).toBe(40);
  });

  it('charges each cohort for the noise of its own', async () => {
    const multiplier = { numerator: 1, denominator: 1 };
    const noise = { multiplier, honestSurvivors: 4, honestIn: (_: number, cohort: number) => 4 - cohort };
    const [round] = await all({ ...five, noise, cohorts: () => split.slice(0, 3) });
    // The same promise of everybody, though fewer keep it: so each adds more.
    for (const { charge } of round!.cohorts) expect(toNumber(charge!)).toBeCloseTo(0.5, 3);
    const spread = await all({ ...five, noise: { multiplier, honestSurvivors: 4 }, cohorts: () => split.slice(0, 3) });
    expect(round!.aggregate!.noiseStd.update).toBeGreaterThan(1.2 * spread[0]!.aggregate!.noiseStd.update);
  });

  /** The first device of a cohort sends so many times what an honest one may at most, in the first coordinate. */
  const pushing = (times: number, cohorts: readonly number[]): Adversary<LabelledRow> => ({
    async forge({ device, encoding, cohort }) {
      if (device !== cohort[0] || !cohorts.includes(device / 4)) return undefined;
      const words = new Uint32Array(encoding.dimension);
      words[0] = times * encoding.amplitude;
      return words;
    },
  });
  const moved = async (
    options: Partial<typeof five> & Pick<FastOptions<0, 0, 0, LabelledRow, ''>, 'adversary' | 'merge'>,
  ) => (await all({ ...five, ...options }))[0]!.state.parameters[0]!;

  it('is moved by one poisoner as far as it likes where sums are added up, and hardly where they are merged robustly', async () => {
    const adversary = pushing(3, [2]);
    const honest = await moved({});
    expect(Math.abs((await moved({ adversary })) - honest)).toBeGreaterThan(0.5);
    for (const merge of [{ rule: 'median' }, { rule: 'trimmed-mean', trim: 0.2 }] as const)
      expect(Math.abs((await moved({ adversary, merge })) - honest), merge.rule).toBeLessThan(0.1);
  });

  it('leaves out a cohort whose sum nobody honest could have given, and is abandoned where too few are left', async () => {
    const adversary = pushing(5, [2]);
    const [added] = await all({ ...five, adversary });
    expect(added!.cohorts.map(({ isPlausible }) => isPlausible)).toEqual([true, true, false, true, true]);
    expect(added!.aggregate!.contributors).toBe(16);
    const rounds = runFast({ ...five, adversary, merge: { rule: 'median' } });
    const { value: abandoned } = await rounds.next();
    expect(abandoned!.aggregate).toBeUndefined();
    expect(abandoned!.state.round).toBe(0);
    // It would be abandoned again and again: whoever asks for rounds decides when to stop.
    await rounds.return();
  });

  it('lets a poisoner encode what an honest device would, with other rows and without noise', async () => {
    const [bad] = devices[4]!;
    const flipped = devices[4]!.map((row) => ({ ...row, features: row.features.map((value) => -value) }));
    const noise = { multiplier: { numerator: 1, denominator: 1 }, honestSurvivors: 4 };
    const sums: Uint32Array[] = [];
    const [round] = await all({
      ...five,
      noise,
      adversary: {
        async forge({ device, encode }) {
          if (device !== 4) return undefined;
          sums.push(await encode(devices[4]!, 0n), await encode(flipped, 0n), await encode(devices[4]!));
          return undefined;
        },
      },
    });
    const [plain, opposite, noisy] = sums.map((words) => new Int32Array(words)[0]!);
    expect(bad!.features[0]).toBeGreaterThan(0);
    expect(Math.abs(plain! + opposite!)).toBeLessThanOrEqual(2);
    expect(noisy).not.toBe(plain);
    expect(round!.cohorts.every(({ isPlausible }) => isPlausible)).toBe(true);
  });
});

describe('a fast run refuses', () => {
  it.each([
    ['nobody', []],
    ['a device twice', [1, 1]],
    ['a device that is not there', [40]],
    ['more than the grid was cut for', Array.from({ length: 13 }, (_, device) => device)],
  ])('%s', async (_, survivors) => {
    await expect(all({ ...training, cohorts: () => [survivors] })).rejects.toThrow('survivors: not 1 to 12');
  });

  it('a device that is in two cohorts', async () => {
    const cohorts = () => [
      [1, 2, 3],
      [4, 5, 1],
    ];
    await expect(all({ ...training, cohorts })).rejects.toThrow('different devices');
  });

  it('a config that is not the algorithm’s own', async () => {
    await expect(all({ ...training, config: counting.config })).rejects.toThrow('config: ');
  });

  it('to go on after an abort', async () => {
    const abort = new AbortController();
    abort.abort(new Error('enough'));
    await expect(all({ ...training, signal: abort.signal })).rejects.toThrow('enough');
  });
});

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}

function meanOf(values: readonly number[]): number {
  return sumOf(values) / values.length;
}
