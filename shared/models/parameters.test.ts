import { describe, expect, it } from 'vitest';
import type { Random } from '../ports.ts';
import { denseLayers } from './dense.ts';
import { areParametersOf, initialParameters, parameterCount } from './parameters.ts';
import { type ModelSpec, modelSpec, type TrainableSpec } from './spec.ts';

const logistic: TrainableSpec = { family: 'linear', inputs: 27, outputs: 1, output: 'sigmoid' };
const digits: TrainableSpec = {
  family: 'mlp',
  inputs: 784,
  hidden: [200, 200],
  activation: 'relu',
  outputs: 10,
  output: 'softmax',
};

/** Always the same byte: the smallest and the largest draw. */
const constant = (byte: number): Random => ({ bytes: (length) => new Uint8Array(length).fill(byte) });

describe('the flat vector', () => {
  it('has a kernel and a bias per layer', () => {
    expect(parameterCount(logistic)).toBe(28);
    expect(parameterCount(digits)).toBe(199_210); // the 2NN of McMahan et al. 2017
  });

  it('holds layer after layer without gaps, kernel before bias', () => {
    let end = 0;
    for (const layer of denseLayers(digits)) {
      expect(layer.kernelAt).toBe(end);
      expect(layer.biasAt).toBe(layer.kernelAt + layer.inputs * layer.outputs);
      end = layer.biasAt + layer.outputs;
    }
    expect(end).toBe(parameterCount(digits));
  });
});

describe('the other families', () => {
  const edges = [[1, 2], [], [0]];

  it('have a bias and a number per bin, three per question and one per leaf more, or one per coordinate', () => {
    expect(parameterCount({ family: 'additive', inputs: 3, edges })).toBe(1 + 3 + 1 + 2);
    expect(parameterCount({ family: 'trees', inputs: 3, edges, depth: 2, trees: 5 })).toBe(1 + 5 * (2 * 3 + 4));
    expect(parameterCount({ family: 'centroids', inputs: 3, count: 4 })).toBe(12);
  });

  it('know their own parameters: as many as there are, and trees ask about edges that exist', () => {
    const stump: ModelSpec = modelSpec.parse({ family: 'trees', inputs: 3, edges, depth: 1, trees: 1 });
    const isOf = (...parameters: number[]) => areParametersOf(stump, Float32Array.from(parameters));
    expect(isOf(0, 0, 1, -1, 1)).toBe(true);
    expect(isOf(0, -1, 0, -1, 1)).toBe(true);
    for (const [feature, edge] of [
      [0, 2],
      [0, -1],
      [0, 0.5],
      [1, 0],
      [3, 0],
      [-2, 0],
    ] as const)
      expect(isOf(0, feature, edge, -1, 1), `${feature}, ${edge}`).toBe(false);
    expect(isOf(0, 0, 1, -1)).toBe(false);
  });
});

describe('initial parameters', () => {
  it('are zeros for a linear model', () => {
    expect(initialParameters(logistic, constant(7))).toEqual(new Float32Array(28));
  });

  it('stay within the Glorot limit of their layer and leave biases at zero', () => {
    for (const [byte, sign] of [
      [0x00, -1],
      [0xff, 1],
    ] as const) {
      const parameters = initialParameters(digits, constant(byte));
      for (const { inputs, outputs, kernelAt, biasAt } of denseLayers(digits)) {
        const limit = Math.sqrt(6 / (inputs + outputs));
        const kernel = parameters.subarray(kernelAt, biasAt);
        expect(kernel.every((value) => Math.abs(value - sign * limit) < 1e-6)).toBe(true);
        expect(parameters.subarray(biasAt, biasAt + outputs).every((bias) => bias === 0)).toBe(true);
      }
    }
  });
});

it('a convolutional model has as many parameters as the network of McMahan et al. (2017): 1,663,370', () => {
  const spec: TrainableSpec = {
    ...{ family: 'convolutional', inputs: 784, image: { height: 28, width: 28, channels: 1 } },
    convolutions: [
      { filters: 32, size: 5 },
      { filters: 64, size: 5 },
    ],
    ...{ hidden: [512], activation: 'relu', outputs: 10, output: 'softmax' },
  };
  expect(parameterCount(spec)).toBe(1_663_370);
  const start = initialParameters(spec, constant(0xff));
  // 25 inputs and 25 × 32 outputs; the first bias stands behind the first kernel.
  expect(start.subarray(0, 800).every((value) => Math.abs(value - Math.sqrt(6 / (25 * 33))) < 1e-6)).toBe(true);
  expect(start.subarray(800, 832).every((value) => value === 0)).toBe(true);
});
