/** A secret that places this device in folds and arms: drawn once, kept, and never sent. */

import type { Bytes, Random, Store } from '@chorale/shared';
import { drawnPlace, type PlaceOf } from '@chorale/shared/algorithms';

type SecretStore = Pick<Store, 'get' | 'compareAndSet'>;

const key = 'fold-secret';
const length = 32;

/** What this device draws for any label. */
export async function ownPlaces(store: SecretStore, random: Random): Promise<PlaceOf> {
  const secret = await foldSecret(store, random);
  return (label) => drawnPlace(secret, label);
}

/** The same in every tab: the first that writes decides. */
export async function foldSecret(store: SecretStore, random: Random): Promise<Bytes> {
  for (;;) {
    const kept = await store.get(key);
    if (kept?.length === length) return kept;
    const drawn = random.bytes(length);
    if (await store.compareAndSet(key, kept, drawn)) return drawn;
  }
}
