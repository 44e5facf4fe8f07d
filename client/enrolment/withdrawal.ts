/** Tells every task what the person has taken back: signed at once, delivered when there is a way. */

import type { BookEntry } from '../consent/consent-book.ts';
import { identitiesOf } from './identity.ts';
import type { MembershipPorts } from './membership.ts';
import { receiptAgainst } from './receipts.ts';

/** Puts a signed word into the outbox for every task that had a grant of one of these purposes. */
export async function signWithdrawal(decision: BookEntry, ports: MembershipPorts): Promise<void> {
  for (const identity of await identitiesOf(ports.store)) {
    const receipt = await receiptAgainst(identity, decision, ports);
    if (receipt !== undefined) await ports.outbox.post({ task: identity.task, device: identity.device, receipt });
  }
}
