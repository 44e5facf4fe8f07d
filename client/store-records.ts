/** Records as JSON in UTF-8, checked by their schema when they are read: a store outlives the code that wrote it. */

import { type Bytes, fromUtf8, type Store, type StoreEntry, utf8 } from '@chorale/shared';
import * as z from 'zod/mini';

export function encodeRecord(record: unknown): Bytes {
  return utf8(JSON.stringify(record));
}

/** @returns undefined for what cannot be read: a client that starts is worth more than an entry of its cache */
export function decodeRecord<Schema extends z.ZodMiniType>(
  schema: Schema,
  value: Bytes | undefined,
): z.infer<Schema> | undefined {
  if (value === undefined) return undefined;
  try {
    const parsed = z.safeParse(schema, JSON.parse(fromUtf8(value)));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** Every readable record below a prefix, in the order of their keys. */
export async function readRecords<Schema extends z.ZodMiniType>(
  store: Pick<Store, 'range'>,
  prefix: string,
  schema: Schema,
): Promise<readonly { readonly key: string; readonly record: z.infer<Schema> }[]> {
  // '0' is the character after '/'.
  const entries: readonly StoreEntry[] = await store.range({ from: `${prefix}/`, to: `${prefix}0` });
  return entries.flatMap(({ key, value }) => {
    const record = decodeRecord(schema, value);
    return record === undefined ? [] : [{ key, record }];
  });
}

/** Writes under the first free number after the last one, whichever other tab does the same. */
export async function appendRecord(
  store: Pick<Store, 'range' | 'compareAndSet'>,
  prefix: string,
  record: unknown,
): Promise<string> {
  for (;;) {
    const [last] = await store.range({ from: `${prefix}/`, to: `${prefix}0`, isReversed: true, limit: 1 });
    const number = last === undefined ? 0 : Number(last.key.slice(prefix.length + 1)) + 1;
    const key = `${prefix}/${String(number).padStart(12, '0')}`;
    if (await store.compareAndSet(key, undefined, encodeRecord(record))) return key;
  }
}
