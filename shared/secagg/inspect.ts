/**
 * What a device checks of a round's numbers before it takes part: parameters are verified, not trusted. Inequalities in
 * exact integers; a device never recomputes what the coordinator chose, only whether it is strong enough.
 */

import { isZero } from '../bytes.ts';
import { blockSize, mostOnRoll } from './assignment.ts';
import type { DeviceFloors, GuardReason } from './floors.ts';
import type { RosterHeader } from './header.ts';
import {
  assumedCorrupt,
  corruptAround,
  corruptMembers,
  exposure,
  mostDevices,
  toleratedDropouts,
} from './parameters.ts';
import type { Plan } from './plan.ts';
import { isRare } from './tails.ts';

/** Bounds on σ_c², in grid steps squared: below, rounding shows through; above, sums leave their range. */
const leastNoiseVariance = 4n;
const mostNoiseVariance = 1n << 20n;

/** The masked sum is read as a signed 32-bit number. */
const halfRange = 1n << 31n;

/** The numbers of plan D against the device's own floors. @returns why it refuses, undefined when it does not */
export function inspectPlan(plan: Plan, floors: DeviceFloors): GuardReason | undefined {
  if (plan.corruptBasisPoints < floors.minCorruptBasisPoints || plan.corruptBasisPoints >= 10_000)
    return 'parameters-too-weak';
  if (plan.dropoutBasisPoints > floors.maxDropoutBasisPoints) return 'parameters-too-weak';
  if (plan.sigma < floors.minSigma) return 'parameters-too-weak';
  if (plan.maxDevices < Math.max(floors.minCohort, plan.minDevices)) return 'cohort-too-small';
  return hasPromisedNoise(plan, floors) ? undefined : 'noise-too-weak';
}

function hasPromisedNoise(plan: Plan, floors: DeviceFloors): boolean {
  if (!floors.mechanisms.includes(plan.mechanism)) return false;
  if (plan.noiseDenominator < 1) return false;
  if (plan.mechanism === 'none') return true;
  // Nobody can check what a coordinator adds by itself, but it must at least promise enough.
  if (plan.noiseNumerator < 1 || plan.sensitivitySquared < 1n) return false;
  return plan.noiseNumerator >= floors.minNoiseMultiplier * plan.noiseDenominator;
}

/**
 * The numbers of roster header H under a plan, against the device's own floors.
 *
 * @returns why it refuses, undefined when it does not
 */
export function inspectHeader(header: RosterHeader, plan: Plan, floors: DeviceFloors): GuardReason | undefined {
  const honest = header.minSurvivors - assumedCorrupt(header.devices, plan.corruptBasisPoints);
  if (header.devices < Math.max(plan.minDevices, floors.minCohort)) return 'cohort-too-small';
  if (header.roundDevices < floors.minRoundDevices) return 'cohort-too-small';
  // Range and noise were sized for nMax.
  if (header.devices > Math.min(plan.maxDevices, mostDevices)) return 'range-overflow';
  if (honest < Math.max(1, floors.minHonest)) return 'survivors-too-few';
  if (!hasSurvivors(header, plan)) return 'survivors-too-few';
  if (!isBlockOfRound(header)) return 'parameters-too-weak';
  if (!isStrong(header, plan)) return 'parameters-too-weak';
  return hasNoise(header, plan, floors, honest) ? undefined : 'noise-too-weak';
}

function hasSurvivors({ devices, minSurvivors }: RosterHeader, plan: Plan): boolean {
  return minSurvivors <= devices && minSurvivors >= devices - toleratedDropouts(devices, plan.dropoutBasisPoints);
}

/** One cohort is the whole round. One of several has the size of its block; who is in it, the roll says (`assignment.ts`). */
function isBlockOfRound(header: RosterHeader): boolean {
  const { cohort, cohortCount, roundDevices, devices, roundRoot } = header;
  if (cohortCount < 1 || cohort >= cohortCount || roundDevices > mostOnRoll) return false;
  return blockSize(header) === devices && (cohortCount > 1 || isZero(roundRoot));
}

type Strength = Pick<
  RosterHeader,
  'devices' | 'neighbours' | 'threshold' | 'windowSurvivors' | 'committee' | 'committeeThreshold'
> & { readonly corrupt: number; readonly sigma: number };

/** Verdicts on numbers already seen: rounds repeat them, and the tails are the slow part. */
const verdicts = new Map<string, boolean>();
const mostVerdicts = 256;

function isStrong(header: RosterHeader, plan: Plan): boolean {
  const { devices, neighbours, threshold, windowSurvivors, committee, committeeThreshold } = header;
  const corrupt = assumedCorrupt(devices, plan.corruptBasisPoints);
  const { sigma } = plan;
  const strength = { devices, neighbours, threshold, windowSurvivors, committee, committeeThreshold, corrupt, sigma };
  const key = Object.values(strength).join(' ');
  const known = verdicts.get(key);
  if (known !== undefined) return known;
  const verdict = hasStrongGraph(strength) && hasStrongCommittee(strength);
  if (verdicts.size >= mostVerdicts) verdicts.clear();
  verdicts.set(key, verdict);
  return verdict;
}

function hasStrongGraph(strength: Strength): boolean {
  const { devices, neighbours, threshold, windowSurvivors, corrupt } = strength;
  const isComplete = neighbours === devices - 1;
  if (isComplete !== (windowSurvivors === 0)) return false;
  if (isComplete) return threshold > corrupt && threshold <= neighbours;
  if (neighbours % 2 !== 0 || neighbours < 2 || neighbours > devices - 2) return false;
  // Two disjoint windows flank every device: t ≤ 2s lets the survivors among its neighbours always reconstruct.
  if (threshold < 1 || threshold > 2 * windowSurvivors || windowSurvivors > neighbours / 2) return false;
  return (
    isRare(corruptAround(strength, neighbours / 2), windowSurvivors, exposure(strength)) &&
    isRare(corruptAround(strength, neighbours), threshold, exposure(strength))
  );
}

/** Two survivor sets cannot both be certified: more than half of the honest members must sign each. */
function hasStrongCommittee(strength: Strength): boolean {
  const { devices, committee, committeeThreshold } = strength;
  if (committee < 1 || committee > devices || committeeThreshold > committee) return false;
  return 2 * committeeThreshold > committee + corruptMembers(strength, committee);
}

/** Honest devices alone must add the plan's noise: h·σ_c²·zden² ≥ znum²·Δ₂². */
function hasNoise(header: RosterHeader, plan: Plan, floors: DeviceFloors, honest: number): boolean {
  if (!floors.mechanisms.includes(plan.mechanism)) return false;
  const { noiseVariance } = header;
  if (plan.mechanism !== 'distributed') return noiseVariance === 0n;
  if (noiseVariance < leastNoiseVariance || noiseVariance > mostNoiseVariance) return false;
  const added = BigInt(honest) * noiseVariance * BigInt(plan.noiseDenominator) ** 2n;
  return added >= BigInt(plan.noiseNumerator) ** 2n * plan.sensitivitySquared;
}

export type SumRange = {
  /** n */
  readonly devices: number;
  /** Largest absolute value of one encoded coordinate, before rounding and noise. */
  readonly amplitude: number;
  /** σ_c² */
  readonly noiseVariance: bigint;
};

/** Whether a sum can leave the signed 32-bit range: n·(amplitude + 1) + 12√n·σ_c < 2^31 must hold. */
export function inspectRange({ devices, amplitude, noiseVariance }: SumRange): GuardReason | undefined {
  const room = halfRange - BigInt(devices) * (BigInt(amplitude) + 1n);
  const isWithin = room > 0n && 144n * BigInt(devices) * noiseVariance < room * room;
  return isWithin ? undefined : 'range-overflow';
}
