/** Everything the core asks of a browser. */

export { webCrypto } from '../crypto/index.ts';
export { openLevelStore } from './level-store.ts';
export { MemoryDisk, type MemoryStoreOptions, memoryStore, type StoreOperation } from './memory-store.ts';
export { type SystemClockOptions, systemClock, systemRandom } from './system.ts';
