/** What an operator promises about noise, and what a model says about itself, as schemas. */

import * as z from 'zod/mini';
import { leastNoiseMultiplier, roundUpMultiplier } from './calibrate.ts';
import type { NoiseMultiplier } from './charge.ts';

/** Who adds noise: nobody, every device its part, or the coordinator to the decoded sum. */
export const mechanismNames = ['none', 'distributed', 'central'] as const;
export type MechanismName = (typeof mechanismNames)[number];

/** What neighbouring data sets differ in: everything that one enrolment of a device ever gives. */
export const privacyUnit = z.literal('device-enrolment');

const epsilon = z.number().check(z.positive(), z.maximum(1000));
const delta = z.number().check(z.positive(), z.maximum(0.01));
const positiveWord = z.int().check(z.minimum(1), z.maximum(2 ** 32 - 1));

/** z as it travels in a plan. */
export const noiseMultiplierField = z.strictObject({ numerator: positiveWord, denominator: positiveWord });

const promise = {
  unit: z._default(privacyUnit, 'device-enrolment'),
  /** For a device that takes part as often as it may. */
  epsilon,
  delta,
  /** How often one device takes part at most, over the whole life of the task. */
  participations: z.int().check(z.minimum(1), z.maximum(1_000_000)),
};

/** A task's promise. Nothing about it has a default: an operator who wants no noise writes so. */
export const privacyPolicy = z.discriminatedUnion('mechanism', [
  z.strictObject({ mechanism: z.literal('none') }),
  z.strictObject({ mechanism: z.literal('distributed'), ...promise }),
  z.strictObject({ mechanism: z.literal('central'), ...promise }),
]);
export type PrivacyPolicy = z.infer<typeof privacyPolicy>;

/** z for a promise, as plans carry it: by zCDP, as devices count; 0 without noise. */
export function noiseMultiplierFor(policy: PrivacyPolicy): NoiseMultiplier {
  if (policy.mechanism === 'none') return { numerator: 0, denominator: 1 };
  const { epsilon, delta, participations } = policy;
  return roundUpMultiplier(leastNoiseMultiplier({ epsilon, delta, steps: participations }));
}

const contributed = {
  rounds: z.int().check(z.nonnegative()),
  /** Contributions in all rounds, not different devices. */
  contributors: z.int().check(z.nonnegative()),
  smallestCohort: z.int().check(z.nonnegative()),
};

/** What a model's card says about the people in it. */
export const privacyClaim = z.discriminatedUnion('mechanism', [
  z.strictObject({ mechanism: z.literal('none'), ...contributed }),
  z.strictObject({
    mechanism: z.enum(['distributed', 'central']),
    unit: privacyUnit,
    /** Spent so far by the device that took part most. */
    epsilon: z.number().check(z.nonnegative()),
    delta,
    /** The bound on how often one device takes part. */
    participations: z.int().check(z.nonnegative()),
    noiseMultiplier: noiseMultiplierField,
    ...contributed,
  }),
]);
export type PrivacyClaim = z.infer<typeof privacyClaim>;
