/** A crypto provider that spreads big jobs over worker threads. */

import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { CryptoJob, CryptoProvider, CryptoResult } from '../crypto/provider.ts';
import { costOf } from './crypto-cost.ts';
import { divide, unite } from './crypto-division.ts';
import type { CryptoAnswer, CryptoRequest } from './crypto-worker.ts';
import { nodeCrypto } from './node-crypto.ts';
import { pack, unpack } from './parcel.ts';
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
      const count = partsOf(job, cost, size, inPlaceMicros);
      return unite(job, await performAll(divide(job, count), idlest(crew, count)));
    },
    async close() {
      isClosed = true;
      await Promise.all(crew.map((thread) => thread.close()));
    },
  };
}

/**
 * So long may a thread work on one part. Parts are made and sent one by one, so that no large job holds up the sender: to
 * pack a part takes up to half as long as to work on it. A part of a mask job is little to pack, but brings a vector.
 */
function longestPartMicros(job: CryptoJob): number {
  return job.do === 'mask' ? 100_000 : 10_000;
}

function partsOf(job: CryptoJob, cost: number, size: number, inPlaceMicros: number): number {
  const worthwhile = Math.ceil(cost / Math.max(inPlaceMicros / 2, 1));
  return Math.max(Math.min(size, worthwhile), Math.ceil(cost / longestPartMicros(job)));
}

function idlest(crew: readonly CryptoThread[], count: number): readonly CryptoThread[] {
  return crew.toSorted((a, b) => a.load - b.load).slice(0, count);
}

/** Each thread takes the next part when it is done with one. */
async function performAll(
  parts: Iterator<CryptoJob, void>,
  threads: readonly CryptoThread[],
): Promise<readonly CryptoResult[]> {
  const results: CryptoResult[] = [];
  let taken = 0;
  const work = async (thread: CryptoThread) => {
    for (let next = parts.next(); !next.done; next = parts.next()) {
      const part = taken++;
      results[part] = await thread.perform(next.value);
    }
  };
  await Promise.all(threads.map(work));
  return results;
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
      const parcel = pack(job);
      // The parts of a divided mask job own their vectors.
      const moved = job.do === 'mask' ? [job.vector.buffer] : [];
      const request: CryptoRequest = { id, job: parcel };
      this.#worker.postMessage(request, [parcel.content.buffer, parcel.lengths.buffer, ...moved]);
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
    else waiting?.settle(unpack(answer.result) as CryptoResult); // packed by our own worker
  }

  #lose(worker: Worker, error: unknown): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { fail } of this.#waiting.values()) fail(error);
    this.#waiting.clear();
  }
}
