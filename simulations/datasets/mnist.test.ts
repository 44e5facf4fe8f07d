import { describe, expect, it } from 'vitest';
import { idxBytes } from './mnist.ts';

/** 2 × 3 bytes, written out by hand. */
const file = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6);

describe('an IDX file', () => {
  it('has its bytes behind its dimensions', () => {
    expect([...idxBytes(file, [2, 3])]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it.each([
    ['cut short', file.subarray(0, -1)],
    ['longer than it says', Uint8Array.of(...file, 7)],
    ['of other numbers', file.with(2, 9)],
    ['of another shape', file.with(7, 3).with(11, 2)],
    ['empty', new Uint8Array(0)],
  ])('is refused if it is %s', (_, other) => {
    expect(() => idxBytes(other, [2, 3])).toThrow('not an IDX file of 2 × 3 bytes');
  });
});
