import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { highOrders, rdpEpsilon, rdpOfStep, usualOrders } from './rdp.ts';
import { logMoment } from './sampled-gaussian.ts';

const relative = (value: number, truth: number) => Math.abs(value / truth - 1);

const step = fc.record({
  samplingRate: fc.double({ min: 1e-4, max: 0.9, noNaN: true }),
  noiseMultiplier: fc.double({ min: 0.4, max: 20, noNaN: true }),
});

/** Σ_{k≥2} C(a,k)·q^k·(1−q)^(a−k)·(e^((k²−k)/2z²) − 1), plus 1: the closed form for whole orders. */
function logMomentOfWholeOrder(order: number, q: number, z: number): number {
  let excess = 0;
  let ways = 1;
  for (let k = 1; k <= order; k++) {
    ways *= (order - k + 1) / k;
    excess += ways * q ** k * (1 - q) ** (order - k) * Math.expm1((k * k - k) / (2 * z * z));
  }
  return Math.log1p(excess);
}

describe('one step', () => {
  it('has the closed form of whole orders', () => {
    fc.assert(
      fc.property(step, fc.integer({ min: 2, max: 12 }), ({ samplingRate, noiseMultiplier }, order) => {
        const closed = logMomentOfWholeOrder(order, samplingRate, noiseMultiplier);
        // 1e-13 / q: the trapezoid sums differences of numbers near q.
        expect(relative(logMoment(order, { samplingRate, noiseMultiplier }), closed)).toBeLessThan(1e-9);
      }),
    );
  });

  it('grows with the order, without a step between fractional and whole ones', () => {
    fc.assert(
      fc.property(step, fc.double({ min: 1.01, max: 60, noNaN: true }), (gaussian, order) => {
        const [here, there] = [rdpOfStep(order, gaussian), rdpOfStep(order * 1.001, gaussian)];
        expect(there).toBeGreaterThanOrEqual(here * (1 - 1e-9));
      }),
    );
  });

  it('costs a removed device at least as much as an added one', () => {
    fc.assert(
      fc.property(step, fc.double({ min: 1.1, max: 30, noNaN: true }), (gaussian, order) => {
        // D_a(Q‖P) is the moment of order 1 − a.
        const added = logMoment(1 - order, gaussian);
        expect(logMoment(order, gaussian)).toBeGreaterThanOrEqual(added * (1 - 1e-9));
      }),
    );
  });

  it('comes to that of a sure participant as the sampling rate comes to 1', () => {
    const sure = rdpOfStep(5, { samplingRate: 1, noiseMultiplier: 2 });
    expect(sure).toBe(5 / 8);
    expect(relative(rdpOfStep(5, { samplingRate: 1 - 1e-9, noiseMultiplier: 2 }), sure)).toBeLessThan(1e-6);
  });

  it('stays in range where the moment does not', () => {
    const value = rdpOfStep(512, { samplingRate: 0.1, noiseMultiplier: 0.3 });
    // P is at least q·N(1, z²), so R is at least that of a sure participant less a·ln(1/q)/(a − 1).
    expect(value).toBeGreaterThan(512 / 0.18 - (512 / 511) * Math.log(10) - 1e-6);
    expect(value).toBeLessThan(512 / 0.18);
  });
});

describe('ε', () => {
  it('is less with more orders where little is spent, and never more', () => {
    const process = { samplingRate: 0.01, noiseMultiplier: 50, steps: 100 };
    const usual = rdpEpsilon(process, 1e-5);
    expect(rdpEpsilon(process, 1e-5, [...usualOrders, ...highOrders])).toBeLessThan(usual / 5);
  });

  it('refuses numbers that mean nothing', () => {
    const process = { samplingRate: 0.1, noiseMultiplier: 1, steps: 10 };
    for (const wrong of [
      { samplingRate: 0 },
      { samplingRate: 1.1 },
      { noiseMultiplier: 0 },
      { steps: 0.5 },
      { steps: 0 },
    ])
      expect(() => rdpEpsilon({ ...process, ...wrong }, 1e-5)).toThrow(/sampling rate|multiplier|steps/);
    for (const delta of [0, 1, Number.NaN]) expect(() => rdpEpsilon(process, delta)).toThrow('delta');
  });
});
