import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compare, utf8 } from '../bytes.ts';
import { compareKeys } from './key-order.ts';

describe('the order of keys', () => {
  it('is the order of their UTF-8 bytes', () => {
    const text = fc.string({ unit: 'binary', maxLength: 6 });
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Math.sign(compare(utf8(a), utf8(b))));
      }),
      { numRuns: 2000, seed: 1 },
    );
  });

  it('differs from the order of UTF-16 units where surrogates meet the end of the plane', () => {
    expect('😀' < '\uffff').toBe(true);
    expect(compareKeys('😀', '\uffff')).toBeGreaterThan(0);
    expect(compareKeys('\ud7ff', '\ue000')).toBeLessThan(0);
  });
});
