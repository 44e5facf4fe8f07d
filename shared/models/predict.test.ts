import { describe, expect, it } from 'vitest';
import { predict, sigmoid } from './predict.ts';
import type { ModelSpec } from './spec.ts';

const logistic: ModelSpec = { family: 'linear', inputs: 2, outputs: 1, output: 'sigmoid' };

describe('predict', () => {
  it('scores every row of a logistic model', () => {
    const scores = predict(logistic, Float32Array.of(1, -2, 0.5), Float32Array.of(0, 0, 1, 1, -3, 4));
    expect(scores).toEqual(Float32Array.of(sigmoid(0.5), sigmoid(-0.5), sigmoid(-10.5)));
  });

  it('reads kernels row-major and activates only hidden layers', () => {
    const spec: ModelSpec = {
      family: 'mlp',
      inputs: 2,
      hidden: [2],
      activation: 'relu',
      outputs: 2,
      output: 'softmax',
    };
    // hidden = relu([x0 + 3 x1 − 1, 2 x0 + 4 x1 − 100]); logits = [5 h0 + 7 h1, 6 h0 + 8 h1]
    const parameters = Float32Array.of(1, 2, 3, 4, -1, -100, 5, 6, 7, 8, 0, 0);
    const [first, second] = predict(spec, parameters, Float32Array.of(1, 1));
    expect(first).toBeCloseTo(sigmoid(-3), 6); // h = [3, 0], logits = [15, 18]
    expect(second).toBeCloseTo(sigmoid(3), 6);
  });

  it('squashes hidden sums with tanh when the spec says so', () => {
    const spec: ModelSpec = {
      family: 'mlp',
      inputs: 1,
      hidden: [1],
      activation: 'tanh',
      outputs: 1,
      output: 'sigmoid',
    };
    const [score] = predict(spec, Float32Array.of(2, 0, 1, 0), Float32Array.of(0.25));
    expect(score).toBeCloseTo(sigmoid(Math.tanh(0.5)), 6);
  });

  it('stays finite and keeps its order at extreme logits', () => {
    const scores = predict(logistic, Float32Array.of(1, 0, 0), Float32Array.of(-90, 0, -1e30, 0, 1e30, 0, 90, 0));
    expect(scores[0]).toBeGreaterThan(0);
    expect([...scores].slice(1)).toEqual([0, 1, 1]);
    const spec: ModelSpec = { family: 'linear', inputs: 1, outputs: 2, output: 'softmax' };
    expect([...predict(spec, Float32Array.of(1e30, -1e30, 0, 0), Float32Array.of(1e8))]).toEqual([1, 0]);
  });

  it('refuses lengths that do not fit', () => {
    expect(() => predict(logistic, new Float32Array(4), new Float32Array(2))).toThrow(RangeError);
    expect(() => predict(logistic, new Float32Array(3), new Float32Array(3))).toThrow(RangeError);
  });
});
