import { describe, expect, it } from 'vitest';
import { convolveWithItself } from './fourier.ts';
import { gaussianEpsilon } from './gaussian.ts';
import { normalCdf } from './normal.ts';
import { pldEpsilon } from './pld.ts';
import { outputAt, type SampledGaussian } from './sampled-gaussian.ts';
import { leastWhere } from './search.ts';

/** ε of a single step in closed form: an attacker looks on which side of one output it fell. */
function epsilonOfOneStep(step: SampledGaussian, delta: number, direction: 'remove' | 'add'): number {
  const { samplingRate: q, noiseMultiplier: z } = step;
  const beyond = (x: number) => {
    const without = normalCdf(-x / z);
    return { without, withDevice: (1 - q) * without + q * normalCdf((1 - x) / z) };
  };
  const removed = (epsilon: number) => {
    const tail = beyond(outputAt(epsilon, step));
    return tail.withDevice - Math.exp(epsilon) * tail.without;
  };
  const added = (epsilon: number) => {
    const tail = beyond(outputAt(-epsilon, step));
    return 1 - tail.without - Math.exp(epsilon) * (1 - tail.withDevice);
  };
  const spent = { remove: removed, add: added }[direction];
  const keeps = (epsilon: number) => spent(epsilon) <= delta;
  return leastWhere(keeps, { low: 0, high: 0.1, tolerance: 1e-12 });
}

describe('the bound', () => {
  it.each([
    { samplingRate: 0.1, noiseMultiplier: 1, delta: 1e-5 },
    { samplingRate: 0.01, noiseMultiplier: 0.6, delta: 1e-6 },
    { samplingRate: 0.9, noiseMultiplier: 3, delta: 1e-8 },
  ])('of one step lies on its closed form, never below: q = $samplingRate', ({ delta, ...step }) => {
    for (const direction of ['remove', 'add'] as const) {
      const exact = epsilonOfOneStep(step, delta, direction);
      const bound = pldEpsilon({ ...step, steps: 1 }, delta, { directions: [direction] });
      expect(bound, direction).toBeGreaterThanOrEqual(exact - 1e-12);
      expect(bound, direction).toBeLessThan(exact + 3e-5);
    }
  });

  it('is the greater of a removed and an added device', () => {
    const process = { samplingRate: 0.3, noiseMultiplier: 1, steps: 5 };
    const [remove, add] = (['remove', 'add'] as const).map((direction) =>
      pldEpsilon(process, 1e-5, { directions: [direction] }),
    );
    expect(remove).toBeGreaterThan(add!);
    expect(pldEpsilon(process, 1e-5)).toBe(remove);
  });

  it('of a sure participant lies on the exact Gaussian, for much and little noise', () => {
    for (const [noiseMultiplier, steps, delta] of [
      [20, 1, 1e-5],
      [100, 1000, 1e-9],
      [0.5, 1, 1e-6],
    ] as const) {
      const exact = gaussianEpsilon(Math.sqrt(steps) / noiseMultiplier, delta);
      const bound = pldEpsilon({ samplingRate: 1, noiseMultiplier, steps }, delta);
      expect(bound).toBeGreaterThanOrEqual(exact);
      expect(bound).toBeLessThan(exact + 1e-4);
    }
  });

  it('holds on any grid: a coarser one that holds every second loss only loosens it', () => {
    const process = { samplingRate: 0.05, noiseMultiplier: 1.5, steps: 200 };
    const bounds = [1e-3, 2e-3, 4e-3, 8e-3].map((width) => pldEpsilon(process, 1e-6, { width }));
    const finest = pldEpsilon(process, 1e-6);
    for (const [i, bound] of bounds.entries()) expect(bound).toBeGreaterThan(bounds[i - 1] ?? finest);
    expect(bounds[0]! - finest).toBeLessThan(1e-3);
  });

  it('counts sampling: a tenth of the chance costs less than a tenth of the participations', () => {
    const sampled = pldEpsilon({ samplingRate: 0.1, noiseMultiplier: 2, steps: 100 }, 1e-6);
    expect(sampled).toBeLessThan(gaussianEpsilon(Math.sqrt(10) / 2, 1e-6));
  });

  it('is 0 where δ pays for everything', () => {
    expect(pldEpsilon({ samplingRate: 1, noiseMultiplier: 1000, steps: 1 }, 0.01)).toBe(0);
  });

  it('is refused for a δ that rounding would drown', () => {
    expect(() => pldEpsilon({ samplingRate: 1, noiseMultiplier: 1, steps: 1 }, 1e-11)).toThrow('delta of 1e-10');
  });
});

describe('convolution', () => {
  it('of a coin with itself is binomial, round the circle', () => {
    const coin = Float64Array.of(0.75, 0.25, 0, 0, 0, 0, 0, 0);
    const binomial = [1, 4, 6, 4, 1].map((ways, heads) => ways * 0.25 ** heads * 0.75 ** (4 - heads));
    const sum = convolveWithItself(coin, 4);
    for (const [heads, probability] of binomial.entries()) expect(sum[heads]).toBeCloseTo(probability, 15);
    const shifted = convolveWithItself(Float64Array.of(0, 0, 0, 1), 5);
    for (const [cell, mass] of [0, 0, 0, 1].entries()) expect(shifted[cell]).toBeCloseTo(mass, 14);
  });

  it('keeps the mass over many steps', () => {
    const sum = convolveWithItself(
      Float64Array.from({ length: 1024 }, (_, i) => (i < 10 ? 0.1 : 0)),
      5000,
    );
    expect(sum.reduce((total, mass) => total + mass, 0)).toBeCloseTo(1, 10);
  });
});
