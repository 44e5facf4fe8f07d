/** Signed receipts: what a decision of the person means for one task, under the text that this task shows. */

import { ChoraleError, type Clock, newId, type Random, type Store, type TaskId } from '@chorale/shared';
import {
  createReceipt,
  type Decision,
  type Purpose,
  policyVersion,
  type Receipt,
  receiptText,
  type SignedReceipt,
  signedReceipt,
  withSignature,
} from '@chorale/shared/consent';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { TaskView } from '@chorale/shared/wire';
import type { BookEntry } from '../consent/consent-book.ts';
import { appendRecord, readRecords } from '../store-records.ts';
import { type Identity, signWith } from './identity.ts';

export type ReceiptPorts = {
  readonly store: Store;
  readonly crypto: CryptoProvider;
  readonly clock: Clock;
  readonly random: Random;
};

/** Oldest first. */
export async function receiptsOf(store: Pick<Store, 'range'>, task: TaskId): Promise<readonly SignedReceipt[]> {
  return (await readRecords(store, `receipt/${task}`, signedReceipt)).map(({ record }) => record);
}

/** What a grant is worth under a task's text: each decision makes one receipt, for one text. */
export type GrantedReceipt = { readonly receipt: SignedReceipt; readonly isNew: boolean };

/**
 * The receipt by which a task may rely on the person's grant.
 *
 * @throws ChoraleError `policy-superseded` where the decision was about another text: the person has to be asked again
 */
export async function receiptFor(
  task: TaskView,
  identity: Identity,
  grant: BookEntry,
  ports: ReceiptPorts,
): Promise<GrantedReceipt> {
  const { sha256, language } = task.consentPolicy;
  if (policyVersion(task.consentPolicy) !== sha256) {
    throw new ChoraleError('invalid-input', 'the consent text is not the one that its hash names');
  }
  const last = (await receiptsOf(ports.store, task.id)).at(-1);
  const isUsed = last !== undefined && last.receipt.decidedAt >= grant.at;
  const agreedTo = isUsed ? last.receipt.policy.sha256 : (grant.policy ?? sha256);
  if (agreedTo !== sha256) throw new ChoraleError('policy-superseded', 'the consent text has changed: ask again');
  if (isUsed) return { receipt: last, isNew: false };
  const fields = { policy: { sha256 }, language, decidedAt: grant.at, ...expiryOf(grant) };
  const receipt = await sign(identity, { ...fields, decisions: { [task.purpose]: 'granted' } }, ports);
  await keepReceipt(receipt, ports);
  return { receipt, isNew: true };
}

/** The receipt of the latest grant, under whatever text; undefined where the last word was another. */
export async function lastGrant(
  task: TaskId,
  purpose: Purpose,
  { store }: ReceiptPorts,
): Promise<SignedReceipt | undefined> {
  const last = (await receiptsOf(store, task)).at(-1);
  return last?.receipt.decisions[purpose] === 'granted' ? last : undefined;
}

/** Takes a task's grants of these purposes back; not kept yet. @returns undefined where nothing was granted that could be */
export async function receiptAgainst(
  identity: Identity,
  { at, decisions }: BookEntry,
  ports: ReceiptPorts,
): Promise<SignedReceipt | undefined> {
  const receipts = await receiptsOf(ports.store, identity.task);
  const last = receipts.at(-1)?.receipt;
  if (last === undefined) return undefined;
  const taken = (Object.entries(decisions) as [Purpose, Decision][]).filter(
    ([purpose, decision]) => decision !== 'granted' && receipts.some(({ receipt }) => receipt.decisions[purpose]),
  );
  if (taken.length === 0) return undefined;
  const { policy, language } = last;
  return sign(identity, { policy, language, decidedAt: at, decisions: Object.fromEntries(taken) }, ports);
}

type Fields = Omit<Receipt, 'schema' | 'id' | 'task' | 'device' | 'method'>;

async function sign(identity: Identity, fields: Fields, ports: ReceiptPorts): Promise<SignedReceipt> {
  const { crypto, clock, random } = ports;
  const { task, device } = identity;
  const id = newId('receipt', clock.now(), random);
  const receipt = createReceipt({ id, task, device, method: 'choice', ...fields });
  return withSignature(receipt, await signWith(identity, receiptText(receipt), crypto));
}

export async function keepReceipt(signed: SignedReceipt, { store }: ReceiptPorts): Promise<void> {
  await appendRecord(store, `receipt/${signed.receipt.task}`, signed);
}

function expiryOf({ expiresAt }: BookEntry): Pick<Receipt, 'expiresAt'> {
  return expiresAt === undefined ? {} : { expiresAt };
}
