import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { erf, erfc, erfcx, logErfc, millsRatio, normalBetween, normalCdf, normalQuantile } from './normal.ts';

type Known = { readonly x: number; readonly erf: number; readonly erfc: number; readonly logErfc: number };
const known: { readonly values: readonly Known[] } = JSON.parse(
  readFileSync(new URL('./vectors/normal.json', import.meta.url), 'utf8'),
);

const relative = (value: number, truth: number) => Math.abs(value / truth - 1);

describe('the error function', () => {
  it.each(known.values)('is right to 15 digits, tails included: x = $x', ({ x, ...truth }) => {
    expect(relative(erf(x), truth.erf)).toBeLessThan(1e-15);
    expect(relative(erfc(x), truth.erfc)).toBeLessThan(1e-15);
    expect(relative(logErfc(x), truth.logErfc)).toBeLessThan(1e-15);
  });

  it('has no step where one way of computing it hands over to another', () => {
    for (const x of [0.5, 6]) {
      const below = x * (1 - 2 ** -52);
      expect(relative(erfcx(below), erfcx(x))).toBeLessThan(1e-15);
      expect(relative(logErfc(below), logErfc(x))).toBeLessThan(2e-15);
    }
  });

  it('has its limits at infinity', () => {
    expect([erfc(Infinity), erfc(-Infinity), erf(Infinity), erf(-Infinity), erf(0)]).toEqual([0, 2, 1, -1, 0]);
  });
});

describe('the normal distribution', () => {
  it('is symmetric and adds up', () => {
    fc.assert(
      fc.property(
        fc.double({ min: -8, max: 8, noNaN: true }),
        fc.double({ min: 0, max: 8, noNaN: true }),
        (from, length) => {
          const to = from + length;
          expect(normalCdf(from) + normalBetween(from, to) + normalCdf(-to)).toBeCloseTo(1, 14);
          expect(normalBetween(-to, -from)).toBeCloseTo(normalBetween(from, to), 15);
        },
      ),
    );
  });

  it('keeps the digits of a narrow interval far out', () => {
    // φ(10)·1e-3·(1 − 10·1e-3/2 + …): the density at the middle times the length, to second order.
    const middle = Math.exp(-0.5 * 10.0005 ** 2) / Math.sqrt(2 * Math.PI);
    expect(relative(normalBetween(10, 10.001), middle * 1e-3 * (1 + (10 ** 2 - 1) / 24e6))).toBeLessThan(1e-8);
  });

  it('has a ratio of Mills and a quantile that fit it', () => {
    for (const x of [0, 0.3, 1, 4, 9]) {
      const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
      expect(relative(millsRatio(x) * density, normalCdf(-x))).toBeLessThan(1e-14);
    }
    for (const tail of [0.3, 1e-5, 1e-18]) {
      expect(normalCdf(-normalQuantile(tail))).toBeLessThanOrEqual(tail);
      expect(normalCdf(-normalQuantile(tail))).toBeGreaterThan(tail * (1 - 1e-7));
    }
  });
});
