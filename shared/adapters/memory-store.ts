/** The store for the laboratory and for browsers without storage: same contract, nothing outlives the process. */

import { type Bytes, equal } from '../bytes.ts';
import { ChoraleError } from '../errors.ts';
import type { Store, StoreEntry, StoreRange, StoreWrite } from '../ports.ts';
import { compareKeys } from './key-order.ts';
import { copyOfWrite } from './store-write.ts';

export type StoreOperation = 'get' | 'put' | 'delete' | 'range' | 'batch' | 'compareAndSet';

export type MemoryStoreOptions = {
  /** What was stored before: pass one disk to several stores, one after the other, to simulate a restart. */
  readonly disk?: MemoryDisk;
  /** Asked before each operation; true makes the medium refuse it. Seed it to repeat a run. */
  readonly refuses?: (operation: StoreOperation) => boolean;
};

export function memoryStore({ disk = new MemoryDisk(), refuses = () => false }: MemoryStoreOptions = {}): Store {
  let isClosed = false;
  const attempt = (operation: StoreOperation) => {
    if (isClosed) throw new ChoraleError('store-unavailable', 'the store is closed');
    if (refuses(operation)) throw new ChoraleError('store-unavailable', 'the medium refused');
  };
  return {
    async get(key) {
      attempt('get');
      return disk.get(key)?.slice();
    },
    async put(key, value) {
      attempt('put');
      disk.write({ do: 'put', key, value });
    },
    async delete(key) {
      attempt('delete');
      disk.write({ do: 'delete', key });
    },
    async range(range) {
      attempt('range');
      return disk.range(range);
    },
    async batch(writes) {
      attempt('batch');
      for (const write of writes) disk.write(write);
    },
    async compareAndSet(key, expected, next) {
      attempt('compareAndSet');
      const current = disk.get(key);
      const isExpected =
        current === undefined || expected === undefined ? current === expected : equal(current, expected);
      if (isExpected) disk.write(next === undefined ? { do: 'delete', key } : { do: 'put', key, value: next });
      return isExpected;
    },
    async close() {
      isClosed = true;
    },
  };
}

/** What a memory store keeps: values by key, and the keys in order. */
export class MemoryDisk {
  readonly #values = new Map<string, Bytes>();
  readonly #keys: string[] = [];

  get(key: string): Bytes | undefined {
    return this.#values.get(key);
  }

  write(write: StoreWrite): void {
    const own = copyOfWrite(write);
    if (own.do === 'delete') {
      if (this.#values.delete(own.key)) this.#keys.splice(this.#position(own.key), 1);
      return;
    }
    if (!this.#values.has(own.key)) this.#keys.splice(this.#position(own.key), 0, own.key);
    this.#values.set(own.key, own.value);
  }

  range({ from, to, limit = Number.POSITIVE_INFINITY, isReversed = false }: StoreRange): readonly StoreEntry[] {
    const keys = this.#keys.slice(this.#position(from), this.#position(to));
    if (isReversed) keys.reverse();
    return keys.slice(0, limit).map((key) => ({ key, value: this.#values.get(key)!.slice() }));
  }

  /** How many keys come before this one. */
  #position(key: string): number {
    let low = 0;
    let high = this.#keys.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareKeys(this.#keys[middle]!, key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
