/** API keys: `pk_…` goes into apps and opens what devices need, `sk_…` is the operator's. Only hashes are stored. */

import { base64url, equal, fromHex, hex, newId, type Store, utf8 } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import * as z from 'zod';
import type { Ports } from '../ports.ts';
import { storeKeys } from '../store/keys.ts';
import { putRecord, readRecord } from '../store/records.ts';

const keyPrefixes = { publishable: 'pk_', secret: 'sk_' } as const;
export type KeyKind = keyof typeof keyPrefixes;

const apiKey = z.object({
  id: z.string(),
  kind: z.enum(['publishable', 'secret']),
  hash: z.string(),
  createdAt: z.number(),
});
export type ApiKey = z.infer<typeof apiKey>;

/** Makes a key of 256 random bits. @returns its text, which is not kept, and the write that makes it valid */
export function issueApiKey(kind: KeyKind, { clock, random }: Pick<Ports, 'clock' | 'random'>) {
  const text = `${keyPrefixes[kind]}${base64url(random.bytes(32))}`;
  const now = clock.now();
  const record: ApiKey = { id: newId('key', now, random), kind, hash: hashOf(text), createdAt: now };
  return { text, write: putRecord(storeKeys.apiKey(record.hash), record) };
}

export async function findApiKey(store: Pick<Store, 'get'>, text: string): Promise<ApiKey | undefined> {
  if (!/^[ps]k_[A-Za-z0-9_-]{43}$/.test(text)) return undefined;
  const hash = hashOf(text);
  const found = await readRecord(store, storeKeys.apiKey(hash), apiKey);
  return found && equal(fromHex(found.hash), fromHex(hash)) ? found : undefined;
}

function hashOf(text: string): string {
  return hex(sha256(utf8(text)));
}
