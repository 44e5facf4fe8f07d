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
