/** The one place that starts worker threads, from built files and from sources alike. */

import { type Transferable, Worker } from 'node:worker_threads';

export type WorkerSettings = {
  /** What the worker reads as `workerData`; cloned. */
  readonly workerData?: unknown;
  /** Buffers inside `workerData` to move instead of to clone. */
  readonly transferList?: readonly Transferable[];
  /** Shown by debuggers. */
  readonly name?: string;
};

/**
 * The URL of a worker module beside the file that starts it: `.ts` when run from sources, `.js` when built.
 *
 * @param path without extension, such as `./crypto-worker`
 * @param from the `import.meta.url` of the caller
 */
export function workerUrl(path: string, from: string): URL {
  return new URL(`${path}${from.endsWith('.ts') ? '.ts' : '.js'}`, from);
}

/** Starts a worker thread. What its module throws, while loading too, arrives as the worker's `error` event. */
export function startWorker(url: URL, { transferList, ...settings }: WorkerSettings = {}): Worker {
  const options = { ...settings, ...(transferList === undefined ? {} : { transferList: [...transferList] }) };
  if (!url.pathname.endsWith('.ts')) return new Worker(url, options);
  const sourceLoader = new URL('./source-loader.mjs', import.meta.url);
  return new Worker(sourceLoader, { ...options, argv: [url.href], execArgv: ['--conditions=development'] });
}
