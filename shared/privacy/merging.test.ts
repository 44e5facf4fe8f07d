import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.ts';
import { mergingFactor, trimmedMeanStd } from './merging.ts';

const seed = 'merging';

/** What the formula approximates, from so many means of real draws: errs by about 1/√(2·trials) of itself. */
function drawnStd(draws: number, cut: number, trials = 20_000): number {
  const random = seededRandom(`${seed} ${draws} ${cut}`);
  let squares = 0;
  for (let trial = 0; trial < trials; trial++) {
    const sorted = Float64Array.from({ length: draws }, () => random.normal()).sort();
    const kept = sorted.subarray(cut, draws - cut);
    squares += (kept.reduce((sum, value) => sum + value, 0) / kept.length) ** 2;
  }
  return Math.sqrt(squares / trials);
}

describe('a mean of normal draws', () => {
  it.each([
    [5, 1],
    [5, 2],
    [6, 2],
    [10, 2],
    [10, 4],
    [30, 6],
    [30, 14],
  ])('of %i without %i at each end spreads as its formula says', (draws, cut) => {
    // Within 1.5 % by the formula, and the draws err by more than 2.5 % once in 10^6.
    expect(Math.abs(trimmedMeanStd(draws, cut) / drawnStd(draws, cut) - 1), `seed ${seed}`).toBeLessThan(0.04);
  });

  it('spreads as √(π/2n) when many draws are cut down to the median', () => {
    expect(trimmedMeanStd(1001, 500) * Math.sqrt(1001)).toBeCloseTo(Math.sqrt(Math.PI / 2), 3);
  });

  it('cannot be taken of nothing', () => {
    expect(() => trimmedMeanStd(6, 3)).toThrow('something left');
  });
});

describe('noise in a round of several cohorts', () => {
  it('is √G times that of one cohort, and with a robust rule more', () => {
    expect(mergingFactor(1, 0)).toBe(1);
    expect(mergingFactor(9, 0)).toBeCloseTo(3, 12);
    // The median of few is better than √(π/2) times the mean: 1.21 for 9, 1.25 for many.
    expect(mergingFactor(9, 4) / 3).toBeCloseTo(1.21, 2);
    expect(mergingFactor(10, 2) / Math.sqrt(10)).toBeCloseTo(1.07, 2);
  });
});
