import { exportTfjs, parameterCount, predict, standardize, type TrainableSpec } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import { loadTfjs } from './tfjs-backend.ts';

const seed = 'tfjs export 1';
const logistic: TrainableSpec = { family: 'linear', inputs: 5, outputs: 1, output: 'sigmoid' };
const deep: TrainableSpec = { ...logistic, family: 'mlp', hidden: [7, 4], activation: 'relu' };
const specs: TrainableSpec[] = [
  logistic,
  { ...logistic, outputs: 3, output: 'softmax' },
  deep,
  { ...deep, activation: 'tanh', outputs: 3, output: 'softmax' },
];

const image: TrainableSpec = {
  ...{ family: 'convolutional', inputs: 5, image: { height: 1, width: 5, channels: 1 } },
  ...{ convolutions: [{ filters: 2, size: 3 }], hidden: [3], activation: 'relu', outputs: 1, output: 'sigmoid' },
};
specs.push(image, { ...image, image: { height: 5, width: 1, channels: 1 }, hidden: [], outputs: 3, output: 'softmax' });

/** One feature never varies, and some rows lie beyond the clip on either side. */
const standardization = { mean: [0.5, -2, 100, 3, 0], std: [1, 0.25, 40, 0, 2], clip: 1.5 };

it.each(
  specs.flatMap((spec) => [undefined, standardization].map((own) => [spec, own] as const)),
)('tfjs loads an exported model and agrees to 1e-5: %j, standardised by %j', async (spec, standardization) => {
  const random = seededRandom(seed);
  const normals = (count: number) => Float32Array.from({ length: count }, () => random.normal());
  const parameters = normals(parameterCount(spec));
  const features = normals(40 * 5).map((value, i) => (standardization ? standardization.mean[i % 5]! : 0) + 2 * value);
  const { tf } = await loadTfjs({ backend: 'cpu' });
  const { json, weights } = exportTfjs(spec, parameters, standardization);
  const file = JSON.parse(JSON.stringify(json));
  const [group] = file.weightsManifest;
  const model = await tf.loadLayersModel({
    load: async () => ({
      modelTopology: file.modelTopology,
      weightSpecs: group.weights,
      weightData: weights.slice().buffer,
    }),
  });
  const scores = (model.predict(tf.tensor2d(features, [40, 5])) as { dataSync(): Float32Array }).dataSync();
  const expected = predict(spec, parameters, standardization ? standardize(features, standardization) : features);
  expect(scores).toHaveLength(expected.length);
  expected.forEach((score, i) => {
    expect(Math.abs(score - scores[i]!), `seed ${seed}`).toBeLessThan(1e-5);
  });
  model.dispose();
});
