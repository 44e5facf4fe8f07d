/** The thread of a crypto pool: performs one job after the other. */

import { parentPort } from 'node:worker_threads';
import type { CryptoJob, CryptoResult } from '../crypto/provider.ts';
import { nodeCrypto } from './node-crypto.ts';
import { type Parcel, pack, unpack } from './parcel.ts';

/** Jobs and results travel as parcels. */
export type CryptoRequest = { readonly id: number; readonly job: Parcel };
export type CryptoAnswer =
  | { readonly id: number; readonly result: Parcel }
  | { readonly id: number; readonly error: unknown };

const crypto = nodeCrypto();

parentPort?.on('message', async ({ id, job }: CryptoRequest) => {
  try {
    answer(id, await crypto.perform(unpack(job) as CryptoJob)); // packed by the pool, so it is what it was
  } catch (error) {
    parentPort?.postMessage({ id, error } satisfies CryptoAnswer);
  }
});

function answer(id: number, result: CryptoResult): void {
  const parcel = pack(result);
  const moved = result.did === 'mask' ? [result.vector.buffer] : [];
  const answer: CryptoAnswer = { id, result: parcel };
  parentPort?.postMessage(answer, [parcel.content.buffer, parcel.lengths.buffer, ...moved]);
}
