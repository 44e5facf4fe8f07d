/** A thread full of devices. */

import { parentPort, workerData } from 'node:worker_threads';
import { createKernelTrainer } from '@chorale/client/training';
import { addModulo, bytesToWords, type DeviceId, invariant, type TaskId, wordsToBytes } from '@chorale/shared';
import { nodeCrypto, systemRandom } from '@chorale/shared/adapters/node';
import { meterBytes } from '../adapters/byte-meter.ts';
import { answerCalls, notify } from '../adapters/worker-calls.ts';
import type { Customer } from '../datasets/dataset.ts';
import { Device, type DeviceOptions } from './device.ts';
import type { LeavingFlags } from './leaving.ts';

export type HostData = Pick<DeviceOptions, 'host' | 'clientKey' | 'coordinatorKey' | 'awayMs'> & {
  readonly customers: readonly Customer[];
  /** One directory a customer. */
  readonly storages: readonly string[];
};

export type HostNotice = { readonly is: 'joined' } | { readonly is: 'error'; readonly message: string };

const port = parentPort;
invariant(port, 'a worker has a parent');
const { customers, storages, ...connection } = workerData as HostData;
const bytesSoFar = meterBytes();
const trainer = await createKernelTrainer();
const leaving = new Map<TaskId, { flags: LeavingFlags; silentRound: number }>();
const [random, crypto] = [systemRandom(), nodeCrypto()];
const say = (notice: HostNotice) => notify(port, notice);

const devices = customers.map(
  (customer, i) =>
    new Device({
      ...connection,
      storage: storages[i]!,
      customer,
      random,
      crypto,
      trainer,
      leaving,
      onError: ({ message }) => say({ is: 'error', message }),
    }),
);

const handlers = {
  backend: () => trainer.backend,
  async join() {
    await everyFew(devices, async (device) => {
      await device.join();
      say({ is: 'joined' });
    });
  },
  refresh: () => everyFew(devices, (device) => device.refresh()),
  /** From now on devices leave rounds of this task. */
  leave({ task, ...part }: { task: TaskId; flags: LeavingFlags; silentRound: number }) {
    leaving.set(task, part);
  },
  /** The sum mod 2^32 of what this thread's devices among `survivors` masked, as little-endian words. */
  async recompute({ task, round, survivors }: { task: TaskId; round: string; survivors: readonly DeviceId[] }) {
    const wanted = new Set(survivors);
    let [sum, found] = [new Uint32Array(0), 0];
    for (const device of devices) {
      const id = device.idFor(task);
      if (id === undefined || !wanted.has(id)) continue;
      const words = bytesToWords(await device.recompute(task, BigInt(round)));
      if (found++ === 0) sum = words;
      else addModulo(sum, words);
    }
    return { sum: wordsToBytes(sum), found };
  },
  bytes: () => bytesSoFar(),
  close: async () => {
    await everyFew(devices, (device) => device.close());
  },
};
export type HostHandlers = typeof handlers;

answerCalls(port, handlers);

/** A few at a time: three hundred at once would only queue up, and nothing could be said of progress. */
async function everyFew<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values();
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (const item of queue) await work(item);
    }),
  );
}
