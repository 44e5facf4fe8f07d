import { seededRandom } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import { adjustedRand } from './adjusted-rand.ts';

it('is 1 for the same division under other names', () => {
  expect(adjustedRand([0, 0, 1, 1, 2], [7, 7, 3, 3, 0])).toBe(1);
  expect(adjustedRand([0, 0, 0], [1, 1, 1])).toBe(1);
});

it('agrees with a small case worked out by hand', () => {
  // Of 15 pairs, 4 are together in the first, 7 in the second, 4 in both: (4 − 28/15)/(5.5 − 28/15).
  expect(adjustedRand([0, 0, 1, 1, 2, 2, 2].slice(0, 6), [0, 0, 1, 1, 1, 1])).toBeCloseTo(
    (3 - (3 * 7) / 15) / (5 - (3 * 7) / 15),
    12,
  );
});

it('is about 0 for divisions that have nothing to do with each other', () => {
  const random = seededRandom(1);
  const labels = () => Array.from({ length: 5000 }, () => random.below(4));
  expect(Math.abs(adjustedRand(labels(), labels()))).toBeLessThan(0.01);
});

it('needs the same people', () => {
  expect(() => adjustedRand([1, 2], [1])).toThrow(RangeError);
});
