/** Tells every task what the person has taken back: signed at once, delivered when there is a way. */

import type { BookEntry } from '../consent/consent-book.ts';
import { identitiesOf } from './identity.ts';
import type { MembershipPorts } from './membership.ts';
import { deliver, post } from './outbox.ts';
import { receiptAgainst } from './receipts.ts';

/** Puts a signed word into the outbox for every task that had a grant of one of these purposes. */
export async function signWithdrawal(decision: BookEntry, ports: Omit<MembershipPorts, 'http'>): Promise<void> {
  for (const identity of await identitiesOf(ports.store)) {
    const receipt = await receiptAgainst(identity, decision, ports);
    if (receipt !== undefined) await post(ports.store, { task: identity.task, device: identity.device, receipt });
  }
}

/** @returns whether everything that waited has arrived. Never rejects */
export async function deliverWords({ store, http }: Pick<MembershipPorts, 'store' | 'http'>): Promise<boolean> {
  try {
    return await deliver(store, http);
  } catch {
    return false;
  }
}
