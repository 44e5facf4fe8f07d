/** The worker threads that hold all devices, as one. */

import { addModulo, bytesToWords, type DeviceId, type TaskId } from '@chorale/shared';
import { startWorker, workerUrl } from '@chorale/shared/adapters/node';
import { askWorker } from '../adapters/worker-calls.ts';
import type { Customer } from '../datasets/dataset.ts';
import type { HostData, HostHandlers, HostNotice } from './device-host-worker.ts';
import { type LeavingFlags, leavingFlags } from './leaving.ts';

export type HostsOptions = Omit<HostData, 'customers' | 'storages'> & {
  readonly customers: readonly Customer[];
  /** A directory for all devices' stores. */
  readonly directory: string;
  readonly threads: number;
  readonly onJoined: () => void;
  readonly onError: (message: string) => void;
};

export type Recomputed = { readonly sum: Uint32Array; readonly found: number };

export interface Hosts {
  /** What trains underneath. */
  backend(): Promise<string>;
  join(): Promise<void>;
  /** Every device looks for new tasks. */
  refresh(): Promise<void>;
  leave(task: TaskId, silentRound: number): Promise<void>;
  recompute(round: { task: TaskId; round: string; survivors: readonly DeviceId[] }): Promise<Recomputed>;
  bytes(): Promise<{ up: number; down: number }>;
  close(): Promise<void>;
}

export function startHosts({ customers, directory, threads, onJoined, onError, ...shared }: HostsOptions): Hosts {
  const hosts = Array.from({ length: threads }, (_, thread) => {
    const own = customers.filter((_, i) => i % threads === thread);
    const storages = own.map((_, i) => `${directory}/device-${thread}-${i}`);
    const workerData: HostData = { ...shared, customers: own, storages };
    const worker = startWorker(workerUrl('./device-host-worker', import.meta.url), { workerData, name: 'devices' });
    const asker = askWorker<HostHandlers>(worker, (notice) => {
      const said = notice as HostNotice;
      if (said.is === 'joined') onJoined();
      else onError(said.message);
    });
    return { worker, ...asker };
  });
  const flags: LeavingFlags = leavingFlags();

  return {
    backend: async () => (await hosts[0]!.ask('backend')) as string,
    join: async () => void (await Promise.all(hosts.map(({ ask }) => ask('join')))),
    refresh: async () => void (await Promise.all(hosts.map(({ ask }) => ask('refresh')))),
    leave: async (task, silentRound) =>
      void (await Promise.all(hosts.map(({ ask }) => ask('leave', { task, flags, silentRound })))),
    async recompute(round) {
      const parts = await Promise.all(hosts.map(({ ask }) => ask('recompute', round)));
      return parts.map(({ sum, found }): Recomputed => ({ sum: bytesToWords(sum), found })).reduce(plus);
    },
    async bytes() {
      const counts = await Promise.all(hosts.map(({ ask }) => ask('bytes')));
      return counts.reduce((sum, { up, down }) => ({ up: sum.up + up, down: sum.down + down }));
    },
    async close() {
      await Promise.allSettled(hosts.map(({ ask }) => ask('close')));
      await Promise.all(hosts.map(({ worker }) => worker.terminate()));
    },
  };
}

function plus(a: Recomputed, b: Recomputed): Recomputed {
  if (a.found === 0) return b;
  const sum = a.sum.slice();
  if (b.found > 0) addModulo(sum, b.sum);
  return { sum, found: a.found + b.found };
}
