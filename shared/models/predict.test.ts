import { describe, expect, it } from 'vitest';
import { nearestCentroid } from './centroids.ts';
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

describe('an additive model', () => {
  const spec: ModelSpec = { family: 'additive', inputs: 2, edges: [[0, 1], [5]] };
  const parameters = Float32Array.of(-1, 1, 2, 3, 0.25, 0.5);

  it('adds the bias and what each feature’s bin has; a value on an edge is in the bin above it', () => {
    const rows = Float32Array.of(-7, 4.5, -0.001, 5, 0, 9, 1, -9);
    const logits = [0.25, 0.5, 1.5, 2.25];
    expect(predict(spec, parameters, rows)).toEqual(Float32Array.from(logits, sigmoid));
  });
});

describe('trees', () => {
  // Two trees of depth 2. In the second, the left child asks nothing: its right leaf is never reached.
  const spec: ModelSpec = { family: 'trees', inputs: 2, edges: [[0, 1], [5]], depth: 2, trees: 2 };
  const first = [0, 1, 1, 0, 0, 0, 0.1, 0.2, 0.3, 0.4];
  const second = [1, 0, -1, 0, 0, 0, 1, 99, 2, 3];
  const parameters = Float32Array.of(-1, ...first, ...second);
  const scoreOf = (...row: number[]) => predict(spec, parameters, Float32Array.from(row))[0]!;

  it('send a row left below an edge and right from the edge on, level by level', () => {
    expect(scoreOf(0.5, 4)).toBeCloseTo(sigmoid(-1 + 0.1 + 1), 6);
    expect(scoreOf(0.5, 5)).toBeCloseTo(sigmoid(-1 + 0.2 + 3), 6);
    expect(scoreOf(1, 4)).toBeCloseTo(sigmoid(-1 + 0.4 + 1), 6);
    expect(scoreOf(-1, 7)).toBeCloseTo(sigmoid(-1 + 0.2 + 2), 6);
  });
});

describe('centroids', () => {
  const spec = { family: 'centroids', inputs: 2, count: 3 } as const;
  const centers = Float32Array.of(0, 0, 2, 0, 0, 4);

  it('give each segment its share under Gaussians of spread 1', () => {
    const shares = predict(spec, centers, Float32Array.of(1, 0));
    expect(shares[0]).toBeCloseTo(shares[1]!, 6);
    expect(shares[2]! / shares[0]!).toBeCloseTo(Math.exp(-8), 9);
    expect(shares.reduce((sum, share) => sum + share)).toBeCloseTo(1, 6);
  });

  it('have a nearest one, the first of several', () => {
    const nearest = (...row: number[]) => nearestCentroid(spec, centers, Float32Array.from(row));
    expect([nearest(-1, 0), nearest(1, 0), nearest(1.1, 0), nearest(1e20, 1e20), nearest(0, 3)]).toEqual([
      0, 0, 1, 0, 2,
    ]);
  });
});
