/** Tells every task what the person has taken back: signed at once, delivered when there is a way. */

import type { TaskId } from '@chorale/shared';
import type { BookEntry } from '../consent/consent-book.ts';
import { type Identity, identitiesOf } from './identity.ts';
import type { MembershipPorts } from './membership.ts';
import { keepReceipt, receiptAgainst, receiptsOf } from './receipts.ts';

/** Puts a signed word into the outbox for every task that had a grant of one of these purposes. */
export async function signWithdrawal(decision: BookEntry, ports: MembershipPorts): Promise<void> {
  for (const identity of await identitiesOf(ports.store)) await signOne(identity, decision, ports);
}

/** The same for one task, whose enrolment may have overtaken the word that was put there before. */
export async function signWithdrawalFrom(task: TaskId, decision: BookEntry, ports: MembershipPorts): Promise<void> {
  const identity = (await identitiesOf(ports.store)).find((one) => one.task === task);
  if (identity !== undefined) await signOne(identity, decision, ports);
}

/** The same, unless it is signed already: a device may go down, or its store refuse, between a decision and its receipts. */
export async function signUnsaidWithdrawalFrom(
  task: TaskId,
  decision: BookEntry,
  ports: MembershipPorts,
): Promise<void> {
  const last = (await receiptsOf(ports.store, task)).at(-1);
  if (last !== undefined && last.receipt.decidedAt < decision.at) await signWithdrawalFrom(task, decision, ports);
}

/** Into the outbox before it is kept: what is kept counts as said. */
async function signOne(identity: Identity, decision: BookEntry, ports: MembershipPorts): Promise<void> {
  const receipt = await receiptAgainst(identity, decision, ports);
  if (receipt === undefined) return;
  await ports.outbox.post({ task: identity.task, device: identity.device, receipt });
  await keepReceipt(receipt, ports);
}
