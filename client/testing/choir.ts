/** Clients on one fake coordinator, each with its own store, all on one clock and one seed. */

import type { Clock, Random, Store, Transport } from '@chorale/shared';
import { MemoryDisk, memoryStore } from '@chorale/shared/adapters/node';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { ChoraleNotices } from '../chorale.ts';
import { type Chorale, type ChoraleOptions, createClient, type SourceQuery } from '../node.ts';
import type { FakeCoordinator } from './fake-coordinator.ts';

export type Stage = {
  readonly clock: Clock;
  readonly random: { fork(label: string): Random };
  readonly crypto: CryptoProvider;
  readonly coordinator: FakeCoordinator;
  /** @param device names the link */
  readonly transport: (device: string) => Transport;
};

export type Singer = {
  readonly chorale: Chorale;
  readonly disk: MemoryDisk;
  readonly store: Store;
  readonly rounds: ChoraleNotices['round'][];
  readonly errors: ChoraleNotices['error'][];
};

/** Feature source `pairs/1`: every event `pair` is a row of two numbers. */
export function pairs(events: readonly { name: string; properties: Record<string, unknown> }[], _query: SourceQuery) {
  return events
    .filter(({ name }) => name === 'pair')
    .map(({ properties: { a, b } }) => ({ features: Float32Array.of(Number(a), Number(b)), label: 0 }));
}

export function singer(
  stage: Stage,
  name: string,
  options: Partial<ChoraleOptions> = {},
  disk: MemoryDisk = new MemoryDisk(),
): Singer {
  const store = memoryStore({ disk });
  const chorale = createClient({
    clientKey: `pk_${'a'.repeat(22)}`,
    host: 'http://localhost:8080',
    coordinatorKey: stage.coordinator.rootKey,
    defaults: '2026-11-23',
    floors: { minCohort: 10, minHonest: 5 },
    training: { autoStart: false },
    sources: { 'pairs/1': pairs },
    ...options,
    ports: {
      store,
      clock: stage.clock,
      random: stage.random.fork(name),
      crypto: stage.crypto,
      fetch: stage.coordinator.fetch,
      transport: ({ device }) => stage.transport(device),
      ...options.ports,
    },
  });
  const rounds: ChoraleNotices['round'][] = [];
  const errors: ChoraleNotices['error'][] = [];
  chorale.on('round', (notice) => rounds.push(notice));
  chorale.on('error', (notice) => errors.push(notice));
  return { chorale, disk, store, rounds, errors };
}

/** Every key of a disk, in order. */
export function keysOf(disk: MemoryDisk): readonly string[] {
  return disk.range({ from: '', to: '\u{10ffff}' }).map(({ key }) => key);
}
