import { describe, expect, it } from 'vitest';
import { accountantNames, epsilonBy } from './accountant.ts';
import { leastNoiseMultiplier, roundUpMultiplier } from './calibrate.ts';

describe('the least noise multiplier', () => {
  const promised = { epsilon: 1, delta: 1e-5, steps: 37 };

  it.each(accountantNames)('keeps the promise, and a little less noise breaks it: %s', (accountant) => {
    const noiseMultiplier = leastNoiseMultiplier(promised, accountant);
    const epsilonAt = (z: number) => epsilonBy(accountant, { samplingRate: 1, noiseMultiplier: z, steps: 37 }, 1e-5);
    expect(epsilonAt(noiseMultiplier)).toBeLessThanOrEqual(1);
    expect(epsilonAt(noiseMultiplier * 0.999)).toBeGreaterThan(1);
  });

  it('is less the tighter the accountant is', () => {
    const [zcdp, rdp, pld, gaussian] = accountantNames.map((name) => leastNoiseMultiplier(promised, name));
    expect(rdp).toBeGreaterThanOrEqual(zcdp! * (1 - 1e-9));
    expect(zcdp).toBeGreaterThan(pld!);
    expect(pld).toBeGreaterThanOrEqual(gaussian!);
  });

  it('is less for steps into which a device is only drawn, where sampling counts', () => {
    const sampled = { ...promised, samplingRate: 0.1 };
    expect(leastNoiseMultiplier(sampled, 'rdp')).toBeLessThan(leastNoiseMultiplier(promised, 'rdp') / 4);
    expect(leastNoiseMultiplier(sampled, 'zcdp')).toBe(leastNoiseMultiplier(promised, 'zcdp'));
  });

  it('is refused where none would do', () => {
    expect(() => leastNoiseMultiplier({ epsilon: 1e-9, delta: 1e-12, steps: 1e8 })).toThrow('multiplier');
    for (const epsilon of [0, -1, Number.NaN, 2000])
      expect(() => leastNoiseMultiplier({ ...promised, epsilon })).toThrow('epsilon');
  });

  it('travels as a fraction that is never below it', () => {
    for (const z of [0.05, 1 / 3, 29.36, 1000.00001]) {
      const { numerator, denominator } = roundUpMultiplier(z);
      expect(numerator / denominator).toBeGreaterThanOrEqual(z);
      expect((numerator - 1) / denominator).toBeLessThan(z);
    }
  });
});
