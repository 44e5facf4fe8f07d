/**
 * A map that only grows, entry by entry, and every version of which stays as it was. A copy for each of ten thousand
 * devices would take seconds, so it is a few maps whose sizes double, the oldest first: growing merges them now and then.
 */

export type Arrivals<Key, Value> = { readonly size: number; readonly parts: readonly ReadonlyMap<Key, Value>[] };

export const noArrivals = { size: 0, parts: [] } satisfies Arrivals<never, never>;

/** @param key not among them yet */
export function withArrival<Key, Value>(
  { size, parts }: Arrivals<Key, Value>,
  key: Key,
  value: Value,
): Arrivals<Key, Value> {
  const merged = [...parts];
  let last: ReadonlyMap<Key, Value> = new Map([[key, value]]);
  while (merged.length > 0 && merged.at(-1)!.size <= last.size) last = new Map([...merged.pop()!, ...last]);
  return { size: size + 1, parts: [...merged, last] };
}

export function withoutArrivals<Key, Value>(
  arrivals: Arrivals<Key, Value>,
  gone: ReadonlySet<Key>,
): Arrivals<Key, Value> {
  const left = arrivalsOf(arrivals).filter(([key]) => !gone.has(key));
  return left.length === 0 ? noArrivals : { size: left.length, parts: [new Map(left)] };
}

export function hasArrived<Key>({ parts }: Arrivals<Key, unknown>, key: Key): boolean {
  return parts.some((part) => part.has(key));
}

/** All of them, in the order in which they came. */
export function arrivalsOf<Key, Value>({ parts }: Arrivals<Key, Value>): readonly (readonly [Key, Value])[] {
  return parts.flatMap((part) => [...part]);
}
