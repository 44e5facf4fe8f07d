/** Records as JSON in UTF-8, checked by their schema on the way out: a store outlives the code that wrote it. */

import { type Bytes, fromUtf8, invariant, type Store, type StoreEntry, type StoreWrite, utf8 } from '@chorale/shared';
import * as z from 'zod';

export async function readRecord<Schema extends z.core.$ZodType>(
  store: Pick<Store, 'get'>,
  key: string,
  schema: Schema,
): Promise<z.infer<Schema> | undefined> {
  const value = await store.get(key);
  return value === undefined ? undefined : parseRecord(schema, { key, value });
}

export function putRecord(key: string, record: unknown): StoreWrite {
  return { do: 'put', key, value: encodeRecord(record) };
}

export function encodeRecord(record: unknown): Bytes {
  return utf8(JSON.stringify(record));
}

/** @throws invariant if the record is not what its schema says: the store was damaged or is from another version */
export function parseRecord<Schema extends z.core.$ZodType>(
  schema: Schema,
  { key, value }: StoreEntry,
): z.infer<Schema> {
  const parsed = z.safeParse(schema, readJson(value));
  invariant(parsed.success, `the stored record ${key} is not readable`);
  return parsed.data;
}

/** @returns undefined where there is no JSON: what a parser says of it would quote the record, which may hold secrets */
function readJson(value: Bytes): unknown {
  try {
    return JSON.parse(fromUtf8(value));
  } catch {
    return undefined;
  }
}
