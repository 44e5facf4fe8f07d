/** One device of a world: a real client on a disk that outlives its processes. */

import { type Chorale, type ChoraleOptions, createClient } from '@chorale/client';
import type { Bytes, DeviceId, Packet, Random, Reply, Store, TaskId, Transport } from '@chorale/shared';
import { MemoryDisk, memoryStore } from '@chorale/shared/adapters/node';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { ChoraleEvent } from '@chorale/shared/features';
import type { Trainer } from '@chorale/shared/models';
import type { LoopbackNetwork, VirtualClock } from '@chorale/shared/testing';
import { type Handshake, roundHeader, type TurnName, turnNames } from '@chorale/shared/wire';

/** What a person's device knows: events for the built-in feature sources, or rows for the source `rows/1`. */
export type Memory = { readonly events: readonly ChoraleEvent[] } | { readonly rows: readonly unknown[] };
export const rowSource = 'rows/1';

/** A device about to answer a turn. */
export type LeavingMoment = {
  readonly device: number;
  readonly task: TaskId;
  readonly round: bigint;
  readonly turn: TurnName;
};

export type WorldDeviceOptions = {
  readonly index: number;
  readonly memory: Memory;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  readonly trainer: Trainer;
  readonly network: LoopbackNetwork;
  readonly fetch: typeof fetch;
  readonly coordinator: Pick<ChoraleOptions, 'clientKey' | 'coordinatorKey'>;
  readonly floors: NonNullable<ChoraleOptions['floors']>;
  /** Whether the device crashes instead of answering. */
  readonly leaves: (moment: LeavingMoment) => boolean;
  /** Told of every crash. */
  readonly onCrash: (device: WorldDevice) => void;
};

/** One run of the app. Once it is dead, nothing that it has begun is written, sent or heard any more. */
type Process = { readonly life: Life; readonly store: Store; readonly client: Chorale };
type Life = { isAlive: boolean };

/** Rounds follow one another as they never do on a person's device. */
const unlimited = { roundsPerDay: 1e9, bytesPerDay: 1e15, retentionDays: Number.POSITIVE_INFINITY } as const;
/** Real time, after which the client's HTTP gives up: no answer here takes any. */
const timeoutMs = 2 ** 31 - 1;

export class WorldDevice {
  /** What the client told its app of. */
  readonly errors: Error[] = [];
  readonly #options: WorldDeviceOptions;
  readonly #disk = new MemoryDisk();
  readonly #ids = new Map<TaskId, DeviceId>();
  readonly #seeds = new Map<string, Bytes>();
  #process: Process | undefined;

  constructor(options: WorldDeviceOptions) {
    this.#options = options;
  }

  get index(): number {
    return this.#options.index;
  }

  /** Undefined while the device is down. */
  get client(): Chorale | undefined {
    return this.#process?.client;
  }

  /** The device's id within a task, once it has connected for it. */
  idIn(task: TaskId): DeviceId | undefined {
    return this.#ids.get(task);
  }

  /** All that the device drew in a round came from these 32 bytes. */
  seedOf(task: TaskId, round: bigint): Bytes | undefined {
    return this.#seeds.get(`${task}/${round}`);
  }

  /** The person's first minute: a history, and a choice. */
  async join(): Promise<void> {
    await this.start();
    const { memory } = this.#options;
    for (const { name, properties, at, tzOffsetMinutes } of 'events' in memory ? memory.events : [])
      this.client?.track(name, properties, { at, tzOffsetMinutes });
    await this.client?.consent.grant(['training']);
    await this.#options.clock.settle();
  }

  /** Resolves, without that virtual time passes, when the client has loaded its code and has nothing to do but wait. */
  async start(): Promise<void> {
    let speak = () => {};
    const spoken = new Promise<void>((resolve) => {
      speak = resolve;
    });
    const client = this.#run(speak);
    await Promise.race([spoken, client.ready()]);
    await this.#options.clock.settle();
  }

  /** The power goes: connections break without a word, and what was not on the disk is lost. */
  crash(): void {
    const { network, onCrash } = this.#options;
    const process = this.#end();
    if (process === undefined) return;
    for (const [task, device] of this.#ids) network.disconnect(linkName({ task, device }));
    void process.client.close();
    onCrash(this);
  }

  async close(): Promise<void> {
    await this.#process?.client.close();
    this.#end();
  }

  #end(): Process | undefined {
    const process = this.#process;
    this.#process = undefined;
    if (process === undefined) return undefined;
    process.life.isAlive = false;
    void process.store.close();
    return process;
  }

  #run(onFirstWord: () => void): Chorale {
    const { index, memory, clock, random, crypto, trainer, fetch, coordinator, floors } = this.#options;
    const life: Life = { isAlive: true };
    const store = memoryStore({ disk: this.#disk });
    const client = createClient({
      ...coordinator,
      host: 'http://localhost',
      defaults: '2026-11-23',
      floors,
      limits: { ...unlimited, timeoutMs },
      training: { autoStart: true },
      sources: 'rows' in memory ? { [rowSource]: () => memory.rows } : {},
      ports: {
        store,
        clock: { now: () => clock.now(), wakeAt: (at, callback) => clock.wakeAt(at, () => life.isAlive && callback()) },
        random,
        crypto,
        trainer,
        fetch: (...request) => {
          onFirstWord();
          return life.isAlive ? fetch(...request) : Promise.reject(isDown(index));
        },
        transport: (handshake) => this.#transport(handshake, life),
        roundSeed: (task, round) => {
          const seed = random.bytes(32);
          this.#seeds.set(`${task}/${round}`, seed);
          return seed;
        },
      },
    });
    client.on('error', (error) => life.isAlive && this.errors.push(error));
    this.#process = { life, store, client };
    return client;
  }

  #transport(handshake: Handshake, life: Life): Transport {
    const { network, leaves, index: device } = this.#options;
    const { task } = handshake;
    this.#ids.set(task, handshake.device);
    const transport = network.transport(linkName(handshake));
    const leavesNow = (packet: Packet) => {
      const turn = turnNames.find((name) => name === packet.name);
      if (turn === undefined) return false;
      return leaves({ device, task, turn, round: BigInt(roundHeader.parse(packet.header).round) });
    };
    return {
      connect: () => (life.isAlive ? transport.connect() : Promise.reject(isDown(device))),
      onPacket: (listener) => transport.onPacket(listener),
      onClose: (listener) => transport.onClose(listener),
      close: () => transport.close(),
      send: (packet) => {
        if (!leavesNow(packet)) return transport.send(packet);
        this.crash();
        return new Promise<Reply>(() => {});
      },
    };
  }
}

function isDown(device: number): Error {
  return new Error(`device ${device} is down`);
}

type LinkEnds = Pick<Handshake, 'task' | 'device'>;

/** A device has one link for each task, named by both. Neither id has a slash. */
export function linkName({ task, device }: LinkEnds): string {
  return `${task}/${device}`;
}

export function endsOf(link: string): LinkEnds {
  const [task, device] = link.split('/');
  return { task: task as TaskId, device: device as DeviceId };
}
