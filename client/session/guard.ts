/**
 * Refuses a plan that is weaker than this device's own policy. Pure: what it looks at, it is given. The reason stays in
 * the device's log, since the coordinator would learn private history from it.
 */

import { type Bytes, equal, type Instant, type TaskId } from '@chorale/shared';
import { noiseVariance } from '@chorale/shared/encoding';
import { askedOf } from '@chorale/shared/features';
import { type PrivacyPolicy, zero } from '@chorale/shared/privacy';
import {
  assumedCorrupt,
  type DeviceFloors,
  dearestCharge,
  type GuardReason,
  inspectPlan,
  inspectPlanKey,
  inspectRange,
  type Plan,
  type PlanKeyCertificate,
  toleratedDropouts,
} from '@chorale/shared/secagg';
import { keepsPromise } from '../privacy/task-promise.ts';
import { type BudgetLimits, type Charge, isWithinLimits, type RoundEntry } from '../training/ledger.ts';
import type { Question } from './question.ts';

/** What this device insists on, and what it has done before. */
export type Stance = {
  readonly task: TaskId;
  readonly floors: DeviceFloors;
  /** SHA-256 of the consent text that the person agreed to for this task. */
  readonly policyHash: Bytes;
  /** What the task promised when the person agreed to it. */
  readonly promise: PrivacyPolicy;
  /** Greatest round of the task ever claimed. */
  readonly lastRound: bigint | undefined;
  readonly purpose: string;
  readonly ledger: readonly RoundEntry[];
  readonly limits: BudgetLimits;
  readonly now: Instant;
};

/** Checks whose signatures have been verified already. @returns why this device sits the round out */
export function inspectOffer(
  plan: Plan,
  certificate: PlanKeyCertificate,
  stance: Stance,
): GuardReason | 'policy-superseded' | undefined {
  if (plan.task !== stance.task) return 'bad-signature';
  const keyReason = inspectPlanKey(certificate, plan, stance.now, stance.lastRound);
  if (keyReason !== undefined) return keyReason;
  if (!equal(plan.policyHash, stance.policyHash)) return 'policy-superseded';
  const planReason = inspectPlan(plan, stance.floors);
  if (planReason !== undefined) return planReason;
  if (!keepsPromise(plan, stance.promise)) return 'noise-too-weak';
  const { purpose, ledger, limits, now } = stance;
  return isWithinLimits(ledger, { ...dearestCost(plan), task: plan.task, purpose }, limits, now) ? undefined : 'budget';
}

/**
 * Whether sums over the largest cohort of the plan can leave their 32 bits, and whether enough devices are asked: those outside a
 * fold add nothing, so the sum is of fewer than the cohort.
 */
export function inspectQuestion(
  plan: Plan,
  { encoding, examples: { fold } }: Pick<Question, 'encoding' | 'examples'>,
  floors: Pick<DeviceFloors, 'minHonest'>,
): GuardReason | undefined {
  if (fold !== undefined && askedOf(fold, plan.minDevices) < floors.minHonest) return 'cohort-too-small';
  return inspectRange({
    devices: plan.maxDevices,
    amplitude: encoding.amplitude,
    noiseVariance: noiseAtMost(plan),
  });
}

/** What the round costs at most. Without noise there is no ρ to count: rounds and bytes are. */
export function dearestCost(plan: Plan): Charge {
  return { sentBytes: 4 * plan.dimension, rho: dearestCharge(plan) ?? zero };
}

function noiseAtMost(plan: Plan): bigint {
  if (plan.mechanism !== 'distributed') return 0n;
  const corrupt = assumedCorrupt(plan.maxDevices, plan.corruptBasisPoints);
  const dropouts = toleratedDropouts(plan.maxDevices, plan.dropoutBasisPoints);
  const honestSurvivors = Math.max(1, plan.maxDevices - corrupt - dropouts);
  const noise = { numerator: plan.noiseNumerator, denominator: plan.noiseDenominator };
  return noiseVariance(plan, { noise, honestSurvivors });
}
