/** Epochs of the reference trainer on tfjs's wasm backend: against the same with products as they come, and against the kernel. */

import { createKernelTrainer, createTfjsTrainer } from '@chorale/client/training';
import { initialParameters, parameterCount, type TrainableSpec, type Trainer } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import type { BenchGroup } from './measurement.ts';
import { leastOf } from './stopwatch.ts';

const rowCount = 200;
const options = { epochs: 1, batchSize: 20, learningRate: 0.1 };

const perceptron = (inputs: number, hidden: number[], outputs: number): TrainableSpec => ({
  ...{ family: 'mlp', inputs, hidden, activation: 'relu', outputs },
  output: outputs === 1 ? 'sigmoid' : 'softmax',
});

const specs: readonly TrainableSpec[] = [
  perceptron(32, [64, 32], 1),
  perceptron(100, [128, 96], 2),
  perceptron(784, [400, 200], 10),
];

export const tfjsGroup: BenchGroup = async function* ({ isQuick, note }) {
  const runs = isQuick ? 3 : 12;
  for (const spec of specs) {
    const name = `tfjs-wasm epoch, ${parameterCount(spec)} parameters`;
    note(`tfjs: ${name} …`);
    // One engine serves both: each is set up when its turn comes.
    const asTheyCome = await measure(
      await createTfjsTrainer({ backend: 'wasm', isTransposingFirst: false }),
      spec,
      runs,
    );
    const tfjs = await measure(await createTfjsTrainer({ backend: 'wasm' }), spec, runs);
    const kernel = await measure(await createKernelTrainer(), spec, runs);
    for (const { trained } of [tfjs, kernel]) expectClose(trained, asTheyCome.trained);
    const unit = '1/s';
    yield { name, value: tfjs.rate, unit, control: asTheyCome.rate, against: 'transposed products as they come' };
    yield { name: `${name}, kernel`, value: kernel.rate, unit, control: tfjs.rate, against: 'tfjs-wasm' };
  }
};

type Measured = { readonly rate: number; readonly trained: Float32Array };

/** Epochs a second. */
async function measure(trainer: Trainer, spec: TrainableSpec, runs: number): Promise<Measured> {
  const random = seededRandom('rows');
  const parameters = initialParameters(spec, random);
  const features = Float32Array.from({ length: rowCount * spec.inputs }, random.uniform);
  const labels = Float32Array.from({ length: rowCount }, () => random.below(2));
  const train = () =>
    trainer.train(spec, parameters, { features, labels, rowCount }, { ...options, random: seededRandom('order') });
  const trained = await train();
  for (let epoch = 0; epoch < runs; epoch++) await train();
  const { cpuMs } = await leastOf(runs, train);
  return { rate: 1000 / cpuMs, trained };
}

function expectClose(trained: Float32Array, expected: Float32Array): void {
  if (trained.some((value, i) => Math.abs(value - expected[i]!) > 1e-5))
    throw new Error('other parameters were learned');
}
