/**
 * Who this device is within one task: an Ed25519 key of its own, so that rosters of two tasks cannot be linked. The key
 * and the ledger of its rounds live in one store; a key that has lost its ledger could claim a round twice, and is retired.
 */

import {
  type Bytes,
  base64url,
  type DeviceId,
  deviceIdFromBytes,
  fromBase64url,
  isId,
  type Random,
  type Store,
  type TaskId,
} from '@chorale/shared';
import type { CryptoProvider } from '@chorale/shared/crypto';
import { deviceIdOf } from '@chorale/shared/secagg';
import { bytesField } from '@chorale/shared/wire';
import * as z from 'zod/mini';
import { decodeRecord, encodeRecord, readRecords } from '../store-records.ts';
import { openedKey } from '../training/ledger.ts';

const stored = z.strictObject({
  /** The RFC 8032 seed. */
  secretKey: bytesField(32),
  publicKey: bytesField(32),
  /** By the enrolment authority, once this device has enrolled. */
  credential: z.optional(bytesField(68)),
});
type Stored = z.infer<typeof stored>;

export type Identity = {
  readonly task: TaskId;
  readonly device: DeviceId;
  readonly secretKey: Bytes;
  readonly publicKey: Bytes;
  readonly credential: Bytes | undefined;
};

export type IdentityPorts = {
  readonly store: Store;
  readonly crypto: CryptoProvider;
  readonly random: Random;
};

/** The device's identity in a task, made when there is none. Two tabs that make one at once end up with the same. */
export async function openIdentity(task: TaskId, ports: IdentityPorts): Promise<Identity> {
  const { store } = ports;
  const before = await store.get(keyOf(task));
  if ((await store.get(openedKey(task))) === undefined) {
    // A mark is written before its key and was not there after this key was read: so the key has lost its ledger, and is not what
    // another tab has made in between. It goes before there is a mark again, which would give it a new life.
    if (before !== undefined) await store.compareAndSet(keyOf(task), before, undefined);
    await store.put(openedKey(task), encodeRecord(true));
  }
  const found = decodeRecord(stored, await store.get(keyOf(task)));
  if (found !== undefined) return identityOf(task, found);
  const made = await newKey(ports);
  if (await store.compareAndSet(keyOf(task), undefined, encodeRecord(made))) return identityOf(task, made);
  return openIdentity(task, ports);
}

/** Every identity of this device. */
export async function identitiesOf(store: Pick<Store, 'range'>): Promise<readonly Identity[]> {
  const records = await readRecords(store, 'identity', stored);
  return records.flatMap(({ key, record }) => {
    const task = key.slice('identity/'.length);
    return isId('task', task) ? [identityOf(task, record)] : [];
  });
}

export async function keepCredential(
  store: Store,
  identity: Identity,
  credential: Bytes | undefined,
): Promise<Identity> {
  const { task, secretKey, publicKey } = identity;
  const kept = credential === undefined ? {} : { credential: base64url(credential) };
  await store.put(
    keyOf(task),
    encodeRecord({ secretKey: base64url(secretKey), publicKey: base64url(publicKey), ...kept }),
  );
  return { ...identity, credential };
}

/** Signs with the device's identity. */
export async function signWith({ secretKey }: Identity, text: Bytes, crypto: CryptoProvider): Promise<Bytes> {
  const result = await crypto.perform({ do: 'signMany', secretKey, messages: [text] });
  const signature = result.did === 'signMany' ? result.signatures[0] : undefined;
  if (signature === undefined) throw new Error('invariant: the provider signs');
  return signature;
}

async function newKey({ crypto, random }: IdentityPorts): Promise<Stored> {
  const secretKey = random.bytes(32);
  const result = await crypto.perform({ do: 'publicKeys', agreement: [], signing: [secretKey] });
  const publicKey = result.did === 'publicKeys' ? result.signing[0] : undefined;
  if (publicKey === undefined) throw new Error('invariant: the provider derives public keys');
  return { secretKey: base64url(secretKey), publicKey: base64url(publicKey) };
}

function identityOf(task: TaskId, { secretKey, publicKey, credential }: Stored): Identity {
  const key = fromBase64url(publicKey);
  return {
    task,
    device: deviceIdFromBytes(deviceIdOf(task, key)),
    secretKey: fromBase64url(secretKey),
    publicKey: key,
    credential: credential === undefined ? undefined : fromBase64url(credential),
  };
}

function keyOf(task: TaskId): string {
  return `identity/${task}`;
}
