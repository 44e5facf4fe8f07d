import fc from 'fast-check';
import { expect, it } from 'vitest';
import { toNumber } from './fraction.ts';

it('a fraction becomes the float that division would give, however long its parts', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 2 ** 31 }),
      fc.integer({ min: 1, max: 2 ** 31 }),
      fc.nat({ max: 2000 }),
      (a, b, shift) => {
        const long = { numerator: BigInt(a) << BigInt(shift), denominator: BigInt(b) << BigInt(shift) };
        expect(Math.abs(toNumber(long) - a / b)).toBeLessThanOrEqual((a / b) * 2 ** -52);
      },
    ),
  );
});
