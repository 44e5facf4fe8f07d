/**
 * What a task had promised when this device joined it under its consent text. The coordinator shows a task anew at every visit, and
 * could show a weaker one: what a person agreed to is what was shown then, so that is what plans are held to.
 */

import type { Store, TaskId } from '@chorale/shared';
import { noiseMultiplierFor, type PrivacyPolicy, privacyPolicy } from '@chorale/shared/privacy';
import type { Mechanism, Plan } from '@chorale/shared/secagg';
import { decodeRecord, encodeRecord } from '../store-records.ts';

/**
 * The promise as it was first seen under this consent text; kept durably from then on.
 *
 * @param policyHash of the text that the person agreed to, in hex: agreeing to another text is agreeing anew
 */
export async function keptPromise(
  task: TaskId,
  policyHash: string,
  shown: PrivacyPolicy,
  store: Pick<Store, 'get' | 'compareAndSet'>,
): Promise<PrivacyPolicy> {
  const key = `promise/${task}/${policyHash}`;
  for (;;) {
    const kept = await store.get(key);
    const promise = decodeRecord(privacyPolicy, kept);
    if (promise !== undefined) return promise;
    // Another tab may write first; what it wrote is read then.
    if (await store.compareAndSet(key, kept, encodeRecord(shown))) return shown;
  }
}

/** Who may add the noise where the promise names somebody: devices trust themselves more than the coordinator. */
const asStrongAs: Readonly<Record<Mechanism, readonly Mechanism[]>> = {
  none: ['none', 'central', 'distributed'],
  central: ['central', 'distributed'],
  distributed: ['distributed'],
};

/**
 * Multipliers are rounded up to ten-thousandths, and two platforms' logarithms may differ in the last bit: one such step is
 * not a weaker promise.
 */
const roundingStep = 1.5e-4;

export function keepsPromise(plan: Plan, promise: PrivacyPolicy): boolean {
  if (!asStrongAs[promise.mechanism].includes(plan.mechanism)) return false;
  if (promise.mechanism === 'none') return true;
  const { numerator, denominator } = noiseMultiplierFor(promise);
  return plan.noiseNumerator / plan.noiseDenominator >= numerator / denominator - roundingStep;
}
