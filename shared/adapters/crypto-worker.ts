/** The thread of a crypto pool: performs one job after the other. */

import { parentPort } from 'node:worker_threads';
import type { CryptoJob, CryptoResult } from '../crypto/provider.ts';
import { nodeCrypto } from './node-crypto.ts';

export type CryptoRequest = { readonly id: number; readonly job: CryptoJob };
export type CryptoAnswer =
  | { readonly id: number; readonly result: CryptoResult }
  | { readonly id: number; readonly error: unknown };

const crypto = nodeCrypto();

parentPort?.on('message', async ({ id, job }: CryptoRequest) => {
  const answer = await perform({ id, job });
  const moved = 'result' in answer && answer.result.did === 'mask' ? [answer.result.vector.buffer] : [];
  parentPort?.postMessage(answer, moved);
});

async function perform({ id, job }: CryptoRequest): Promise<CryptoAnswer> {
  try {
    return { id, result: await crypto.perform(job) };
  } catch (error) {
    return { id, error };
  }
}
