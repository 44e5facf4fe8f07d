/** Everything the core asks of a Node process. */

export { type CryptoPool, type CryptoPoolOptions, cryptoPool } from './crypto-pool.ts';
export { openLevelStore } from './level-store.ts';
export { MemoryDisk, type MemoryStoreOptions, memoryStore, type StoreOperation } from './memory-store.ts';
export { nodeCrypto, nodePrimitives } from './node-crypto.ts';
export { nodeHkdfMany } from './node-hkdf.ts';
export { type SystemClockOptions, systemClock, systemRandom } from './system.ts';
export { startWorker, type WorkerSettings, workerUrl } from './worker.ts';
