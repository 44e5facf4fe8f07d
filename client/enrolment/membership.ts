/** A device's place in a task: identity, receipt and credential, in this order. */

import {
  type Bytes,
  base64url,
  ChoraleError,
  type DeviceId,
  fromBase64url,
  fromHex,
  type TaskId,
} from '@chorale/shared';
import type { Purpose, SignedReceipt } from '@chorale/shared/consent';
import type { PrivacyPolicy } from '@chorale/shared/privacy';
import { deviceIdOf, signedCredential } from '@chorale/shared/secagg';
import { deviceView, enrolmentText, routes, type TaskView } from '@chorale/shared/wire';
import type { Http } from '../adapters/http.ts';
import type { BookEntry } from '../consent/consent-book.ts';
import { keptPromise } from '../privacy/task-promise.ts';
import { type Identity, keepCredential, openIdentity, signWith } from './identity.ts';
import type { CoordinatorKeys } from './keys.ts';
import type { Outbox } from './outbox.ts';
import { lastGrant, type ReceiptPorts, receiptFor } from './receipts.ts';

export type Membership = {
  readonly task: TaskId;
  readonly purpose: Purpose;
  readonly device: DeviceId;
  readonly identity: { readonly secretKey: Bytes; readonly publicKey: Bytes };
  /** u32 day ‖ signature */
  readonly credential: Bytes;
  readonly rootKey: Bytes;
  readonly enrolmentKey: Bytes;
  /** SHA-256 of the text in the receipt. */
  readonly policyHash: Bytes;
  /** What the task promised when this device first joined it under that text. */
  readonly promise: PrivacyPolicy;
};

export type MembershipPorts = ReceiptPorts & { readonly http: Http; readonly outbox: Outbox };

/**
 * Enrols in a task by the person's grant, or comes back to it.
 *
 * @param isGranted whether the grant still stands: a person may take it back at any moment of joining
 * @returns undefined where it does not
 * @throws ChoraleError `policy-superseded` where the person must be asked again, `unauthorized` for a credential that the
 * pinned coordinator has not signed, or as `Http` does
 */
export async function joinTask(
  task: TaskView,
  grant: BookEntry,
  keys: CoordinatorKeys,
  ports: MembershipPorts,
  isGranted: () => boolean,
): Promise<Membership | undefined> {
  const identity = await openIdentity(task.id, ports);
  if (!isGranted()) return undefined;
  const { receipt, isNew } = await receiptFor(task, identity, grant, ports);
  const known = await knownCredential(identity, keys, ports);
  if (!isGranted()) return undefined;
  const credential = known ?? (await enrol(identity, receipt, keys, ports));
  if (known !== undefined && isNew) await say(identity, receipt, ports);
  const { secretKey, publicKey, device } = identity;
  return {
    task: task.id,
    purpose: task.purpose,
    device,
    identity: { secretKey, publicKey },
    credential,
    rootKey: keys.rootKey,
    enrolmentKey: keys.enrolmentKey,
    policyHash: fromHex(receipt.receipt.policy.sha256),
    promise: await keptPromise(task.id, receipt.receipt.policy.sha256, task.privacy, ports.store),
  };
}

/** After the coordinator has said that it does not know this device: the next `joinTask` enrols anew, with the same key. */
export async function forgetCredential(task: TaskId, ports: MembershipPorts): Promise<void> {
  await keepCredential(ports.store, await openIdentity(task, ports), undefined);
}

/** After the coordinator has said that it knows of no grant: the one that this device believes in may never have got there. */
export async function sayGrantAgain({ id, purpose }: TaskView, ports: MembershipPorts): Promise<void> {
  const receipt = await lastGrant(id, purpose, ports);
  if (receipt !== undefined) await say(await openIdentity(id, ports), receipt, ports);
}

/** An authority that was replaced has signed nothing that counts. */
async function knownCredential(
  identity: Identity,
  keys: CoordinatorKeys,
  ports: MembershipPorts,
): Promise<Bytes | undefined> {
  const { credential } = identity;
  return credential !== undefined && (await isValid(identity, credential, keys, ports)) ? credential : undefined;
}

async function enrol(
  identity: Identity,
  receipt: SignedReceipt,
  keys: CoordinatorKeys,
  ports: MembershipPorts,
): Promise<Bytes> {
  const { task, publicKey } = identity;
  const proof = await signWith(identity, enrolmentText(task, publicKey), ports.crypto);
  const body = { task, identityKey: base64url(publicKey), receipt, proof: base64url(proof) };
  const view = await ports.http.post(routes.devices, body, deviceView);
  const credential = fromBase64url(view.credential);
  if (view.device !== identity.device || !(await isValid(identity, credential, keys, ports))) {
    throw new ChoraleError('unauthorized', 'the credential is not signed by the pinned coordinator');
  }
  await keepCredential(ports.store, identity, credential);
  return credential;
}

async function isValid(
  { task, publicKey }: Identity,
  credential: Bytes,
  keys: CoordinatorKeys,
  { crypto }: MembershipPorts,
): Promise<boolean> {
  const subject = { task, deviceId: deviceIdOf(task, publicKey), identityKey: publicKey };
  const signature = signedCredential(subject, credential, keys.enrolmentKey);
  const result = await crypto.perform({ do: 'verifyMany', signatures: [signature] });
  return result.did === 'verifyMany' && result.valid[0] === true;
}

/** By way of the outbox: a receipt is made once, so it must not be lost with a connection. */
async function say({ task, device }: Identity, receipt: SignedReceipt, { outbox }: MembershipPorts): Promise<void> {
  await outbox.post({ task, device, receipt });
  await outbox.deliver();
}
