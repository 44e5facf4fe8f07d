import { createTfjsTrainer } from '@chorale/client/training';
import { parameterCount, type TrainableSpec, type TrainingOptions } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { linearTrainer } from './linear-trainer.ts';

const sigmoid: TrainableSpec = { family: 'linear', inputs: 27, outputs: 1, output: 'sigmoid' };
const softmax: TrainableSpec = { family: 'linear', inputs: 11, outputs: 5, output: 'softmax' };
const once: Omit<TrainingOptions, 'random'> = { epochs: 1, batchSize: 64, learningRate: 1 };

function normals(count: number, seed: string): Float32Array<ArrayBuffer> {
  const random = seededRandom(seed);
  return Float32Array.from({ length: count }, () => random.normal());
}

function rowsFor(spec: TrainableSpec, rowCount: number) {
  const random = seededRandom('labels');
  const labels = Float32Array.from({ length: rowCount }, () => random.below(Math.max(2, spec.outputs)));
  return { features: normals(rowCount * spec.inputs, 'features'), labels, rowCount };
}

describe('the linear trainer', () => {
  it.each([
    ['one batch', sigmoid, once],
    ['several batches and epochs', sigmoid, { ...once, epochs: 3, batchSize: 7, learningRate: 0.5 }],
    ['a pull to where it started', sigmoid, { ...once, epochs: 3, batchSize: 10, proximal: 0.3 }],
    ['several classes', softmax, { ...once, epochs: 2, batchSize: 16, learningRate: 0.3 }],
  ])('takes the steps of tfjs to 1e-5: %s', async (_, spec, options) => {
    const tfjs = await createTfjsTrainer({ backend: 'cpu' });
    const [start, rows] = [normals(parameterCount(spec), 'start'), rowsFor(spec, 50)];
    const train = (trainer: typeof tfjs) => trainer.train(spec, start, rows, { ...options, random: seededRandom(1) });
    const [expected, trained] = [await train(tfjs), await train(linearTrainer)];
    const moved = Math.max(...trained.map((value, i) => Math.abs(value - start[i]!)));
    expect(moved).toBeGreaterThan(0.05);
    trained.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!), `parameter ${i}`).toBeLessThan(1e-5);
    });
  });

  it('stays finite where a logit is far out, and leaves what it was given alone', async () => {
    const start = new Float32Array(28).fill(500);
    const rows = { features: new Float32Array(27).fill(4), labels: Float32Array.of(0), rowCount: 1 };
    const trained = await linearTrainer.train(sigmoid, start, rows, { ...once, random: seededRandom(1) });
    expect(trained[0]).toBeCloseTo(496, 3);
    expect(start).toEqual(new Float32Array(28).fill(500));
  });

  it('refuses other families', async () => {
    const mlp: TrainableSpec = { ...sigmoid, family: 'mlp', hidden: [3], activation: 'relu' };
    const rows = rowsFor(sigmoid, 1);
    const training = linearTrainer.train(mlp, new Float32Array(88), rows, { ...once, random: seededRandom(1) });
    await expect(training).rejects.toThrow('linear models only');
  });
});
