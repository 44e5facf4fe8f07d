import fc from 'fast-check';
import { expect, it } from 'vitest';
import { epsilonOf, rhoOf } from './zcdp.ts';

/** ln δ(ε) at one order, straight from the definition: δ = e^((a−1)(aρ−ε) + a·ln(1−1/a))/(a−1). */
function logDelta(order: number, rho: number, epsilon: number): number {
  return (order - 1) * (order * rho - epsilon) + order * Math.log1p(-1 / order) - Math.log(order - 1);
}

it('ε is where the best order’s δ is the given one', () => {
  fc.assert(
    fc.property(fc.double({ min: -12, max: 4, noNaN: true }), fc.integer({ min: 1, max: 15 }), (logRho, digits) => {
      const [rho, delta] = [Math.exp(logRho), 10 ** -digits];
      const epsilon = epsilonOf(rho, delta);
      const orders = Array.from({ length: 8000 }, (_, i) => 1 + Math.exp(-10 + i / 250));
      const least = Math.min(...orders.map((order) => logDelta(order, rho, epsilon)));
      // Never better than the best order; the orders tried here come close to it.
      if (epsilon > 0) expect(Math.abs(least - Math.log(delta))).toBeLessThan(1e-3);
      else expect(least).toBeLessThanOrEqual(Math.log(delta) + 1e-9);
    }),
  );
});

it('ε grows with ρ and with fewer chances to fail, and is 0 only where nothing is spent to speak of', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-6, max: 10, noNaN: true }),
      fc.double({ min: 1e-12, max: 1e-3, noNaN: true }),
      (rho, delta) => {
        expect(epsilonOf(rho * 1.01, delta)).toBeGreaterThanOrEqual(epsilonOf(rho, delta));
        expect(epsilonOf(rho, delta / 2)).toBeGreaterThanOrEqual(epsilonOf(rho, delta));
      },
    ),
  );
  expect(epsilonOf(0, 1e-5)).toBe(0);
});

it('ρ adds up over participations', () => {
  expect(rhoOf(4)).toBe(1 / 32);
  expect(rhoOf(4, 10_000)).toBe(312.5);
});
