/** Enrolment: a device shows its identity key and its consent, and gets a credential for one task. */

import { base64url, ChoraleError, type DeviceId, deviceIdFromBytes, fromBase64url, type TaskId } from '@chorale/shared';
import { credentialText, deviceIdOf, encodeCredential } from '@chorale/shared/secagg';
import { enrolmentText, newDevice, parseInput } from '@chorale/shared/wire';
import type { Keyring } from '../auth/keyring.ts';
import { sign, verify } from '../auth/signatures.ts';
import type { Consents } from '../consent/consents.ts';
import type { Ports } from '../ports.ts';
import type { Accounts } from '../privacy/accounts.ts';
import { dayOf } from '../rounds/pacing.ts';
import { storeKeys } from '../store/keys.ts';
import type { Queue } from '../store/queue.ts';
import { putRecord, readRecord } from '../store/records.ts';
import type { Task } from '../tasks/task.ts';
import type { Tasks } from '../tasks/tasks.ts';
import { type Device, device, type Subject } from './device.ts';

export interface Devices {
  /**
   * @param input a `newDevice` of the wire; the same identity key always gets the same credential
   * @throws ChoraleError `unauthorized` without proof of possession, `consent-required`, `policy-superseded`, `forbidden`
   * for a barred device
   */
  enrol(input: unknown): Promise<Device>;
  /** @throws ChoraleError `not-found` */
  get(id: DeviceId): Promise<Device>;
  /**
   * The device that says on its connection to be enrolled for this task.
   *
   * @throws ChoraleError `unauthorized`, or `forbidden` for a barred device
   */
  ofTask(task: TaskId, id: DeviceId): Promise<Device>;
  /** Lets a device take part no more; durable when it resolves. */
  bar(id: DeviceId): Promise<void>;
}

export type DevicesParts = {
  readonly ports: Ports;
  readonly keyring: Keyring;
  readonly tasks: Tasks;
  readonly consents: Consents;
  readonly accounts: Accounts;
  readonly queue: Queue;
};

export function createDevices({ ports, keyring, tasks, consents, accounts, queue }: DevicesParts): Devices {
  const { store, clock, crypto, events } = ports;

  const enrolNew = async (task: Task, subject: Subject, receipt: unknown): Promise<Device> => {
    const writes = await consents.prepareFirst(task, subject, receipt);
    const made = await credentialed(task.id, subject, dayOf(clock.now()));
    const account = accounts.opening(task, made.device);
    await store.batch([putRecord(storeKeys.device(made.device), made), ...writes, ...account]);
    events.deviceEnrolled(task.id, made.device);
    return made;
  };

  const credentialed = async (task: TaskId, { device, identityKey }: Subject, day: number): Promise<Device> => {
    const subject = { task, identityKey, deviceId: deviceIdOf(task, identityKey) };
    const signature = await sign(crypto, keyring.enrolmentKey.secretKey, credentialText(subject, day));
    const credential = base64url(encodeCredential({ day, signature }));
    return { device, task, identityKey: base64url(identityKey), day, credential };
  };

  return {
    async enrol(input) {
      const { task: taskId, identityKey: key, receipt, proof } = parseInput(newDevice, input, 'device');
      const task = await tasks.get(taskId);
      const identityKey = fromBase64url(key);
      const message = enrolmentText(taskId, identityKey);
      if (!(await verify(crypto, { publicKey: identityKey, message, signature: fromBase64url(proof) })))
        throw new ChoraleError('unauthorized', 'proof: not signed by the identity key');
      const subject = { device: deviceIdFromBytes(deviceIdOf(taskId, identityKey)), identityKey };
      return queue.run(storeKeys.device(subject.device), async () => {
        const known = await readRecord(store, storeKeys.device(subject.device), device);
        if (known === undefined) return enrolNew(task, subject, receipt);
        refuseBarred(known);
        await consents.renew(task, subject, receipt);
        return known;
      });
    },

    async get(id) {
      const found = await readRecord(store, storeKeys.device(id), device);
      if (!found) throw new ChoraleError('not-found', 'there is no such device');
      return found;
    },

    async ofTask(task, id) {
      const found = await readRecord(store, storeKeys.device(id), device);
      if (found?.task !== task) throw new ChoraleError('unauthorized', 'this device is not enrolled for the task');
      refuseBarred(found);
      return found;
    },

    bar: (id) =>
      queue.run(storeKeys.device(id), async () => {
        const found = await readRecord(store, storeKeys.device(id), device);
        if (found === undefined || found.barredAt !== undefined) return;
        await store.batch([putRecord(storeKeys.device(id), { ...found, barredAt: clock.now() })]);
      }),
  };
}

function refuseBarred({ barredAt }: Device): void {
  if (barredAt !== undefined) throw new ChoraleError('forbidden', 'this device broke the protocol and is barred');
}
