/** How much noise a task's rounds hold: what its plans say, its roster headers, and the coordinator's own hand. */

import { ChoraleError, type Clock, type Random } from '@chorale/shared';
import type { Encoding, GridRequest } from '@chorale/shared/encoding';
import { devicesVariance, type NoiseMultiplier, sampleDiscreteGaussian } from '@chorale/shared/privacy';
import { assumedCorrupt, type Parameters, type Plan, toleratedDropouts } from '@chorale/shared/secagg';
import { assumptionsOf, type Task } from '../tasks/task.ts';

type Policies = Pick<Task, 'privacy' | 'cohort' | 'noiseMultiplier'>;

/** What the integer grid of a task's rounds is chosen for. */
export function gridRequestOf({ privacy, cohort, noiseMultiplier: noise }: Policies): GridRequest {
  const { mechanism } = privacy;
  const maxDevices = cohort.size;
  if (mechanism === 'none') return { mechanism, maxDevices };
  if (mechanism === 'central') return { mechanism, maxDevices, noise };
  return { mechanism, maxDevices, noise, honestSurvivors: honestSurvivors(cohort, maxDevices) };
}

/** Above it devices refuse a header: sums would leave their range, and noise its exact arithmetic. */
const mostDevicesVariance = 1n << 20n;

/**
 * Refuses a task whose smallest cohort has nobody to add the noise, or would need more of each than devices accept.
 *
 * @throws ChoraleError `invalid-input`
 */
export function checkNoise({ privacy, cohort, noiseMultiplier }: Policies, encoding: Encoding<string>): void {
  if (privacy.mechanism !== 'distributed') return;
  const { size, minSize = size } = cohort;
  const honest = honestSurvivors(cohort, minSize);
  if (honest < 1)
    throw new ChoraleError('invalid-input', 'cohort: minSize: nobody in it would surely be honest and stay');
  if (partOfNoise(noiseMultiplier, encoding, honest) <= mostDevicesVariance) return;
  throw new ChoraleError('invalid-input', 'cohort: minSize: too few to share the noise: raise it or lower the size');
}

/** σ_c² of a cohort's roster header: what each device adds; 0 unless noise is distributed. */
export function devicesNoise(
  plan: Plan,
  { minSurvivors, corrupt }: Pick<Parameters, 'minSurvivors' | 'corrupt'>,
): bigint {
  return plan.mechanism === 'distributed' ? partOfNoise(multiplierOf(plan), plan, minSurvivors - corrupt) : 0n;
}

/** What of a plan says how much noise its sum holds. */
type NoisePlan = Pick<Plan, 'mechanism' | 'noiseNumerator' | 'noiseDenominator' | 'sensitivitySquared'>;

/** ⌈z²Δ₂²⌉: variance of the noise that the coordinator adds by itself; 0 unless the mechanism is central. */
export function centralNoise(plan: NoisePlan): bigint {
  return plan.mechanism === 'central' ? partOfNoise(multiplierOf(plan), plan, 1) : 0n;
}

/** Drawn at once: some milliseconds, after which devices and requests have their turn. */
const partLength = 8192;

/** Adds the coordinator's own noise to a sum, in place; before it resolves, nobody may read the sum. */
export async function addCentralNoise(
  sum: Uint32Array,
  plan: NoisePlan,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<void> {
  const variance = centralNoise(plan);
  if (variance === 0n) return;
  for (let start = 0; start < sum.length; start += partLength) {
    if (start > 0) await new Promise<void>((resolve) => void clock.wakeAt(clock.now(), resolve));
    const part = sum.subarray(start, start + partLength);
    const noise = sampleDiscreteGaussian(variance, part.length, random);
    for (let i = 0; i < part.length; i++) part[i]! += noise[i]!;
  }
}

function multiplierOf({
  noiseNumerator,
  noiseDenominator,
}: Pick<Plan, 'noiseNumerator' | 'noiseDenominator'>): NoiseMultiplier {
  return { numerator: noiseNumerator, denominator: noiseDenominator };
}

/** What each of so many adds, where together they reach the whole noise. */
function partOfNoise(
  noise: NoiseMultiplier,
  { sensitivitySquared }: Pick<Plan, 'sensitivitySquared'>,
  honestSurvivors: number,
): bigint {
  return devicesVariance(noise, { sensitivitySquared, honestSurvivors });
}

/** h = n − D − A. */
function honestSurvivors(cohort: Task['cohort'], devices: number): number {
  const { corruptBasisPoints, dropoutBasisPoints } = assumptionsOf(cohort);
  return devices - toleratedDropouts(devices, dropoutBasisPoints) - assumedCorrupt(devices, corruptBasisPoints);
}
