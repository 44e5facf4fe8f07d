/**
 * The coordinator's own keys: the root key that apps pin, the plan key and the enrolment key that it vouches for. Made at
 * the first start; from then on they live in the store, whose directory only the operator may read.
 */

import { type Bytes, base64url, fromBase64url, type Instant, type TaskId } from '@chorale/shared';
import { encodePlanKeyCertificate, planKeyText } from '@chorale/shared/secagg';
import { bytesField, enrolmentKeyText, type KeysView } from '@chorale/shared/wire';
import * as z from 'zod';
import type { Ports } from '../ports.ts';
import { storeKeys } from '../store/keys.ts';
import { putRecord, readRecord } from '../store/records.ts';
import { issueApiKey } from './api-keys.ts';
import { publicKeysOf, sign } from './signatures.ts';

export type SigningKey = { readonly secretKey: Bytes; readonly publicKey: Bytes };

export interface Keyring {
  readonly rootKey: Bytes;
  readonly planKey: SigningKey;
  readonly enrolmentKey: SigningKey;
  readonly publishableKey: string;
  /** The operator's first key, in clear: only where this start has made it. */
  readonly adminKey: string | undefined;
  /** Upper 16 bits of every round number. */
  readonly epoch: number;
  /** The root key's word that the plan key may sign plans of these tasks. */
  certificateFor(tasks: readonly TaskId[]): Promise<Bytes>;
  view(tasks: readonly TaskId[]): Promise<KeysView>;
}

const schemaVersion = 1;
const dayMs = 86_400_000;
const validityMs = 5 * 365 * dayMs;

const seed = bytesField(32);
const stored = z.object({
  createdAt: z.number(),
  epoch: z.number(),
  rootSecret: seed,
  planSecret: seed,
  enrolmentSecret: seed,
  publishableKey: z.string(),
});
type Stored = z.infer<typeof stored>;

/** Opens the keyring of a store, or makes it in one batch, so that no start ever sees half of it. */
export async function openKeyring(ports: Ports): Promise<Keyring> {
  const found = await readRecord(ports.store, storeKeys.keyring, stored);
  if (found) return keyringOf(found, undefined, ports);
  const { record, adminKey } = await makeKeyring(ports);
  return keyringOf(record, adminKey, ports);
}

async function makeKeyring(ports: Ports): Promise<{ record: Stored; adminKey: string }> {
  const { clock, random, store } = ports;
  const publishable = issueApiKey('publishable', ports);
  const secret = issueApiKey('secret', ports);
  const newSeed = () => base64url(random.bytes(32));
  const record: Stored = {
    createdAt: clock.now(),
    epoch: 0,
    rootSecret: newSeed(),
    planSecret: newSeed(),
    enrolmentSecret: newSeed(),
    publishableKey: publishable.text,
  };
  await store.batch([
    putRecord(storeKeys.schema, { version: schemaVersion }),
    putRecord(storeKeys.keyring, record),
    publishable.write,
    secret.write,
  ]);
  return { record, adminKey: secret.text };
}

async function keyringOf(record: Stored, adminKey: string | undefined, { crypto }: Ports): Promise<Keyring> {
  const secrets = [record.rootSecret, record.planSecret, record.enrolmentSecret].map(fromBase64url);
  const [rootSecret, planSecret, enrolmentSecret] = secrets as [Bytes, Bytes, Bytes];
  const [rootKey, planKey, enrolmentKey] = (await publicKeysOf(crypto, secrets)) as [Bytes, Bytes, Bytes];
  const enrolmentKeySignature = await sign(crypto, rootSecret, enrolmentKeyText(enrolmentKey));

  const certificateFor = async (tasks: readonly TaskId[]): Promise<Bytes> => {
    const claims = { key: planKey, ...validityFrom(record.createdAt), epoch: record.epoch, tasks };
    return encodePlanKeyCertificate({ ...claims, signature: await sign(crypto, rootSecret, planKeyText(claims)) });
  };
  return {
    rootKey,
    planKey: { secretKey: planSecret, publicKey: planKey },
    enrolmentKey: { secretKey: enrolmentSecret, publicKey: enrolmentKey },
    publishableKey: record.publishableKey,
    adminKey,
    epoch: record.epoch,
    certificateFor,
    view: async (tasks) => ({
      rootKey: base64url(rootKey),
      planKeyCertificate: base64url(await certificateFor(tasks)),
      enrolmentKey: base64url(enrolmentKey),
      enrolmentKeySignature: base64url(enrolmentKeySignature),
    }),
  };
}

/** From a day before, for devices whose clocks are behind. */
function validityFrom(createdAt: Instant): { notBefore: Instant; notAfter: Instant } {
  return { notBefore: createdAt - dayMs, notAfter: createdAt + validityMs };
}
