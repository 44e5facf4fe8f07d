import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ChoraleError } from '@chorale/shared';
import { initialParameters, parameterCount, predict, sigmoid, type TrainableSpec } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { loadTfjs, type TfjsBackend, type TfjsChoice } from './tfjs-backend.ts';
import { buildLayersModel, layersProbabilities, setFlatParameters } from './tfjs-model.ts';
import { createTfjsTrainer } from './tfjs-trainer.ts';

const logistic: TrainableSpec = { family: 'linear', inputs: 5, outputs: 1, output: 'sigmoid' };
const classes: TrainableSpec = { family: 'linear', inputs: 5, outputs: 3, output: 'softmax' };
const deep: TrainableSpec = {
  family: 'mlp',
  inputs: 5,
  hidden: [7, 4],
  activation: 'relu',
  outputs: 1,
  output: 'sigmoid',
};
const deepClasses: TrainableSpec = { ...deep, activation: 'tanh', outputs: 3, output: 'softmax' };
const image: TrainableSpec = {
  family: 'convolutional',
  ...{ inputs: 5 * 4 * 2, image: { height: 5, width: 4, channels: 2 } },
  convolutions: [
    { filters: 3, size: 3 },
    { filters: 2, size: 2 },
  ],
  ...{ hidden: [4], activation: 'tanh', outputs: 3, output: 'softmax' },
};
const rectified: TrainableSpec = { ...image, activation: 'relu', hidden: [], outputs: 1, output: 'sigmoid' };
const backends: TfjsBackend[] = ['cpu', 'wasm'];

function normals(count: number, seed: string): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

function rowsFor(spec: TrainableSpec, rowCount: number) {
  const random = seededRandom('labels');
  const labels = Float32Array.from({ length: rowCount }, () => random.below(Math.max(2, spec.outputs)));
  return { features: normals(rowCount * spec.inputs, 'features'), labels, rowCount };
}

const oneStep = { epochs: 1, batchSize: 1000, learningRate: 0.5 };

describe('matrices that are transposed before they are multiplied', () => {
  const kinds: TrainableSpec[] = [
    { family: 'linear', inputs: 31, outputs: 6, output: 'softmax' },
    { family: 'mlp', inputs: 31, hidden: [17, 9], activation: 'relu', outputs: 1, output: 'sigmoid' },
    { family: 'mlp', inputs: 31, hidden: [17, 9], activation: 'tanh', outputs: 4, output: 'softmax' },
    image,
  ];

  it.each(kinds)('give the same parameters: %j', async (spec) => {
    const rows = rowsFor(spec, 40);
    const start = initialParameters(spec, seededRandom('start'));
    const train = async (isTransposingFirst: boolean) => {
      const trainer = await createTfjsTrainer({ backend: 'wasm', isTransposingFirst });
      const options = { epochs: 3, batchSize: 8, learningRate: 0.2, proximal: 0.1, random: seededRandom(1) };
      return trainer.train(spec, start, rows, options);
    };
    const [plain, transposed] = [await train(false), await train(true)];
    expect(Math.max(...plain.map((value, i) => Math.abs(value - start[i]!)))).toBeGreaterThan(0.02);
    transposed.forEach((value, i) => {
      expect(Math.abs(value - plain[i]!), `parameter ${i}`).toBeLessThan(1e-5);
    });
  });

  it.each([
    [false, false],
    [true, false],
    [false, true],
    [true, true],
  ])('are the same product and leave nothing behind: %s, %s', async (transposeA, transposeB) => {
    const shapes = { a: transposeA ? [2, 5, 3] : [2, 3, 5], b: transposeB ? [2, 4, 5] : [2, 5, 4] };
    const multiply = async (isTransposingFirst: boolean) => {
      const { tf } = await loadTfjs({ backend: 'wasm', isTransposingFirst });
      const [a, b] = [tf.tensor(normals(30, 'a'), shapes.a), tf.tensor(normals(40, 'b'), shapes.b)];
      const before = tf.engine().backend.numDataIds();
      const product = tf.matMul(a, b, transposeA, transposeB);
      const values = await product.data();
      expect(tf.engine().backend.numDataIds()).toBe(before + 1);
      tf.dispose([a, b, product]);
      return { shape: product.shape, values: [...values].map((value) => value.toFixed(5)) };
    };
    expect(await multiply(true)).toEqual(await multiply(false));
  });
});

describe.each(backends)('on %s', (backend) => {
  it.each([
    logistic,
    classes,
    deep,
    deepClasses,
    image,
    rectified,
  ])('tfjs and the pure predictor agree to 1e-5: %j', async (spec) => {
    const { tf } = await loadTfjs({ backend });
    const model = buildLayersModel(tf, spec);
    const parameters = normals(parameterCount(spec), 'parameters');
    setFlatParameters(tf, model, parameters);
    const features = normals(40 * spec.inputs, 'features');
    const expected = layersProbabilities(tf, spec, model, features);
    const scores = predict(spec, parameters, features);
    expect(scores).toHaveLength(expected.length);
    scores.forEach((score, i) => {
      expect(Math.abs(score - expected[i]!)).toBeLessThan(1e-5);
    });
    model.dispose();
  });

  it('one step of logistic regression is the gradient worked out by hand', async () => {
    const trainer = await createTfjsTrainer({ backend });
    const rows = rowsFor(logistic, 20);
    const start = normals(6, 'start');
    const expected = Float64Array.from(start);
    for (let row = 0; row < 20; row++) {
      const inputs = [...rows.features.subarray(row * 5, row * 5 + 5), 1];
      const error = sigmoid(inputs.reduce((sum, value, j) => sum + value * start[j]!, 0)) - rows.labels[row]!;
      inputs.forEach((value, j) => {
        expected[j] = expected[j]! - (0.5 * error * value) / 20;
      });
    }
    const trained = await trainer.train(logistic, start, rows, { ...oneStep, random: seededRandom(1) });
    trained.forEach((value, j) => {
      expect(Math.abs(value - expected[j]!)).toBeLessThan(1e-5);
    });
  });

  it.each([
    classes,
    deep,
    deepClasses,
    image,
  ])('one step follows the numerical gradient of the mean loss: %j', async (spec) => {
    const trainer = await createTfjsTrainer({ backend });
    const rows = rowsFor(spec, 12);
    const start = normals(parameterCount(spec), 'start');
    const trained = await trainer.train(spec, start, rows, { ...oneStep, random: seededRandom(1) });
    const lossAt = (parameters: Float32Array) => {
      const scores = predict(spec, parameters, rows.features);
      const probability = (row: number, label: number) => {
        if (spec.output === 'softmax') return scores[row * spec.outputs + label]!;
        return label === 1 ? scores[row]! : 1 - scores[row]!;
      };
      return rows.labels.reduce((loss, label, row) => loss - Math.log(probability(row, label)) / rows.rowCount, 0);
    };
    for (let i = 0; i < start.length; i++) {
      const h = 0.01;
      const slope = (lossAt(nudged(start, i, h)) - lossAt(nudged(start, i, -h))) / (2 * h);
      expect(Math.abs(trained[i]! - (start[i]! - 0.5 * slope))).toBeLessThan(2e-3);
    }
  });

  it('survives logits where probabilities round to 0 and 1', async () => {
    const trainer = await createTfjsTrainer({ backend });
    const rows = { features: Float32Array.of(1000, 0, 0, 0, 0), labels: Float32Array.of(0), rowCount: 1 };
    const options = { ...oneStep, random: seededRandom(1) };
    const trained = await trainer.train(logistic, Float32Array.of(1, 0, 0, 0, 0, 0), rows, options);
    expect(trained[0]).toBeCloseTo(1 - 0.5 * 1000, 2);
    expect(trained[5]).toBeCloseTo(-0.5, 4);
  });
});

function nudged(parameters: Float32Array, index: number, by: number): Float32Array {
  return parameters.map((value, i) => (i === index ? value + by : value));
}

describe('the tfjs trainer', () => {
  it('pulls towards its start with the strength of the proximal term', async () => {
    const trainer = await createTfjsTrainer({ backend: 'cpu' });
    const rows = rowsFor(logistic, 20);
    const start = new Float32Array(6);
    const moved = async (proximal: number, epochs: number) => {
      const options = { ...oneStep, epochs, proximal, random: seededRandom(1) };
      return trainer.train(logistic, start, rows, options);
    };
    expect(await moved(1, 1)).toEqual(await moved(0, 1)); // at the start the pull is zero
    const [first, free, pulled] = [await moved(0, 1), await moved(0, 2), await moved(0.3, 2)];
    // The second step loses lr · μ · (w₁ − w₀).
    pulled.forEach((value, i) => {
      expect(value).toBeCloseTo(free[i]! - 0.5 * 0.3 * first[i]!, 5);
    });
  });

  it('takes the same steps from the same random and others from another', async () => {
    const trainer = await createTfjsTrainer({ backend: 'cpu' });
    const rows = rowsFor(deep, 30);
    const start = initialParameters(deep, seededRandom('start'));
    const train = (seed: number) =>
      trainer.train(deep, start, rows, { epochs: 2, batchSize: 4, learningRate: 0.1, random: seededRandom(seed) });
    expect(await train(1)).toEqual(await train(1));
    expect(await train(1)).not.toEqual(await train(2));
    expect(start).toEqual(initialParameters(deep, seededRandom('start')));
  });

  it('keeps no tensors beyond one model per spec', async () => {
    const trainer = await createTfjsTrainer({ backend: 'cpu' });
    const { tf } = await loadTfjs({ backend: 'cpu' });
    const train = (spec: TrainableSpec) => {
      const options = { epochs: 2, batchSize: 4, learningRate: 0.1, proximal: 0.1, random: seededRandom(1) };
      return trainer.train(spec, initialParameters(spec, seededRandom(2)), rowsFor(spec, 10), options);
    };
    await train(deep);
    await train(deepClasses);
    const { numTensors } = tf.memory();
    for (let i = 0; i < 5; i++) {
      await train(deep);
      await train(deepClasses);
    }
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('stops before an epoch when asked to, and leaves no tensors behind', async () => {
    const trainer = await createTfjsTrainer({ backend: 'cpu' });
    const { tf } = await loadTfjs({ backend: 'cpu' });
    const rows = rowsFor(logistic, 4);
    const options = { ...oneStep, random: seededRandom(1) };
    await trainer.train(logistic, new Float32Array(6), rows, options);
    const { numTensors } = tf.memory();
    const aborted = trainer.train(logistic, new Float32Array(6), rows, { ...options, signal: AbortSignal.abort() });
    await expect(aborted).rejects.toThrow(/abort/i);
    expect(tf.memory().numTensors).toBe(numTensors);
  });

  it('refuses rows and parameters that do not fit', async () => {
    const trainer = await createTfjsTrainer({ backend: 'cpu' });
    const rows = rowsFor(logistic, 4);
    const options = { ...oneStep, random: seededRandom(1) };
    await expect(trainer.train(logistic, new Float32Array(7), rows, options)).rejects.toThrow(ChoraleError);
    await expect(trainer.train(logistic, new Float32Array(6), { ...rows, rowCount: 5 }, options)).rejects.toThrow(
      ChoraleError,
    );
  });

  it('announces its choice once, with a reason for every better backend that it passed over', async () => {
    const choices: TfjsChoice[] = [];
    const trainer = await createTfjsTrainer({ announce: (choice) => choices.push(choice) });
    expect(choices).toHaveLength(1);
    const [{ backend, passedOver }] = choices as [TfjsChoice];
    expect(trainer.backend).toBe(`tfjs-${backend}`);
    const order: TfjsBackend[] = ['node', 'wasm', 'cpu'];
    expect(passedOver.map((better) => better.backend)).toEqual(order.slice(0, order.indexOf(backend)));
    expect(passedOver.every(({ reason }) => reason.length > 0)).toBe(true);
  });

  it('leaves the errors of the process to the process', async () => {
    // The backend may be loaded already; a child starts from nothing.
    const script = `
      import { loadTfjs } from './client/training/tfjs-backend.ts';
      const { backend } = await loadTfjs({ backend: 'wasm' });
      const counts = ['uncaughtException', 'unhandledRejection'].map((event) => process.listenerCount(event));
      console.log(backend, ...counts);
      process.exit();`;
    const flags = ['--conditions=development', '--import', 'tsx', '--input-type=module', '--eval', script];
    const { stdout } = await promisify(execFile)(process.execPath, flags, { cwd: join(import.meta.dirname, '../..') });
    expect(stdout.trim()).toBe('wasm 0 0');
  });

  it('makes it an error when the backend asked for is absent', async () => {
    const works = await loadTfjs({ backend: 'node' }).then(
      () => true,
      (error: unknown) => {
        expect(error).toMatchObject({ code: 'not-found' });
        return false;
      },
    );
    const choices: TfjsChoice[] = [];
    await loadTfjs({ announce: (choice) => choices.push(choice) });
    expect(works).toBe(choices[0]?.backend === 'node');
  });
});
