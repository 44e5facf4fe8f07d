/** Plan-key certificate: the pinned root key's word for the key that signs plans and roster headers. */

import { type Bytes, concat, tag, u16, u32, u64 } from '../bytes.ts';
import type { CryptoJob, SignedText } from '../crypto/index.ts';
import { idFromBytes, idToBytes, type TaskId } from '../ids.ts';
import type { Instant } from '../ports.ts';
import type { GuardReason } from './floors.ts';
import { type Plan, planText } from './plan.ts';
import { Reader } from './reader.ts';

export type PlanKeyCertificate = {
  /** Ed25519 public key. */
  readonly key: Bytes;
  /** Both ends belong to the time in which the key may sign. */
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  /** Upper 16 bits of every round number under this key; the root key raises it after a restore. */
  readonly epoch: number;
  readonly tasks: readonly TaskId[];
  /** By the root key. */
  readonly signature: Bytes;
};

const maxTasks = 1024;
/** A coordinator that skips further burns the round numbers of a device, or lost its store. */
const maxRoundJump = 1n << 20n;

/** key ‖ u64 notBefore ‖ u64 notAfter ‖ u16 epoch ‖ u32 count ‖ task ids ‖ signature 64 */
export function encodePlanKeyCertificate(certificate: PlanKeyCertificate): Bytes {
  return concat(encodeClaims(certificate), certificate.signature);
}

/** @throws ChoraleError `invalid-input` */
export function decodePlanKeyCertificate(value: Uint8Array): PlanKeyCertificate {
  const reader = new Reader(value, 'plan-key certificate');
  const certificate = {
    key: reader.take(32),
    notBefore: reader.instant(),
    notAfter: reader.instant(),
    epoch: reader.u16(),
    tasks: readTasks(reader),
    signature: reader.take(64),
  };
  reader.end();
  return certificate;
}

/** What the root key signs. */
export function planKeyText(certificate: Omit<PlanKeyCertificate, 'signature'>): Bytes {
  return concat(tag('chorale/sign/plan-key'), encodeClaims(certificate));
}

export type SignedPlan = {
  /** D. */
  readonly planBytes: Bytes;
  /** By the plan key. */
  readonly signature: Bytes;
  readonly certificate: PlanKeyCertificate;
};

/** Root key → plan key → plan: both signatures must be valid. */
export function verifyPlanJob(rootKey: Bytes, signed: SignedPlan): CryptoJob & { readonly do: 'verifyMany' } {
  const { planBytes, signature, certificate } = signed;
  const byRoot: SignedText = {
    publicKey: rootKey,
    message: planKeyText(certificate),
    signature: certificate.signature,
  };
  return {
    do: 'verifyMany',
    signatures: [byRoot, { publicKey: certificate.key, message: planText(planBytes), signature }],
  };
}

/**
 * Whether the certified key may sign this plan now, and whether the round number is a fresh one.
 *
 * @param lastRound the last round of this task that the device took part in or claimed
 */
export function inspectPlanKey(
  certificate: PlanKeyCertificate,
  plan: Plan,
  now: Instant,
  lastRound: bigint | undefined,
): GuardReason | undefined {
  if (!certificate.tasks.includes(plan.task)) return 'bad-signature';
  if (now < certificate.notBefore || now > certificate.notAfter) return 'bad-signature';
  if (plan.round >> 48n !== BigInt(certificate.epoch)) return 'stale-round';
  return isNextRound(plan.round, lastRound) ? undefined : 'stale-round';
}

/** Round numbers only grow, and within an epoch not by leaps. */
function isNextRound(round: bigint, lastRound: bigint | undefined): boolean {
  if (lastRound === undefined) return true;
  if (round <= lastRound) return false;
  return round >> 48n !== lastRound >> 48n || round - lastRound <= maxRoundJump;
}

function encodeClaims(claims: Omit<PlanKeyCertificate, 'signature'>): Bytes {
  return concat(
    claims.key,
    u64(BigInt(claims.notBefore)),
    u64(BigInt(claims.notAfter)),
    u16(claims.epoch),
    u32(claims.tasks.length),
    ...claims.tasks.map(idToBytes),
  );
}

function readTasks(reader: Reader): readonly TaskId[] {
  const count = reader.u32();
  if (count > maxTasks) throw reader.malformed('it names too many tasks');
  return reader.list(count, () => idFromBytes('task', reader.take(16)));
}
