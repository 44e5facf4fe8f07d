/**
 * Who adds up a cohort: this thread, or worker threads side by side. Sums mod 2^32 do not depend on who added what, so the
 * outcome is the same to the bit.
 */

import { addModulo, type Bytes } from '@chorale/shared';
import { startWorker, workerUrl } from '@chorale/shared/adapters/node';
import { EncodedSum } from '@chorale/shared/encoding';
import { askWorker } from '../adapters/worker-calls.ts';
import type { CrewHandlers, CrewSetup } from './crew-worker.ts';
import { type Asking, type Population, sumOf } from './devices.ts';
import type { Replay } from './replay.ts';
import { inSharedMemory } from './shared-rows.ts';

export type Crew = {
  /** One cohort at a time. @returns grid steps mod 2^32 */
  sum(cohort: readonly number[], asking: Asking): Promise<Uint32Array<ArrayBuffer>>;
  end(): Promise<void>;
};

export function crewOfOne<Example>(population: Population<Example>): Crew {
  const sum = new EncodedSum();
  return { sum: (cohort, asking) => sumOf(cohort, asking, population, sum), end: async () => {} };
}

export type CrewOptions<Example> = Omit<CrewSetup, 'devices'> & {
  readonly workers: number;
  readonly devices: readonly (readonly Example[])[];
  /** Where the seeds are not drawn from the run's own. */
  readonly roundSeed: Replay['roundSeed'] | undefined;
  readonly signal: AbortSignal | undefined;
};

/** Parts of a cohort for each worker: one that is held up leaves the rest of its share to others. */
const partsEach = 4;

export function crewOfWorkers<Example>({ workers, roundSeed, signal, ...setup }: CrewOptions<Example>): Crew {
  const workerData: CrewSetup = { ...setup, devices: inSharedMemory(setup.devices) };
  const crew = Array.from({ length: workers }, () => {
    const worker = startWorker(workerUrl('./crew-worker', import.meta.url), { workerData, name: 'devices' });
    return { worker, ...askWorker<CrewHandlers>(worker, () => {}) };
  });
  return {
    async sum(cohort, asking) {
      const sum = new Uint32Array(asking.encoding.dimension);
      const parts = partsOf(cohort, partsEach * workers);
      await Promise.all(
        crew.map(async ({ ask }) => {
          await ask('begin', asking);
          const play = async () => {
            for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
              signal?.throwIfAborted();
              const seeds = roundSeed && part.map((device): Bytes => roundSeed(asking.round, device));
              addModulo(sum, await ask('play', { devices: part, seeds }));
            }
          };
          // The next part waits at the worker while it plays one.
          await Promise.all([play(), play()]);
        }),
      );
      return sum;
    },
    async end() {
      await Promise.all(crew.map(({ worker }) => worker.terminate()));
    },
  };
}

function partsOf(cohort: readonly number[], count: number): (readonly number[])[] {
  const size = Math.max(1, Math.ceil(cohort.length / count));
  return Array.from({ length: Math.ceil(cohort.length / size) }, (_, i) => cohort.slice(i * size, (i + 1) * size));
}
