import { fedAvg, type LabelledRow, moments } from '@chorale/shared/algorithms';
import type { Trainer } from '@chorale/shared/models';
import { toNumber } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { type FastOptions, runFast } from './fast.ts';

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

describe('a fast run', () => {
  it('learns the weighted mean of what its devices learned, up to the grid', async () => {
    let before = 0;
    for (const { survivors, aggregate, state } of await all(training)) {
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
    const [first] = await all(counting);
    const rows = first!.survivors.reduce((sum, device) => sum + devices[device]!.length, 0);
    expect(first!.aggregate.sums.count[0]).toBe(rows);
  });

  it('goes on until the algorithm is done, each round with a cohort of its own', async () => {
    const rounds = await all(training);
    expect(rounds.map(({ round }) => round)).toEqual([0, 1, 2]);
    expect(rounds.map(({ survivors }) => new Set(survivors).size)).toEqual([12, 12, 12]);
    expect(new Set(rounds.map(({ survivors }) => survivors.join()))).toHaveLength(3);
  });

  it('happens the same way again from the same seed, and another way from another', async () => {
    const [once, again, other] = [await all(training), await all(training), await all({ ...training, seed: 'other' })];
    expect(again).toEqual(once);
    expect(other[0]!.survivors).not.toEqual(once[0]!.survivors);
    expect(other[0]!.sum).not.toEqual(once[0]!.sum);
  });

  it('rounds by the seeds that it is given, and by nothing else', async () => {
    const replay = { survivors: () => [1, 2, 3], roundSeed: (round: number) => new Uint8Array(32).fill(round) };
    const once = await all({ ...training, ...replay });
    expect(await all({ ...training, ...replay, seed: 'other' })).toEqual(once);
    const other = await all({ ...training, ...replay, roundSeed: () => new Uint8Array(32).fill(9) });
    expect(other[0]!.sum).not.toEqual(once[0]!.sum);
    expect(other[0]!.state.parameters[0]).toBeCloseTo(once[0]!.state.parameters[0]!, 4);
  });

  it('adds the noise of its devices and says how much', async () => {
    const noise = { multiplier: { numerator: 1, denominator: 1 }, honestSurvivors: 12 };
    const [quiet] = await all(counting);
    const [noisy] = await all({ ...counting, noise });
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

describe('a fast run refuses', () => {
  it.each([
    ['nobody', []],
    ['a device twice', [1, 1]],
    ['a device that is not there', [40]],
    ['more than the grid was cut for', Array.from({ length: 13 }, (_, device) => device)],
  ])('%s', async (_, survivors) => {
    await expect(all({ ...training, survivors: () => survivors })).rejects.toThrow('survivors: not 1 to 12');
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
