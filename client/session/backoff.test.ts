import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backoffMs, patientBackoff } from './backoff.ts';

const failures = fc.integer({ min: 1, max: 1000 });
const chance = fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((draw) => draw / 2 ** 32);

describe('backoff', () => {
  it('lies in the upper half below a ceiling that doubles until it stops', () => {
    fc.assert(
      fc.property(failures, chance, (count, draw) => {
        const ceiling = Math.min(300_000, 1000 * 2 ** (count - 1));
        const wait = backoffMs(count, draw, patientBackoff);
        expect(wait).toBeGreaterThanOrEqual(ceiling / 2);
        expect(wait).toBeLessThan(ceiling);
        expect(Number.isInteger(wait)).toBe(true);
      }),
    );
  });

  it('spreads devices that failed at the same moment', () => {
    const waits = new Set(Array.from({ length: 100 }, (_, i) => backoffMs(5, i / 100, patientBackoff)));
    expect(waits.size).toBe(100);
  });

  it('knows its first three ceilings by heart', () => {
    expect([1, 2, 3].map((count) => backoffMs(count, 0, patientBackoff))).toEqual([500, 1000, 2000]);
  });
});
