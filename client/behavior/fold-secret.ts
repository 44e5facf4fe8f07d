/** A secret that places this device in folds and arms: drawn once, kept, and never sent. */

import type { Bytes, Random, Store } from '@chorale/shared';

const key = 'fold-secret';
const length = 32;

/** The same in every tab: the first that writes decides. */
export async function foldSecret(store: Pick<Store, 'get' | 'compareAndSet'>, random: Random): Promise<Bytes> {
  for (;;) {
    const kept = await store.get(key);
    if (kept?.length === length) return kept;
    const drawn = random.bytes(length);
    if (await store.compareAndSet(key, kept, drawn)) return drawn;
  }
}
