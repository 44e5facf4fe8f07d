import { expect, it } from 'vitest';
import { isPropensity, modelSpec, outputCount, trainableSpec } from './spec.ts';

it('a linear model has one sigmoid output unless it says otherwise', () => {
  const spec = trainableSpec.parse({ family: 'linear', inputs: 27, output: 'sigmoid' });
  expect(spec.outputs).toBe(1);
});

const image = {
  ...{ family: 'convolutional', inputs: 24, image: { height: 3, width: 4, channels: 2 } },
  ...{ convolutions: [{ filters: 5, size: 3 }], hidden: [], activation: 'relu', output: 'sigmoid' },
};

it.each([
  { ...image, inputs: 23 },
  { ...image, convolutions: [] },
  { ...image, convolutions: [{ filters: 0, size: 3 }] },
  { family: 'linear', inputs: 3, outputs: 2, output: 'sigmoid' },
  { family: 'linear', inputs: 3, outputs: 1, output: 'softmax' },
  { family: 'linear', inputs: 0, output: 'sigmoid' },
  { family: 'linear', inputs: 3, output: 'sigmoid', extra: true },
  { family: 'mlp', inputs: 3, hidden: [], activation: 'relu', output: 'sigmoid' },
  { family: 'mlp', inputs: 3, hidden: [4.5], activation: 'relu', output: 'sigmoid' },
  { family: 'mlp', inputs: 3, hidden: [4], activation: 'gelu', output: 'sigmoid' },
  { family: 'additive', inputs: 2, edges: [[1]] },
  { family: 'additive', inputs: 1, edges: [[1, 1]] },
  { family: 'additive', inputs: 1, edges: [[1, Number.NaN]] },
  { family: 'trees', inputs: 1, edges: [[1]], depth: 9, trees: 1 },
  { family: 'trees', inputs: 1, edges: [[2, 1]], depth: 2, trees: 1 },
  { family: 'centroids', inputs: 2, count: 0 },
])('refuses %j', (spec) => {
  expect(modelSpec.safeParse(spec).success).toBe(false);
});

it('a model gives one probability, or one per class or segment', () => {
  const binned = { inputs: 1, edges: [[0]] };
  const outputsOf = (spec: unknown) => {
    const parsed = modelSpec.parse(spec);
    return [outputCount(parsed), isPropensity(parsed)];
  };
  expect(outputsOf({ family: 'linear', inputs: 3, output: 'sigmoid' })).toEqual([1, true]);
  expect(outputsOf({ family: 'linear', inputs: 3, outputs: 4, output: 'softmax' })).toEqual([4, false]);
  expect(outputsOf(image)).toEqual([1, true]);
  expect(outputsOf({ family: 'additive', ...binned })).toEqual([1, true]);
  expect(outputsOf({ family: 'trees', ...binned, depth: 2, trees: 5 })).toEqual([1, true]);
  expect(outputsOf({ family: 'centroids', inputs: 3, count: 6 })).toEqual([6, false]);
});

it('only layers can be trained by gradient steps', () => {
  expect(trainableSpec.safeParse({ family: 'additive', inputs: 1, edges: [[0]] }).success).toBe(false);
});
