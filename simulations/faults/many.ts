/** Many seeds on worker threads, in order, up to the first that fails. */

import { startWorker, workerUrl } from '@chorale/shared/adapters/node';
import { askWorker } from '../adapters/worker-calls.ts';
import type { SeedReport } from './play.ts';
import type { SeedHandlers } from './seed-worker.ts';

export type SeedsOptions = {
  readonly firstSeed: number;
  readonly seeds: number;
  readonly workers: number;
  /** Told of every seed that was played; the order is that in which they end. */
  readonly onReport: (report: SeedReport) => void;
  /** Told all that happens in a seed. */
  readonly onLine?: (line: string) => void;
};

/** @returns the lowest seed that failed, if any: no further ones are begun then */
export async function playSeeds({ firstSeed, seeds, workers, onReport, onLine }: SeedsOptions) {
  const failed: SeedReport[] = [];
  let next = firstSeed;
  const work = async (): Promise<void> => {
    const worker = startWorker(workerUrl('./seed-worker', import.meta.url), { name: 'seeds' });
    const { ask } = askWorker<SeedHandlers>(worker, (line) => onLine?.(line as string));
    try {
      while (next < firstSeed + seeds && failed.length === 0) {
        const seed = next++;
        const report = await ask('play', { seed, isTold: onLine !== undefined }).catch((error: Error) =>
          broken(seed, error),
        );
        onReport(report);
        if (report.failure !== undefined) failed.push(report);
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(workers, seeds) }, work));
  return failed.sort((a, b) => a.seed - b.seed)[0];
}

/** What nobody catches ends the thread, and with it the seed. */
function broken(seed: number, { message }: Error): SeedReport {
  const nothing = { cohort: 0, digest: '', elapsedMs: 0, recoveryMs: 0, commits: { stormy: 0, calm: 0 }, counts: {} };
  return { seed, ...nothing, failure: { law: 'no defects', what: `nobody caught: ${message}`, account: [] } };
}
