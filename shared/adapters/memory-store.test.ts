import { describe, expect, it } from 'vitest';
import { utf8 } from '../bytes.ts';
import { storeContract } from '../testing/store-contract.ts';
import { MemoryDisk, memoryStore } from './memory-store.ts';

storeContract('a memory store', async () => {
  const disk = new MemoryDisk();
  return { open: async () => memoryStore({ disk }), remove: async () => {} };
});

describe('a medium that refuses', () => {
  it('fails the operation and changes nothing', async () => {
    const disk = new MemoryDisk();
    const store = memoryStore({ disk, refuses: (operation) => operation !== 'get' });
    const unavailable = { code: 'store-unavailable' };
    await expect(store.put('key', utf8('a'))).rejects.toMatchObject(unavailable);
    await expect(store.batch([{ do: 'put', key: 'key', value: utf8('a') }])).rejects.toMatchObject(unavailable);
    await expect(store.compareAndSet('key', undefined, utf8('a'))).rejects.toMatchObject(unavailable);
    await expect(store.range({ from: '', to: 'z' })).rejects.toMatchObject(unavailable);
    expect(await store.get('key')).toBeUndefined();
    expect(await memoryStore({ disk }).range({ from: '', to: 'z' })).toEqual([]);
  });
});
