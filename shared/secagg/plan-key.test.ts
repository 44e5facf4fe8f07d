import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { bytes } from '../bytes.ts';
import { idFromBytes } from '../ids.ts';
import { labPlan, perform } from '../testing/secagg-lab.ts';
import { encodePlan, planText } from './plan.ts';
import {
  decodePlanKeyCertificate,
  encodePlanKeyCertificate,
  inspectPlanKey,
  type PlanKeyCertificate,
  planKeyText,
  verifyPlanJob,
} from './plan-key.ts';

const certificate: PlanKeyCertificate = {
  key: bytes(32).fill(1),
  notBefore: 1000,
  notAfter: 2000,
  epoch: 3,
  tasks: [labPlan.task],
  signature: bytes(64).fill(2),
};
const epoch = 3n << 48n;
const planOf = (round: bigint) => ({ ...labPlan, round });

describe('a plan-key certificate', () => {
  it('survives encoding', () => {
    expect(decodePlanKeyCertificate(encodePlanKeyCertificate(certificate))).toEqual(certificate);
  });

  it('lets its key sign plans of its tasks while it is valid', () => {
    expect(inspectPlanKey(certificate, planOf(epoch + 1n), 1000, undefined)).toBeUndefined();
    expect(inspectPlanKey(certificate, planOf(epoch + 1n), 2000, undefined)).toBeUndefined();
    expect(inspectPlanKey(certificate, planOf(epoch + 1n), 999, undefined)).toBe('bad-signature');
    expect(inspectPlanKey(certificate, planOf(epoch + 1n), 2001, undefined)).toBe('bad-signature');
    const other = { ...planOf(epoch + 1n), task: idFromBytes('task', bytes(16)) };
    expect(inspectPlanKey(certificate, other, 1000, undefined)).toBe('bad-signature');
  });

  it.each([
    { round: epoch + 5n, last: epoch + 4n, reason: undefined, what: 'the next round' },
    { round: epoch + 4n, last: epoch + 4n, reason: 'stale-round', what: 'a round again' },
    { round: epoch + 3n, last: epoch + 4n, reason: 'stale-round', what: 'an earlier round' },
    { round: epoch + 4n + (1n << 20n), last: epoch + 4n, reason: undefined, what: 'the largest jump' },
    { round: epoch + 5n + (1n << 20n), last: epoch + 4n, reason: 'stale-round', what: 'a larger jump' },
    { round: epoch, last: (3n << 48n) - 1n, reason: undefined, what: 'a new epoch' },
    { round: (2n << 48n) + 9n, last: undefined, reason: 'stale-round', what: 'a round of another epoch' },
  ])('answers $what with $reason', ({ round, last, reason }) => {
    expect(inspectPlanKey(certificate, planOf(round), 1500, last)).toBe(reason);
  });

  it('links root key, plan key and plan by two signatures', async () => {
    const provider = nodeCrypto();
    const [rootSecret, planSecret] = [bytes(32).fill(5), bytes(32).fill(6)];
    const keys = await perform(provider, { do: 'publicKeys', agreement: [], signing: [rootSecret, planSecret] });
    const [rootKey, key] = keys.signing;
    const sign = async (secretKey: typeof rootSecret, text: typeof rootSecret) =>
      (await perform(provider, { do: 'signMany', secretKey, messages: [text] })).signatures[0]!;
    const claims = { ...certificate, key: key! };
    const signed = { ...claims, signature: await sign(rootSecret, planKeyText(claims)) };
    const planBytes = encodePlan(labPlan);
    const signature = await sign(planSecret, planText(planBytes));
    const verify = async (plan: typeof planBytes, cert: PlanKeyCertificate) =>
      (await perform(provider, verifyPlanJob(rootKey!, { planBytes: plan, signature, certificate: cert }))).valid;
    expect(await verify(planBytes, signed)).toEqual([true, true]);
    expect(await verify(encodePlan({ ...labPlan, dimension: 9 }), signed)).toEqual([true, false]);
    expect(await verify(planBytes, { ...signed, notAfter: 3000 })).toEqual([false, true]);
  });
});
