/**
 * Who adds up a cohort: this thread, or worker threads side by side. Sums mod 2^32 do not depend on who added what, so the
 * outcome is the same to the bit.
 */

import { addModulo, type Bytes } from '@chorale/shared';
import { startWorker, workerUrl } from '@chorale/shared/adapters/node';
import { EncodedSum } from '@chorale/shared/encoding';
import { askWorker } from '../adapters/worker-calls.ts';
import type { CrewHandlers, CrewSetup } from './crew-worker.ts';
import { type Asking, addDevices, type Population } from './devices.ts';
import type { Replay } from './replay.ts';
import { inSharedMemory } from './shared-rows.ts';

export type Crew = {
  /** One cohort at a time. @returns grid steps mod 2^32 */
  sum(cohort: readonly number[], asking: Asking): Promise<Uint32Array<ArrayBuffer>>;
  end(): Promise<void>;
};

export function crewOfOne<Example>(population: Population<Example>): Crew {
  const sum = new EncodedSum();
  return {
    async sum(cohort, asking) {
      sum.begin(asking.encoding);
      await addDevices(cohort, asking, population, sum);
      return sum.words();
    },
    end: async () => {},
  };
}

export type CrewOptions<Example> = Omit<CrewSetup, 'devices'> & {
  readonly workers: number;
  readonly devices: readonly (readonly Example[])[];
  /** Where the seeds are not drawn from the run's own. */
  readonly roundSeed: Replay['roundSeed'] | undefined;
  readonly signal: AbortSignal | undefined;
};

export function crewOfWorkers<Example>({ workers, roundSeed, signal, ...setup }: CrewOptions<Example>): Crew {
  const workerData: CrewSetup = { ...setup, devices: inSharedMemory(setup.devices) };
  const crew = Array.from({ length: workers }, () => {
    const worker = startWorker(workerUrl('./crew-worker', import.meta.url), { workerData, name: 'devices' });
    return { worker, ...askWorker<CrewHandlers>(worker, () => {}) };
  });
  return {
    async sum(cohort, asking) {
      const parts = partsOf(cohort, workers);
      const sums = await Promise.all(
        crew.map(async ({ ask }) => {
          const play = async () => {
            for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
              signal?.throwIfAborted();
              const seeds = roundSeed && part.map((device): Bytes => roundSeed(asking.round, device));
              await ask('play', { devices: part, seeds });
            }
          };
          // Messages keep their order, and the next part waits at the worker while it plays one.
          await Promise.all([ask('begin', asking), play(), play()]);
          return ask('take');
        }),
      );
      const [sum, ...others] = sums as [Uint32Array<ArrayBuffer>, ...Uint32Array[]];
      for (const other of others) addModulo(sum, other);
      return sum;
    },
    async end() {
      await Promise.all(crew.map(({ worker }) => worker.terminate()));
    },
  };
}

/** Smaller and smaller: a worker that is held up leaves more to others, and none waits long for the last part. */
function partsOf(cohort: readonly number[], workers: number): (readonly number[])[] {
  const parts: (readonly number[])[] = [];
  const least = Math.ceil(cohort.length / (32 * workers));
  for (let from = 0; from < cohort.length; from += parts.at(-1)!.length) {
    const size = Math.max(least, Math.ceil((cohort.length - from) / (4 * workers)));
    parts.push(cohort.slice(from, from + size));
  }
  return parts;
}
