import { describe, expect, it } from 'vitest';
import { standardization, standardizationOf, standardize } from './standardize.ts';

describe('standardize', () => {
  it('centres, scales and clips each feature of each row', () => {
    const rows = Float32Array.of(3, 10, 1, 1000);
    expect([...standardize(rows, { mean: [1, 10], std: [2, 5], clip: 4 })]).toEqual([1, 0, 0, 4]);
  });

  it('makes a feature without spread 0, whatever its value', () => {
    expect([...standardize(Float32Array.of(5, 7), { mean: [5], std: [0], clip: 4 })]).toEqual([0, 0]);
  });

  it('gives rows zero mean and unit spread under their own moments', () => {
    const rows = Float32Array.of(1, 2, 4, 9);
    const sums = { count: 4, sums: [16], sumsOfSquares: [102] };
    const standardized = standardize(rows, standardizationOf(sums, 10));
    const mean = standardized.reduce((sum, value) => sum + value, 0) / 4;
    const variance = standardized.reduce((sum, value) => sum + value * value, 0) / 4;
    expect(mean).toBeCloseTo(0, 6);
    expect(variance).toBeCloseTo(1, 6);
  });

  it('floors a variance that rounding pushed below zero', () => {
    expect(standardizationOf({ count: 3, sums: [3], sumsOfSquares: [2.999] }).std).toEqual([0]);
  });

  it('refuses rows of another width and moments of no rows', () => {
    expect(() => standardize(new Float32Array(3), { mean: [0, 0], std: [1, 1], clip: 4 })).toThrow(RangeError);
    expect(() => standardizationOf({ count: 0, sums: [0], sumsOfSquares: [0] })).toThrow(RangeError);
  });

  it('arrives from outside only with one finite mean and spread per feature', () => {
    const good = { mean: [0, 1], std: [1, 0], clip: 4 };
    expect(standardization.safeParse(good).success).toBe(true);
    for (const bad of [
      { ...good, std: [1] },
      { ...good, std: [1, -1] },
      { ...good, mean: [0, Number.NaN] },
      { ...good, clip: 0 },
    ])
      expect(standardization.safeParse(bad).success).toBe(false);
  });
});
