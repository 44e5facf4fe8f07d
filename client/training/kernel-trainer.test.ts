import { ChoraleError, squaredLength } from '@chorale/shared';
import {
  initialParameters,
  parameterCount,
  type TrainableSpec,
  type Trainer,
  type TrainingOptions,
} from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it, vi } from 'vitest';
import { createKernelTrainer } from './kernel-trainer.ts';
import { createTfjsTrainer } from './tfjs-trainer.ts';

const sigmoid: TrainableSpec = { family: 'linear', inputs: 27, outputs: 1, output: 'sigmoid' };
const softmax: TrainableSpec = { family: 'linear', inputs: 11, outputs: 5, output: 'softmax' };
const relu: TrainableSpec = {
  family: 'mlp',
  inputs: 20,
  hidden: [64, 32],
  activation: 'relu',
  outputs: 2,
  output: 'softmax',
};
const tanh: TrainableSpec = {
  family: 'mlp',
  inputs: 3,
  hidden: [13, 6, 9],
  activation: 'tanh',
  outputs: 1,
  output: 'sigmoid',
};
const reluSigmoid: TrainableSpec = { ...tanh, activation: 'relu', hidden: [8] };
const tanhClasses: TrainableSpec = { ...relu, activation: 'tanh', hidden: [5], outputs: 17 };
const once: Omit<TrainingOptions, 'random'> = { epochs: 1, batchSize: 64, learningRate: 0.5 };

function normals(count: number, seed: string): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

function rowsFor(spec: TrainableSpec, rowCount: number, labelCount = Math.max(2, spec.outputs)) {
  const random = seededRandom('labels');
  const labels = Float32Array.from({ length: rowCount }, () => random.below(labelCount));
  return { features: normals(rowCount * spec.inputs, 'features'), labels, rowCount };
}

/** Away from the start, where an mlp has biases of 0. */
function startOf(spec: TrainableSpec): Float32Array<ArrayBuffer> {
  const noise = normals(parameterCount(spec), 'start');
  return initialParameters(spec, seededRandom('start')).map((value, i) => value + 0.1 * noise[i]!);
}

function expectClose(trained: Float32Array, expected: Float32Array): void {
  trained.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!), `parameter ${i}`).toBeLessThan(1e-5);
  });
}

describe.each(['wasm', 'plain'] as const)('the %s kernel', (kernel) => {
  it.each([
    ['one batch', sigmoid, once],
    ['several batches and epochs, the last batch short', sigmoid, { ...once, epochs: 3, batchSize: 7 }],
    ['a pull to where it started', sigmoid, { ...once, epochs: 3, batchSize: 10, proximal: 0.3 }],
    ['classes', softmax, { ...once, epochs: 2, batchSize: 16 }],
    ['hidden layers', relu, { ...once, epochs: 2, batchSize: 10, learningRate: 0.1 }],
    ['hidden layers of odd widths', tanh, { ...once, epochs: 2, batchSize: 9, learningRate: 0.2 }],
    ['hidden layers and a pull', tanh, { ...once, epochs: 3, batchSize: 10, learningRate: 0.2, proximal: 0.5 }],
    ['one hidden layer', reluSigmoid, { ...once, epochs: 2, batchSize: 1, learningRate: 0.05 }],
    ['more classes than lanes', tanhClasses, { ...once, epochs: 2, batchSize: 6 }],
  ])('takes the steps of tfjs to 1e-5: %s', async (_, spec, options) => {
    const [tfjs, trainer] = [await createTfjsTrainer({ backend: 'cpu' }), await createKernelTrainer({ kernel })];
    const [start, rows] = [startOf(spec), rowsFor(spec, 50)];
    const train = (by: Trainer) => by.train(spec, start, rows, { ...options, random: seededRandom(1) });
    const [expected, trained] = [await train(tfjs), await train(trainer)];
    expect(Math.max(...trained.map((value, i) => Math.abs(value - start[i]!)))).toBeGreaterThan(0.05);
    expectClose(trained, expected);
  });

  it.each([
    ['a shorter one', relu, 0.37],
    ['an odd number of parameters', sigmoid, 2],
    ['nothing', tanh, 0],
  ])('tells how far its steps lead to the same bit as a subtraction: %s', async (_, spec, factor) => {
    const trainer = await createKernelTrainer({ kernel });
    const [start, rows] = [startOf(spec), rowsFor(spec, 30)];
    const options = () => ({ ...once, batchSize: 8, random: seededRandom(1) });
    const trained = await trainer.train(spec, start, rows, options());
    const expected = trained.map((value, i) => value - start[i]!);
    const asked: number[] = [];
    const factorAt = (squaredLength: number) => {
      asked.push(squaredLength);
      return factor;
    };
    const { update, squaredLength: told } = await trainer.update!(spec, start, rows, { ...options(), factorAt });
    expect(asked).toEqual([squaredLength(expected)]);
    expect(told).toBe(asked[0]);
    expect(update).toEqual(factor === 0 ? new Float32Array(start.length) : expected.map((value) => value * factor));
    expect(await trainer.train(spec, start, rows, options())).toEqual(trained);
  });

  it('leaves all targets at zero where a label names no class, as tfjs does', async () => {
    const [tfjs, trainer] = [await createTfjsTrainer({ backend: 'cpu' }), await createKernelTrainer({ kernel })];
    const [start, rows] = [startOf(softmax), rowsFor(softmax, 20, 9)];
    const train = (by: Trainer) => by.train(softmax, start, rows, { ...once, random: seededRandom(1) });
    expectClose(await train(trainer), await train(tfjs));
  });

  it('stays finite where a logit is far out, and leaves what it was given alone', async () => {
    const trainer = await createKernelTrainer({ kernel });
    const rows = { features: new Float32Array(27).fill(4), labels: Float32Array.of(0), rowCount: 1 };
    const start = new Float32Array(28).fill(500);
    const trained = await trainer.train(sigmoid, start, rows, { ...once, random: seededRandom(1) });
    expect(trained[0]).toBeCloseTo(498, 3);
    expect(start).toEqual(new Float32Array(28).fill(500));
    const wide = { features: new Float32Array(11).fill(4), labels: Float32Array.of(4), rowCount: 1 };
    const apart = new Float32Array(60).map((_, i) => 500 * (i % 5 === 0 ? 1 : -1));
    const moved = await trainer.train(softmax, apart, wide, { ...once, random: seededRandom(1) });
    expect([moved[0], moved[1], moved[4]]).toEqual([498, -500, -498]);
  });

  it('tells of numbers that are none', async () => {
    const trainer = await createKernelTrainer({ kernel });
    for (const spec of [sigmoid, softmax, relu, tanh]) {
      const rows = rowsFor(spec, 4);
      rows.features[1] = Number.NaN;
      const trained = await trainer.train(spec, startOf(spec), rows, { ...once, random: seededRandom(1) });
      expect(trained.some(Number.isNaN)).toBe(true);
    }
  });

  it('remembers nothing of what it trained before', async () => {
    const [fresh, used] = [await createKernelTrainer({ kernel }), await createKernelTrainer({ kernel })];
    const train = (by: Trainer, spec: TrainableSpec, count = 10) =>
      by.train(spec, startOf(spec), rowsFor(spec, count), { ...once, batchSize: 4, random: seededRandom(1) });
    await train(used, relu, 300);
    const wild = { ...rowsFor(tanh, 1), features: new Float32Array(3).fill(Number.NaN) };
    await used.train(tanh, startOf(tanh), wild, { ...once, random: seededRandom(1) });
    for (const spec of [sigmoid, softmax, relu, tanh])
      expect(await train(used, spec)).toEqual(await train(fresh, spec));
  });

  it('stops before an epoch when asked to, and trains on afterwards', async () => {
    const trainer = await createKernelTrainer({ kernel });
    const options = { ...once, random: seededRandom(1) };
    const rows = rowsFor(sigmoid, 4);
    const aborted = trainer.train(sigmoid, startOf(sigmoid), rows, { ...options, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toThrow(/abort/i);
    expect(await trainer.train(sigmoid, startOf(sigmoid), rows, options)).toHaveLength(28);
  });

  it('refuses rows and parameters that do not fit', async () => {
    const trainer = await createKernelTrainer({ kernel });
    const options = { ...once, random: seededRandom(1) };
    const rows = rowsFor(sigmoid, 4);
    await expect(trainer.train(sigmoid, new Float32Array(29), rows, options)).rejects.toThrow(ChoraleError);
    const short = { ...rows, rowCount: 5 };
    await expect(trainer.train(sigmoid, startOf(sigmoid), short, options)).rejects.toThrow(ChoraleError);
    const image: TrainableSpec = {
      ...{ family: 'convolutional', inputs: 27, image: { height: 9, width: 3, channels: 1 } },
      ...{ convolutions: [{ filters: 1, size: 3 }], hidden: [], activation: 'relu', outputs: 1, output: 'sigmoid' },
    };
    const refused = 'let tfjs train convolutions';
    await expect(trainer.train(image, startOf(image), rows, options)).rejects.toThrow(refused);
    const update = trainer.update!(image, startOf(image), rows, { ...options, factorAt: () => 1 });
    await expect(update).rejects.toThrow(refused);
  });
});

describe('where WebAssembly is forbidden', () => {
  it('the plain kernel does the work, and asking for the other is an error', async () => {
    vi.stubGlobal('WebAssembly', {
      instantiate: async () => {
        throw new Error('refused by the content security policy');
      },
    });
    const trainer = await createKernelTrainer();
    const asked = createKernelTrainer({ kernel: 'wasm' });
    await expect(asked).rejects.toMatchObject({ code: 'not-found' });
    vi.unstubAllGlobals();
    expect(trainer.backend).toBe('kernel, plain JavaScript');
  });

  it('is not where these tests run', async () => {
    expect((await createKernelTrainer()).backend).toBe('kernel, wasm-simd');
  });
});
