import fc from 'fast-check';
import { expect, it } from 'vitest';
import { binOf } from './bins.ts';

it('a bin is how many edges are at or below the value', () => {
  const number = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.double());
  fc.assert(
    fc.property(fc.array(number.filter(Number.isFinite), { maxLength: 20 }), number, (numbers, value) => {
      const edges = [...new Set(numbers)].sort((a, b) => a - b);
      expect(binOf(edges, value)).toBe(edges.filter((edge) => edge <= value).length);
    }),
  );
});
