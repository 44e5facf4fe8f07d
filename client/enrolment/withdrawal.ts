/** Tells every task what the person has taken back: signed at once, delivered when there is a way. */

import type { TaskId } from '@chorale/shared';
import type { BookEntry } from '../consent/consent-book.ts';
import { type Identity, identitiesOf } from './identity.ts';
import type { MembershipPorts } from './membership.ts';
import { receiptAgainst } from './receipts.ts';

/** Puts a signed word into the outbox for every task that had a grant of one of these purposes. */
export async function signWithdrawal(decision: BookEntry, ports: MembershipPorts): Promise<void> {
  for (const identity of await identitiesOf(ports.store)) await signOne(identity, decision, ports);
}

/** The same for one task, whose enrolment may have overtaken the word that was put there before. */
export async function signWithdrawalFrom(task: TaskId, decision: BookEntry, ports: MembershipPorts): Promise<void> {
  const identity = (await identitiesOf(ports.store)).find((one) => one.task === task);
  if (identity !== undefined) await signOne(identity, decision, ports);
}

async function signOne(identity: Identity, decision: BookEntry, ports: MembershipPorts): Promise<void> {
  const receipt = await receiptAgainst(identity, decision, ports);
  if (receipt !== undefined) await ports.outbox.post({ task: identity.task, device: identity.device, receipt });
}
