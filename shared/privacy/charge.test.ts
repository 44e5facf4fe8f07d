import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chargeOf, convolutionExcess, devicesVariance } from './charge.ts';

const noise = fc.record({ numerator: fc.integer({ min: 1, max: 1e6 }), denominator: fc.integer({ min: 1, max: 1e6 }) });
const share = fc.record({
  sensitivitySquared: fc.bigInt({ min: 1n, max: 1n << 60n }),
  honestSurvivors: fc.integer({ min: 1, max: 1024 }),
});

describe('a participation', () => {
  it('never costs more than the noise multiplier says: ρ ≤ 1/(2z²), exactly', () => {
    fc.assert(
      fc.property(noise, share, (z, of) => {
        const { numerator, denominator } = chargeOf(of, devicesVariance(z, of));
        expect(numerator * 2n * BigInt(z.numerator) ** 2n).toBeLessThanOrEqual(
          denominator * BigInt(z.denominator) ** 2n,
        );
      }),
    );
  });

  it('costs more than that with one less of variance: the noise is no wider than needed', () => {
    fc.assert(
      fc.property(noise, share, (z, of) => {
        const variance = devicesVariance(z, of) - 1n;
        if (variance === 0n) return;
        const { numerator, denominator } = chargeOf(of, variance);
        expect(numerator * 2n * BigInt(z.numerator) ** 2n).toBeGreaterThan(denominator * BigInt(z.denominator) ** 2n);
      }),
    );
  });

  it('without noise has no price in ρ', () => {
    expect(() => chargeOf({ sensitivitySquared: 1n, honestSurvivors: 16 }, 0n)).toThrow('rho needs noise');
  });
});

describe('what the sum of discrete Gaussians adds to ρ', () => {
  it('is nothing from two steps of standard deviation on', () => {
    expect(convolutionExcess(4, 1024, 1e6)).toBeLessThan(1e-10);
    expect(convolutionExcess(64 ** 2, 1024, 1e6)).toBe(0);
  });

  it('is not nothing below: τ of two devices at variance ½ is 10·e^(−π²/2)', () => {
    expect(convolutionExcess(0.5, 2, 4)).toBeCloseTo(10 * Math.exp((-Math.PI * Math.PI) / 2), 12);
    expect(convolutionExcess(0.5, 1, 4)).toBe(0);
  });
});
