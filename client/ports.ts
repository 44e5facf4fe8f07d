/** What a client asks of the platform below it: a browser's, Node's, or the laboratory's. */

import type { Bytes, Clock, Random, Store, TaskId, Transport } from '@chorale/shared';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { Trainer } from '@chorale/shared/models';
import type { Handshake } from '@chorale/shared/wire';
import type { ParsedOptions } from './options.ts';
import type { Situation } from './training/eligibility.ts';

export type Ports = {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  readonly openStore: () => Promise<Store>;
  /** A lent store is not ours to close. */
  readonly ownsStore: boolean;
  readonly transport: (handshake: Handshake) => Transport | Promise<Transport>;
  readonly fetch: typeof fetch;
  readonly trainer: Trainer;
  readonly roundSeed: (task: TaskId, round: bigint) => Bytes;
  readonly situation: () => Situation | Promise<Situation>;
  /** Global Privacy Control. */
  readonly isRefusedBySignal: () => boolean;
  /** Whether a client here looks for rounds without being asked. */
  readonly startsByItself: boolean;
};

/** What differs between browsers and Node. Everything is made on first use: a constructor does no I/O. */
export type Platform = Pick<
  Ports,
  'clock' | 'random' | 'crypto' | 'situation' | 'isRefusedBySignal' | 'startsByItself'
> & {
  readonly openStore: (location: string | undefined) => Promise<Store>;
  readonly transport: (host: string, handshake: Handshake) => Transport | Promise<Transport>;
};

/** The platform's ports, with what the app lends in their place. */
export function portsOf(options: ParsedOptions, platform: Platform): Ports {
  const { ports: lent, host, storage, training } = options;
  const { openStore, transport, ...own } = platform;
  const random = lent.random ?? own.random;
  return {
    ...own,
    clock: lent.clock ?? own.clock,
    random,
    crypto: lent.crypto ?? own.crypto,
    openStore: () => (lent.store === undefined ? openStore(storage) : Promise.resolve(lent.store)),
    ownsStore: lent.store === undefined,
    transport: lent.transport ?? ((handshake) => transport(host, handshake)),
    // Called through a wrapper, since browsers' fetch insists on its own `this`.
    fetch: lent.fetch ?? ((...request) => globalThis.fetch(...request)),
    trainer: lent.trainer ?? lateTrainer(training),
    roundSeed: lent.roundSeed ?? (() => random.bytes(32)),
  };
}

/** Loaded by the first round that trains, not by the first page that is drawn. */
function lateTrainer(training: ParsedOptions['training']): Trainer {
  return {
    backend: 'not loaded yet',
    train: async (...work) => (await sharedTrainer(training)).train(...work),
  };
}

/** Trainers have memory and engines of their own, so the clients of a thread share what was loaded. */
const trainers = new Map<string, Promise<Trainer>>();

function sharedTrainer({ backend, wasmPath }: ParsedOptions['training']): Promise<Trainer> {
  const name = JSON.stringify([backend, wasmPath]);
  const trainer = trainers.get(name) ?? loadTrainer({ backend, wasmPath });
  trainers.set(name, trainer);
  // Whoever trains next tries again.
  trainer.catch(() => trainers.delete(name));
  return trainer;
}

async function loadTrainer({ backend, wasmPath }: Pick<ParsedOptions['training'], 'backend' | 'wasmPath'>) {
  if (backend === 'auto') return (await import('./training/kernel-trainer.ts')).createKernelTrainer();
  const { createTfjsTrainer } = await import('./training/tfjs-trainer.ts');
  return createTfjsTrainer({
    backend,
    ...(wasmPath === undefined ? {} : { wasmPath }),
  });
}
