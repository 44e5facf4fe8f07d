/** A crypto provider that spreads big jobs over worker threads. */

import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { CryptoJob, CryptoProvider, CryptoResult } from '../crypto/provider.ts';
import { costOf } from './crypto-cost.ts';
import { divide, unite } from './crypto-division.ts';
import type { CryptoAnswer, CryptoRequest } from './crypto-worker.ts';
import { nodeCrypto } from './node-crypto.ts';
import { startWorker, workerUrl } from './worker.ts';

export type CryptoPoolOptions = {
  /** Worker threads at most; the cores we may use unless said. Threads start with the first job worth one. */
  readonly size?: number;
  /** Jobs estimated to take less than this are done in place, where no message has to travel; 2,000 unless said. */
  readonly inPlaceMicros?: number;
};

export type CryptoPool = CryptoProvider & { close(): Promise<void> };

/** @returns a provider with the results of `nodeCrypto`; jobs are left unchanged, their vectors too */
export function cryptoPool({
  size = availableParallelism(),
  inPlaceMicros = 2000,
}: CryptoPoolOptions = {}): CryptoPool {
  const inPlace = nodeCrypto();
  const crew = Array.from({ length: size }, () => new CryptoThread());
  let isClosed = false;
  return {
    name: `pool of ${size} × ${inPlace.name}`,
    async perform(job) {
      if (isClosed) throw new Error('the crypto pool is closed');
      const cost = costOf(job);
      if (cost < inPlaceMicros || size === 0) return inPlace.perform(job);
      const parts = divide(job, Math.min(size, Math.ceil(cost / Math.max(inPlaceMicros / 2, 1))));
      return unite(job, await Promise.all(parts.map((part) => leastBusy(crew).perform(part))));
    },
    async close() {
      isClosed = true;
      await Promise.all(crew.map((thread) => thread.close()));
    },
  };
}

function leastBusy(crew: readonly CryptoThread[]): CryptoThread {
  return crew.reduce((idlest, thread) => (thread.load < idlest.load ? thread : idlest));
}

type Waiting = { readonly settle: (result: CryptoResult) => void; readonly fail: (error: unknown) => void };

/** One worker thread, started by its first job and again after a crash. It never keeps an idle process alive. */
class CryptoThread {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #lastId = 0;

  get load(): number {
    return this.#waiting.size;
  }

  perform(job: CryptoJob): Promise<CryptoResult> {
    return new Promise((settle, fail) => {
      const id = ++this.#lastId;
      this.#worker ??= this.#start();
      // The parts of a divided mask job own their vectors; everything else is the caller's and is cloned.
      const moved = job.do === 'mask' ? [job.vector.buffer] : [];
      this.#worker.postMessage({ id, job: withOwnBuffers(job) } satisfies CryptoRequest, moved);
      this.#worker.ref();
      this.#waiting.set(id, { settle, fail });
    });
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = startWorker(workerUrl('./crypto-worker', import.meta.url), { name: 'crypto' });
    worker.on('message', (answer: CryptoAnswer) => this.#finish(answer));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', () => this.#lose(worker, new Error('a crypto thread ended with work to do')));
    return worker;
  }

  #finish(answer: CryptoAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if ('error' in answer) waiting?.fail(answer.error);
    else waiting?.settle(answer.result);
  }

  #lose(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { fail } of this.#waiting.values()) fail(error);
    this.#waiting.clear();
  }
}

/**
 * A copy in which every byte string owns its memory. A view is cloned with all of its buffer, so a signature cut out
 * of a large packet would otherwise take the packet along.
 */
function withOwnBuffers<Value>(value: Value): Value {
  if (value instanceof Uint8Array) return (isWholeBuffer(value) ? value : new Uint8Array(value)) as Value;
  if (value instanceof Uint32Array) return (isWholeBuffer(value) ? value : new Uint32Array(value)) as Value;
  if (Array.isArray(value)) return value.map(withOwnBuffers) as Value;
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, withOwnBuffers(part)])) as Value;
}

function isWholeBuffer(view: ArrayBufferView): boolean {
  return view.byteLength === view.buffer.byteLength;
}
