/** Receipts as they arrive, and what they allow now. A receipt is never changed or removed: a later one outranks it. */

import { ChoraleError, type DeviceId, equal, fromBase64url, type Instant, type StoreWrite } from '@chorale/shared';
import {
  type ConsentState,
  consentState,
  decisionOf,
  receiptHash,
  type SignedReceipt,
  signedReceipt,
  signedText,
} from '@chorale/shared/consent';
import { newConsent, parseInput } from '@chorale/shared/wire';
import { verify } from '../auth/signatures.ts';
import { device, type Subject } from '../devices/device.ts';
import type { Ports } from '../ports.ts';
import { storeKeys, under } from '../store/keys.ts';
import type { Queue } from '../store/queue.ts';
import { parseRecord, putRecord, readRecord } from '../store/records.ts';
import type { Task } from '../tasks/task.ts';
import type { Tasks } from '../tasks/tasks.ts';

export interface Consents {
  /**
   * Checks the receipt that comes with an enrolment.
   *
   * @returns the write that keeps it, for the batch that also makes the device
   * @throws ChoraleError `invalid-input`, `unauthorized`, `consent-required`, `policy-superseded`
   */
  prepareFirst(task: Task, subject: Subject, input: unknown): Promise<readonly StoreWrite[]>;
  /** Keeps the receipt of a repeated enrolment, if it is another one. Call it under the device's queue. */
  renew(task: Task, subject: Subject, input: unknown): Promise<void>;
  /** Keeps a later word of an enrolled device, such as a withdrawal; when this resolves it is durable and obeyed. */
  record(input: unknown): Promise<void>;
  /**
   * @returns the receipt by which the device may take part in the task now
   * @throws ChoraleError `consent-required` or `policy-superseded` unless it may
   */
  check(task: Task, id: DeviceId): Promise<SignedReceipt>;
  /** Drops what is remembered of a device that left. */
  forget(id: DeviceId): void;
}

export type ConsentsParts = {
  readonly ports: Ports;
  readonly tasks: Tasks;
  readonly queue: Queue;
  /** Called when a device may no longer take part: it leaves the pool and the open round. */
  readonly onRefusal: (task: Task, id: DeviceId) => Promise<void>;
};

/** A device that changes its mind more often than this is a defect or an attack on the store. */
const maxReceipts = 1000;
/** Devices' clocks are not always right; a receipt from far ahead would outrank every honest withdrawal after it. */
const maxAheadMs = 86_400_000;

/** Histories kept in memory, so that a turn's checks need not read the store. */
const maxRemembered = 20_000;

type History = readonly SignedReceipt[];

export function createConsents({ ports, tasks, queue, onRefusal }: ConsentsParts): Consents {
  const { store, clock, crypto, events } = ports;
  const remembered = new Map<DeviceId, History>();
  let appended = 0;
  const remember = (id: DeviceId, history: History) => {
    remembered.set(id, history);
    // The oldest goes first: a map keeps the order in which its keys came.
    for (const oldest of remembered.keys()) if (remembered.size > maxRemembered) remembered.delete(oldest);
  };

  const historyOf = async (id: DeviceId): Promise<History> => {
    for (;;) {
      const known = remembered.get(id);
      if (known) return known;
      const before = appended;
      const entries = await store.range(under(`receipt/${id}`));
      // A receipt stored meanwhile, perhaps a withdrawal, may be missing from what was read.
      if (before !== appended) continue;
      const history = entries.map((entry) => parseRecord(signedReceipt, entry));
      remember(id, history);
      return history;
    }
  };

  const verified = async (task: Task, subject: Subject, input: unknown): Promise<SignedReceipt> => {
    const signed = parseInput(signedReceipt, input, 'receipt');
    checkSubject(signed, task, subject, clock.now());
    if (await verify(crypto, signedText(signed, subject.identityKey))) return signed;
    throw new ChoraleError('unauthorized', 'receipt: not signed by the identity key');
  };

  /** @returns whether the receipt was new */
  const append = async (id: DeviceId, signed: SignedReceipt): Promise<boolean> => {
    const history = await historyOf(id);
    if (history.some((known) => equal(receiptHash(known), receiptHash(signed)))) return false;
    if (history.length >= maxReceipts)
      throw new ChoraleError('conflict', 'this device has too many receipts: enrol anew');
    await store.batch([putRecord(storeKeys.receipt(id, history.length), signed)]);
    appended++;
    remember(id, [...history, signed]);
    return true;
  };

  const stateOf = (task: Task, history: History): ConsentState =>
    consentState(
      task.purpose,
      history.map(({ receipt }) => decisionOf(receipt)),
      {
        now: clock.now(),
        policy: task.consentPolicy.sha256,
        isRefusedBySignal: false,
      },
    );

  const check: Consents['check'] = async (task, id) => {
    const history = await historyOf(id);
    requireGranted(stateOf(task, history), task);
    return grantIn(history, task);
  };

  return {
    check,
    forget: (id) => void remembered.delete(id),

    async prepareFirst(task, subject, input) {
      const signed = await verified(task, subject, input);
      requireGranted(stateOf(task, [signed]), task);
      remembered.delete(subject.device);
      return [putRecord(storeKeys.receipt(subject.device, 0), signed)];
    },

    async renew(task, subject, input) {
      await append(subject.device, await verified(task, subject, input));
      // A refusal counts by whichever way it comes: the lobby and an open round hear of it before the door closes.
      const state = stateOf(task, await historyOf(subject.device));
      if (state !== 'granted') await onRefusal(task, subject.device);
      await check(task, subject.device);
    },

    async record(input) {
      const { device: id, task: taskId, receipt } = parseInput(newConsent, input, 'consent');
      const task = await tasks.get(taskId);
      await queue.run(storeKeys.device(id), async () => {
        const found = await readRecord(store, storeKeys.device(id), device);
        if (found?.task !== taskId) throw new ChoraleError('not-found', 'no such device is enrolled for this task');
        const subject = { device: id, identityKey: fromBase64url(found.identityKey) };
        await append(id, await verified(task, subject, receipt));
      });
      const state = stateOf(task, await historyOf(id));
      events.consentRecorded(id, state);
      if (state !== 'granted') await onRefusal(task, id);
    },
  };
}

function checkSubject({ receipt }: SignedReceipt, task: Task, subject: Subject, now: Instant): void {
  if (receipt.task !== task.id || receipt.device !== subject.device)
    throw new ChoraleError('invalid-input', 'receipt: about another task or device');
  if (receipt.decidedAt > now + maxAheadMs)
    throw new ChoraleError('invalid-input', 'receipt: decidedAt: more than a day in the future');
}

/** The decision that counts, which is a grant: the latest one about the task's purpose. */
function grantIn(history: History, { purpose }: Task): SignedReceipt {
  const decided = history.filter(({ receipt }) => receipt.decisions[purpose] !== undefined);
  return decided.reduce((last, next) => (next.receipt.decidedAt >= last.receipt.decidedAt ? next : last));
}

function requireGranted(state: ConsentState, task: Task): void {
  if (state === 'granted') return;
  if (state === 'superseded')
    throw new ChoraleError('policy-superseded', 'the consent is about another text: ask again');
  throw new ChoraleError('consent-required', `there is no consent to ${task.purpose} (${state})`);
}
