/** Pages of a listing: an opaque cursor is the last key that was shown, in base64url. */

import { base64url, ChoraleError, fromBase64url, fromUtf8, type Store, utf8 } from '@chorale/shared';
import * as z from 'zod';
import { after, under } from './keys.ts';
import { parseRecord } from './records.ts';

export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(400).optional(),
});
export type PageQuery = z.infer<typeof pageQuery>;

export type Page<Item> = { readonly items: readonly Item[]; readonly next?: string };

/**
 * The records right below a prefix, in the order of their keys; deeper keys, such as a task's state, are skipped.
 *
 * @throws ChoraleError `invalid-input` for a cursor of another listing
 */
export async function readPage<Schema extends z.core.$ZodType>(
  store: Pick<Store, 'range'>,
  prefix: string,
  schema: Schema,
  { limit, cursor }: PageQuery,
): Promise<Page<z.infer<Schema>>> {
  const { from, to } = under(prefix);
  const items: z.infer<Schema>[] = [];
  let last = cursor === undefined ? undefined : keyOf(cursor, prefix);
  while (items.length < limit) {
    // One at a time, because what lies below a key may be megabytes of state.
    const [entry] = await store.range({ from: last === undefined ? from : after(last), to, limit: 1 });
    if (entry === undefined) return { items };
    last = entry.key;
    items.push(parseRecord(schema, entry));
  }
  return { items, next: base64url(utf8(last!)) };
}

function keyOf(cursor: string, prefix: string): string {
  const key = decoded(cursor);
  if (key?.startsWith(`${prefix}/`)) return key;
  throw new ChoraleError('invalid-input', 'cursor: not one that this listing gave');
}

function decoded(cursor: string): string | undefined {
  try {
    return fromUtf8(fromBase64url(cursor));
  } catch {
    return undefined;
  }
}
