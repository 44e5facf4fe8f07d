import { describe, expect, it } from 'vitest';
import { type OptimizerSlots, type ServerOptimizer, serverOptimizer, serverStep } from './server-optimizer.ts';

const start = Float32Array.of(1, -2);
const updates = [Float64Array.of(0.5, -0.25), Float64Array.of(0.5, 1)];

function walk(options: ServerOptimizer): number[] {
  let [parameters, slots]: [Float32Array<ArrayBuffer>, OptimizerSlots] = [start, {}];
  for (const update of updates) ({ parameters, slots } = serverStep(options, parameters, slots, update));
  return [...parameters];
}

const close = (actual: readonly number[], expected: readonly number[]) =>
  expected.forEach((value, i) => {
    expect(actual[i]).toBeCloseTo(value, 6);
  });

describe('two steps of', () => {
  it('sgd with rate 1 add the updates: plain federated averaging', () => {
    expect(walk({ optimizer: 'sgd', learningRate: 1 })).toEqual([2, -1.25]);
  });

  it('momentum repeat a share of the first', () => {
    close(walk({ optimizer: 'momentum', learningRate: 1, beta: 0.5 }), [1 + 0.5 + 0.75, -2 - 0.25 + 0.875]);
  });

  it('adam follow the formula of the paper', () => {
    const [b1, b2, tau, rate] = [0.9, 0.99, 1e-3, 0.1];
    const expected = [1, -2].map((parameter, i) => {
      let [w, m, v] = [parameter, 0, tau ** 2];
      for (const update of updates) {
        m = b1 * m + (1 - b1) * update[i]!;
        v = b2 * v + (1 - b2) * update[i]! ** 2;
        w += (rate * m) / (Math.sqrt(v) + tau);
      }
      return w;
    });
    close(walk({ optimizer: 'adam', learningRate: rate, beta1: b1, beta2: b2, epsilon: tau }), expected);
  });
});

it('a step leaves its inputs as they were', () => {
  walk({ optimizer: 'momentum', learningRate: 1, beta: 0.9 });
  expect([...start]).toEqual([1, -2]);
});

it('adam has the defaults of the paper, and a learning rate must be said', () => {
  expect(serverOptimizer.parse({ optimizer: 'adam', learningRate: 0.02 })).toEqual({
    optimizer: 'adam',
    learningRate: 0.02,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 0.001,
  });
  expect(serverOptimizer.safeParse({ optimizer: 'adam' }).success).toBe(false);
});
