import { describe, expect, it } from 'vitest';
import type { Random } from '../ports.ts';
import { denseLayers, initialParameters, parameterCount } from './parameters.ts';
import type { ModelSpec } from './spec.ts';

const logistic: ModelSpec = { family: 'linear', inputs: 27, outputs: 1, output: 'sigmoid' };
const digits: ModelSpec = {
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
