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

  /** v_t of Algorithm 2 from v_{t−1} and Δ_t². */
  const secondMoments = {
    adagrad: (v, square) => v + square,
    adam: (v, square) => 0.95 * v + 0.05 * square,
    yogi: (v, square) => v - 0.05 * square * Math.sign(v - square),
  } satisfies Record<string, (v: number, square: number) => number>;

  it.each(['adagrad', 'adam', 'yogi'] as const)('%s follow the formulas of the paper', (optimizer) => {
    const [b1, tau, rate] = [0.8, 0.3, 0.1];
    const expected = [1, -2].map((parameter, i) => {
      let [w, m, v] = [parameter, 0, tau ** 2];
      for (const update of updates) {
        m = b1 * m + (1 - b1) * update[i]!;
        v = secondMoments[optimizer](v, update[i]! ** 2);
        w += (rate * m) / (Math.sqrt(v) + tau);
      }
      return w;
    });
    const options = { learningRate: rate, beta1: b1, epsilon: tau };
    const walked = walk(optimizer === 'adagrad' ? { optimizer, ...options } : { optimizer, ...options, beta2: 0.95 });
    close(walked, expected);
  });
});

it('the adaptive three part where a large update is followed by a small one', () => {
  const after = (['adagrad', 'adam', 'yogi'] as const).map((optimizer) => {
    const options = serverOptimizer.parse({ optimizer, learningRate: 1, epsilon: 1e-6 });
    let [parameters, slots]: [Float32Array<ArrayBuffer>, OptimizerSlots] = [Float32Array.of(0), {}];
    for (const update of [1, ...new Array(100).fill(0.01)])
      ({ parameters, slots } = serverStep(options, parameters, slots, Float64Array.of(update)));
    return slots.second![0]!;
  });
  const [adagrad, adam, yogi] = after as [number, number, number];
  // Adagrad holds both squares for good; adam forgets the large one by 0.99^100; yogi loses one hundredth of 0.01² a time.
  expect(adagrad).toBeCloseTo(1.01, 5);
  expect(adam).toBeCloseTo(0.01 * 0.99 ** 100 + 0.0001 * (1 - 0.99 ** 100), 8);
  expect(yogi).toBeCloseTo(0.01 - 0.0001, 7);
});

it('a step leaves its inputs as they were', () => {
  walk({ optimizer: 'momentum', learningRate: 1, beta: 0.9 });
  expect([...start]).toEqual([1, -2]);
});

it('the adaptive ones have the defaults of the paper, and a learning rate must be said', () => {
  expect(serverOptimizer.parse({ optimizer: 'adam', learningRate: 0.02 })).toEqual({
    optimizer: 'adam',
    learningRate: 0.02,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 0.001,
  });
  expect(serverOptimizer.safeParse({ optimizer: 'adam' }).success).toBe(false);
  expect(serverOptimizer.parse({ optimizer: 'yogi', learningRate: 0.02 })).toMatchObject({ beta1: 0.9, beta2: 0.99 });
  expect(serverOptimizer.parse({ optimizer: 'adagrad', learningRate: 0.02 })).toMatchObject({ beta1: 0 });
  expect(serverOptimizer.safeParse({ optimizer: 'adagrad', learningRate: 0.02, beta2: 0.9 }).success).toBe(false);
});
