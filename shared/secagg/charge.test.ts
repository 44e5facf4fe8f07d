import { expect, it } from 'vitest';
import { isMore } from '../privacy/index.ts';
import { chargeIn, dearestCharge } from './charge.ts';
import type { RosterHeader } from './header.ts';
import type { Plan } from './plan.ts';

const noise = { noiseNumerator: 3, noiseDenominator: 2, sensitivitySquared: 1000n, corruptBasisPoints: 1000 };
const plan = { mechanism: 'distributed', ...noise } as Plan;
// A = 4, so h = 28 − 4 = 24; z²Δ₂²/h = 93.75.
const header = { devices: 40, minSurvivors: 28, noiseVariance: 94n } as RosterHeader;

it('a round costs Δ₂²/(2hσ_c²), with the survivors that are surely honest', () => {
  expect(chargeIn(plan, header)).toEqual({ numerator: 1000n, denominator: 2n * 24n * 94n });
});

it('a round costs at most 1/(2z²), and that wherever the coordinator adds the noise', () => {
  expect(dearestCharge(plan)).toEqual({ numerator: 4n, denominator: 18n });
  expect(isMore(chargeIn(plan, header)!, dearestCharge(plan)!)).toBe(false);
  expect(isMore(chargeIn(plan, { ...header, noiseVariance: 93n })!, dearestCharge(plan)!)).toBe(true);
  const central = { ...plan, mechanism: 'central' } as const;
  expect(chargeIn(central, { ...header, noiseVariance: 0n })).toEqual(dearestCharge(plan));
});

it('without noise there is no ρ to count', () => {
  expect(chargeIn({ ...plan, mechanism: 'none' }, header)).toBeUndefined();
  expect(dearestCharge({ ...plan, mechanism: 'none' })).toBeUndefined();
});
