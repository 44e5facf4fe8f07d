/** The worker that the test of `worker.ts` starts. */

import { parentPort, workerData } from 'node:worker_threads';
import { utf8 } from '../bytes.ts';

type Request = { readonly say: string } | { readonly open: string } | { readonly fail: string };

parentPort?.on('message', async (request: Request) => {
  if ('fail' in request) throw new Error(request.fail);
  if ('say' in request) return parentPort?.postMessage({ said: utf8(request.say), greeting: workerData });
  const door: Record<string, unknown> = await import(request.open);
  parentPort?.postMessage({ names: Object.keys(door) });
});
