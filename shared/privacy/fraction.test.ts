import fc from 'fast-check';
import { expect, it } from 'vitest';
import { add, fractionOf, isMore, toNumber, zero } from './fraction.ts';

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

it('fractions add exactly, in any order, and what was added makes them more', () => {
  const part = fc.record({ numerator: fc.bigInt(0n, 10n ** 12n), denominator: fc.bigInt(1n, 10n ** 12n) });
  fc.assert(
    fc.property(part, part, part, (a, b, c) => {
      expect(add(add(a, b), c)).toEqual(add(a, add(c, b)));
      expect(isMore(add(a, b), a)).toBe(b.numerator > 0n);
    }),
  );
});

it('a limit that a person wrote never becomes larger', () => {
  expect(fractionOf(0.25)).toEqual({ numerator: 1n, denominator: 4n });
  expect(isMore(fractionOf(0.1234567), { numerator: 123_456n, denominator: 1_000_000n })).toBe(false);
  expect(toNumber(add(zero, zero))).toBe(0);
});
