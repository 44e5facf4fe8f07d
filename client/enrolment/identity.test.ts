import { newId, type Store } from '@chorale/shared';
import { MemoryDisk, memoryStore, nodeCrypto } from '@chorale/shared/adapters/node';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { openedKey } from '../training/ledger.ts';
import { identitiesOf, keepCredential, openIdentity } from './identity.ts';

const random = seededRandom('identity');
const crypto = nodeCrypto();
const task = newId('task', 0, random);
const open = (store: Store, of = task) => openIdentity(of, { store, crypto, random });

describe('an identity', () => {
  it('is the same at every visit, and another in every task', async () => {
    const disk = new MemoryDisk();
    const first = await open(memoryStore({ disk }));
    expect(await open(memoryStore({ disk }))).toEqual(first);
    const other = await open(memoryStore({ disk }), newId('task', 1, random));
    expect(other.publicKey).not.toEqual(first.publicKey);
    expect(other.device).not.toBe(first.device);
    expect(await identitiesOf(memoryStore({ disk }))).toHaveLength(2);
  });

  it('is one when two tabs make it at the same moment', async () => {
    const disk = new MemoryDisk();
    const [a, b] = await Promise.all([open(memoryStore({ disk })), open(memoryStore({ disk }))]);
    expect(a).toEqual(b);
  });

  it('is one when two tabs find that it has lost its ledger, however their steps fall', async () => {
    for (let late = 0; late < 8; late++) {
      const disk = new MemoryDisk();
      const store = memoryStore({ disk });
      const lost = await open(store);
      await store.delete(openedKey(task));
      const [slow, fast] = await Promise.all([
        open(stopping(memoryStore({ disk }), late)),
        open(memoryStore({ disk })),
      ]);
      expect(slow).toEqual(fast);
      expect(fast.publicKey).not.toEqual(lost.publicKey);
      expect(await open(store)).toEqual(fast);
    }
  });

  it('that has lost its ledger is retired, with its credential', async () => {
    const disk = new MemoryDisk();
    const store = memoryStore({ disk });
    const lost = await keepCredential(store, await open(store), new Uint8Array(68));
    await store.delete(openedKey(task));
    const next = await open(store);
    expect(next.publicKey).not.toEqual(lost.publicKey);
    expect(next.credential).toBeUndefined();
  });
});

/** A store of which one operation, the one after `before` others, waits until everybody else is done. */
function stopping(store: Store, before: number): Store {
  let operations = 0;
  const turn = async () => {
    if (operations++ === before) await new Promise((resolve) => setTimeout(resolve, 20));
  };
  return {
    ...store,
    range: store.range.bind(store),
    batch: store.batch.bind(store),
    close: store.close.bind(store),
    async get(key) {
      await turn();
      return store.get(key);
    },
    async put(key, value) {
      await turn();
      return store.put(key, value);
    },
    async delete(key) {
      await turn();
      return store.delete(key);
    },
    async compareAndSet(key, expected, next) {
      await turn();
      return store.compareAndSet(key, expected, next);
    },
  };
}
