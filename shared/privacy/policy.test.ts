import { describe, expect, it } from 'vitest';
import { noiseMultiplierFor, type PrivacyPolicy, privacyClaim, privacyPolicy } from './policy.ts';
import { epsilonOf, rhoOf } from './zcdp.ts';

const promise = { mechanism: 'distributed', epsilon: 1, delta: 1e-5, participations: 18 } as const;

describe('a privacy policy', () => {
  it('is a promise about one enrolment of a device', () => {
    expect(privacyPolicy.parse(promise)).toEqual({ ...promise, unit: 'device-enrolment' });
  });

  it('has no default: leaving something out is not a promise', () => {
    const { epsilon: _, ...withoutEpsilon } = promise;
    for (const wrong of [{}, withoutEpsilon, { ...promise, delta: 0 }, { ...promise, participations: 1.5 }])
      expect(privacyPolicy.safeParse(wrong).success).toBe(false);
  });

  it('without noise says so and promises nothing', () => {
    expect(privacyPolicy.parse({ mechanism: 'none' })).toEqual({ mechanism: 'none' });
    expect(privacyPolicy.safeParse({ ...promise, mechanism: 'none' }).success).toBe(false);
  });
});

describe('the noise multiplier of a plan', () => {
  it('keeps the promise of the policy as devices count it', () => {
    const policy: PrivacyPolicy = { ...promise, unit: 'device-enrolment' };
    const { numerator, denominator } = noiseMultiplierFor(policy);
    expect(epsilonOf(rhoOf(numerator / denominator, 18), 1e-5)).toBeLessThanOrEqual(1);
    expect(epsilonOf(rhoOf((numerator - 1) / denominator, 18), 1e-5)).toBeGreaterThan(1);
  });

  it('is 0 without noise', () => {
    expect(noiseMultiplierFor({ mechanism: 'none' })).toEqual({ numerator: 0, denominator: 1 });
  });
});

it('a claim of privacy needs its numbers; a claim of none has none', () => {
  const given = { rounds: 60, contributors: 60_000, smallestCohort: 900 };
  const { mechanism, epsilon, delta, participations } = promise;
  const noise = { noiseMultiplier: { numerator: 20_000, denominator: 10_000 }, unit: 'device-enrolment' };
  expect(privacyClaim.safeParse({ mechanism: 'none', ...given }).success).toBe(true);
  expect(privacyClaim.safeParse({ mechanism, ...given }).success).toBe(false);
  expect(privacyClaim.safeParse({ mechanism, epsilon, delta, participations, ...noise, ...given }).success).toBe(true);
});
