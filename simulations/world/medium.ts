/** A program's store in the weather: slow, refusing, or gone together with its program. */

import { ChoraleError, type Clock, type Store } from '@chorale/shared';
import { type MemoryDisk, memoryStore, type StoreOperation } from '@chorale/shared/adapters/node';
import { type Life, never } from './life.ts';
import type { Mishap } from './weather.ts';

export type MediumOptions = {
  /** Outlives the program. */
  readonly disk: MemoryDisk;
  readonly life: Life;
  readonly clock: Clock;
  readonly mishapOf: (operation: StoreOperation) => Mishap | undefined;
  readonly delayMs: () => number;
  /** The power goes. */
  readonly die: () => void;
};

export function mediumOf({ disk, life, clock, mishapOf, delayMs, die }: MediumOptions): Store {
  const store = memoryStore({ disk });
  const pass = async (ms: number): Promise<void> => {
    if (ms > 0) await new Promise<void>((resolve) => void clock.wakeAt(clock.now() + ms, resolve));
    if (life.isOver) await never();
  };
  /** Half of the time passes before the medium has done the work, half before it says so. */
  const perform = async <Result>(operation: StoreOperation, work: () => Promise<Result>): Promise<Result> => {
    const delay = delayMs();
    await pass(Math.floor(delay / 2));
    const mishap = mishapOf(operation);
    if (mishap === 'refuses') throw new ChoraleError('store-unavailable', 'the medium refused');
    if (mishap === 'dies before') die();
    if (life.isOver) return never();
    const result = await work();
    if (mishap === 'dies after') die();
    await pass(Math.ceil(delay / 2));
    return result;
  };
  return {
    get: (key) => perform('get', () => store.get(key)),
    put: (key, value) => perform('put', () => store.put(key, value)),
    delete: (key) => perform('delete', () => store.delete(key)),
    range: (range) => perform('range', () => store.range(range)),
    batch: (writes) => perform('batch', () => store.batch(writes)),
    compareAndSet: (key, expected, next) => perform('compareAndSet', () => store.compareAndSet(key, expected, next)),
    close: () => store.close(),
  };
}
