/** A thread that plays one seed after the other. */

import { parentPort } from 'node:worker_threads';
import { invariant } from '@chorale/shared';
import { answerCalls, notify } from '../adapters/worker-calls.ts';
import { playSeed } from './play.ts';

const port = parentPort;
invariant(port, 'a worker has a parent');

const handlers = {
  play: ({ seed, isTold }: { readonly seed: number; readonly isTold: boolean }) =>
    playSeed(seed, isTold ? { onLine: (line) => notify(port, line) } : {}),
};
export type SeedHandlers = typeof handlers;

answerCalls(port, handlers);
