import { fedAvg, type LabelledRow, moments } from '@chorale/shared/algorithms';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { type FastOptions, runFast } from '../fast.ts';
import { inSharedMemory } from './shared-rows.ts';

const seed = 'crews';
const random = seededRandom(seed);
const devices: LabelledRow[][] = Array.from({ length: 40 }, () =>
  Array.from({ length: random.below(6) }, () => ({
    features: Float32Array.from({ length: 5 }, random.normal),
    label: random.below(3),
  })),
);

const training = {
  algorithm: fedAvg,
  config: {
    spec: { family: 'mlp', inputs: 5, hidden: [7], activation: 'tanh', outputs: 3, output: 'softmax' },
    server: { optimizer: 'adam', learningRate: 0.1 },
    client: { learningRate: 0.5, batchSize: 2 },
    standardization: { mean: [0, 0, 0, 0, 1], std: [1, 1, 2, 1, 1], clip: 3 },
    ...{ clipNorm: 0.2, maxRows: 4, rounds: 3 },
  },
  ...{ devices, trainer: 'kernel' as const, seed, cohort: 13, cohortCount: 2 },
};

async function all<Config, State, Broadcast, Example, Name extends string>(
  options: FastOptions<Config, State, Broadcast, Example, Name>,
) {
  const rounds = [];
  for await (const round of runFast(options)) rounds.push(round);
  return rounds;
}

describe('workers', () => {
  it.each([1, 2])('give what this thread gives, to the bit: %d of them', async (workers) => {
    const alone = await all(training);
    expect(await all({ ...training, workers }), `seed ${seed}`).toEqual(alone);
    expect(alone[2]!.state.parameters).not.toEqual(alone[1]!.state.parameters);
  });

  it('take noise and other seeds than the run’s own', async () => {
    const counting = {
      ...{ algorithm: moments, devices, trainer: 'linear' as const, seed, cohort: 12 },
      config: { bounds: { lower: Array(5).fill(-4), upper: Array(5).fill(4) }, maxRows: 4, rounds: 1 },
      noise: { multiplier: { numerator: 1, denominator: 1 }, honestSurvivors: 12 },
      roundSeed: (round: number, device: number) => new Uint8Array(32).fill(40 * round + device),
    };
    const alone = await all(counting);
    expect(await all({ ...counting, workers: 2 })).toEqual(alone);
    const drawn = await all({ ...counting, roundSeed: () => new Uint8Array(32), workers: 2 });
    expect(drawn[0]!.cohorts[0]!.sum).not.toEqual(alone[0]!.cohorts[0]!.sum);
  });

  it('tell what went wrong in them', async () => {
    const config = { ...training.config, spec: { ...training.config.spec, inputs: 4 }, standardization: undefined };
    await expect(all({ ...training, config, workers: 1 })).rejects.toThrow('one number per input');
  });

  it('stop at an abort', async () => {
    const abort = new AbortController();
    const rounds = runFast({ ...training, workers: 1, signal: abort.signal });
    await rounds.next();
    abort.abort(new Error('enough'));
    await expect(rounds.next()).rejects.toThrow('enough');
  });

  const trainer = { backend: 'still', train: async (_: unknown, start: Float32Array) => new Float32Array(start) };
  it.each([
    ['a trainer without a name', { ...training, trainer }],
    ['an algorithm of the caller’s own', { ...training, algorithm: { ...fedAvg, name: 'own/1' } }],
    ['an algorithm that only bears the name of another', { ...training, algorithm: { ...fedAvg } }],
    ['an adversary', { ...training, adversary: { forge: async () => undefined } }],
  ])('are refused to %s', async (_, options) => {
    await expect(all({ ...options, workers: 2 })).rejects.toThrow('workers: ');
  });
});

describe('rows in shared memory', () => {
  it('are the same rows', () => {
    expect(inSharedMemory(devices)).toEqual(devices);
  });

  it('leave others as they are', () => {
    expect(inSharedMemory<unknown>([['a word'], [{ value: 5 }, null]])).toEqual([['a word'], [{ value: 5 }, null]]);
  });

  it('stand one behind the other', () => {
    const [first, second] = inSharedMemory([[], [row(1, 2), row(3, 4)]])[1]!;
    expect(first!.features.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(second!.features.buffer).toBe(first!.features.buffer);
    expect(second!.features.byteOffset - first!.features.byteOffset).toBe(8);
  });
});

function row(...features: number[]): LabelledRow {
  return { features: Float32Array.from(features), label: 0 };
}
