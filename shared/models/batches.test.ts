import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Random } from '../ports.ts';
import { shuffledBatches } from './batches.ts';

/** Deterministic bytes from a linear congruential generator (Numerical Recipes): good enough to shuffle in a test. */
function seeded(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  return { bytes: (length) => Uint8Array.from({ length }, next) };
}

it('every row is visited exactly once, in batches that are full but for the last', () => {
  fc.assert(
    fc.property(fc.nat(60), fc.integer({ min: 1, max: 20 }), fc.nat(), (rowCount, batchSize, seed) => {
      const batches = shuffledBatches(rowCount, batchSize, seeded(seed));
      const visited = batches.flatMap((batch) => [...batch]).sort((a, b) => a - b);
      expect(visited).toEqual(Array.from({ length: rowCount }, (_, i) => i));
      expect(batches.slice(0, -1).every((batch) => batch.length === batchSize)).toBe(true);
    }),
  );
});

it('the same random gives the same order, another random another', () => {
  const order = (seed: number) => shuffledBatches(50, 50, seeded(seed)).map((batch) => [...batch]);
  expect(order(1)).toEqual(order(1));
  expect(order(1)).not.toEqual(order(2));
});
