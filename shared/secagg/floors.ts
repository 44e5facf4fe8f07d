/** What a device insists on, whatever the coordinator's plan says. */

import type { Mechanism } from './plan.ts';

/** Why a device refused: kept in its own log; the coordinator only learns `declined`. */
export const guardReasons = [
  'cohort-too-small',
  'survivors-too-few',
  'parameters-too-weak',
  'unknown-algorithm',
  'layout-mismatch',
  'bad-signature',
  'stale-round',
  'noise-too-weak',
  'budget',
  'range-overflow',
] as const;

export type GuardReason = (typeof guardReasons)[number];

export type DeviceFloors = {
  /** Refuses plans that assume fewer corrupt devices, in basis points. */
  readonly minCorruptBasisPoints: number;
  /** Refuses plans that tolerate more dropouts, in basis points. */
  readonly maxDropoutBasisPoints: number;
  readonly minSigma: number;
  /** Smallest cohort n. */
  readonly minCohort: number;
  /** Smallest round N, over all its cohorts: who counts on few corrupt devices among many must see that there are many. */
  readonly minRoundDevices: number;
  /** Smallest h = minSurvivors − A. */
  readonly minHonest: number;
  /** Noise mechanisms this device accepts. */
  readonly mechanisms: readonly Mechanism[];
  /** Smallest noise multiplier z it accepts where there is noise; 0 = any. */
  readonly minNoiseMultiplier: number;
};

/** For training on people's behaviour; `machines` themselves work from n = 3. A cohort may be the whole round. */
export const trainingFloors: DeviceFloors = {
  minCorruptBasisPoints: 1000,
  maxDropoutBasisPoints: 3000,
  minSigma: 80,
  minCohort: 32,
  minRoundDevices: 0,
  minHonest: 16,
  mechanisms: ['distributed', 'central', 'none'],
  minNoiseMultiplier: 0,
};
