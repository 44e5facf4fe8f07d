/** One device of a world: a real client on a disk that outlives its processes. */

import { type Chorale, type ChoraleOptions, createClient, type ExampleSource } from '@chorale/client';
import type { Bytes, DeviceId, Packet, Random, TaskId, Transport } from '@chorale/shared';
import { MemoryDisk } from '@chorale/shared/adapters/node';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { ChoraleEvent } from '@chorale/shared/features';
import type { Trainer } from '@chorale/shared/models';
import type { LoopbackNetwork, VirtualClock } from '@chorale/shared/testing';
import { type Handshake, roundHeader, turnNames } from '@chorale/shared/wire';
import { linkName } from './coordinator.ts';
import { clockOf, Life, never } from './life.ts';
import { mediumOf } from './medium.ts';
import type { Ends, Watch } from './seen.ts';
import type { Weather } from './weather.ts';

/** What a person's device knows: events for the built-in feature sources, or rows for the source `rows/1`. */
export type Memory = { readonly events: readonly ChoraleEvent[] } | { readonly rows: readonly unknown[] };
export const rowSource = 'rows/1';

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
  readonly weather: Weather;
  readonly watch: Watch;
  /** What the device says in place of what its client means to say. */
  readonly bend: (packet: Packet, device: number) => Packet;
  /** Pause between looks at what the coordinator has; the client's own unless said. */
  readonly refreshSeconds?: number | undefined;
  /** Told of every crash. */
  readonly onCrash: (device: WorldDevice) => void;
};

/** The last row is what is known now. */
function sourceOf(rows: readonly unknown[]): ExampleSource {
  return { examples: () => rows, current: () => (rows.at(-1) as { features?: Float32Array } | undefined)?.features };
}

/** One run of the app. */
type Process = { readonly life: Life; readonly client: Chorale };

/** Rounds follow one another as they never do on a person's device. */
const unlimited = { roundsPerDay: 1e9, bytesPerDay: 1e15, retentionDays: Number.POSITIVE_INFINITY } as const;
/** Real time, after which the client's HTTP gives up: no answer here takes any. */
const timeoutMs = 2 ** 31 - 1;

export class WorldDevice {
  /** What the client told its app of. */
  readonly errors: Error[] = [];
  readonly #options: WorldDeviceOptions;
  /** Outlives the processes. */
  readonly disk = new MemoryDisk();
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

  /** Of every task that it has ever connected for. */
  get links(): readonly Ends[] {
    return [...this.#ids].map(([task, device]) => ({ task, device }));
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
    const { life, client } = this.#run(speak);
    await Promise.race([spoken, client.ready(), life.ended]);
    await this.#options.clock.settle();
  }

  /** The power goes: connections break without a word, and what was not on the disk is lost. */
  crash(): void {
    const { index, network, watch, onCrash } = this.#options;
    const process = this.#process;
    if (process === undefined) return;
    this.#process = undefined;
    process.life.end();
    for (const [task, device] of this.#ids) network.disconnect(linkName({ task, device }));
    watch({ see: 'died', who: index });
    onCrash(this);
  }

  async close(): Promise<void> {
    await this.#process?.client.close();
    this.#process?.life.end();
    this.#process = undefined;
  }

  #run(onFirstWord: () => void): Process {
    const { index, memory, clock, random, crypto, trainer, coordinator, floors, weather, watch } = this.#options;
    const { refreshSeconds } = this.#options;
    const life = new Life();
    // Loading code takes real time, which must not become chance: until then nothing waits for virtual time.
    let hasSpoken = false;
    const client = createClient({
      ...coordinator,
      host: 'http://localhost',
      defaults: '2026-11-23',
      floors,
      limits: { ...unlimited, timeoutMs, ...(refreshSeconds === undefined ? {} : { refreshSeconds }) },
      training: { autoStart: true },
      sources: 'rows' in memory ? { [rowSource]: sourceOf(memory.rows) } : {},
      ports: {
        ...{ random, crypto, trainer },
        clock: clockOf(life, clock, weather.clockFault(index)),
        store: mediumOf({
          ...{ disk: this.disk, life, clock },
          mishapOf: (operation) => weather.storage(index, operation),
          delayMs: () => (hasSpoken ? weather.storageDelayMs(index) : 0),
          die: () => this.#crashIn(life),
        }),
        fetch: (...request) => {
          hasSpoken = true;
          onFirstWord();
          return life.isOver ? never() : this.#fetch(life, request);
        },
        transport: (handshake) => this.#transport(handshake, life),
        roundSeed: (task, round) => {
          const seed = random.bytes(32);
          this.#seeds.set(`${task}/${round}`, seed);
          return seed;
        },
      },
    });
    client.on('round', ({ round, outcome }) => {
      const reason = 'reason' in outcome ? ` (${outcome.reason})` : '';
      if (!life.isOver) watch({ see: 'noted', who: index, what: `round ${round} ${outcome.outcome}${reason}` });
    });
    client.on('error', (error) => {
      if (life.isOver) return;
      this.errors.push(error);
      if (error.code === 'internal') watch({ see: 'defect', who: index, error: error.cause ?? error });
    });
    this.#process = { life, client };
    watch({ see: 'started', who: index });
    return this.#process;
  }

  #crashIn(life: Life): void {
    if (this.#process?.life === life) this.crash();
  }

  async #fetch(life: Life, request: Parameters<typeof fetch>): Promise<Response> {
    const response = await this.#options.fetch(...request);
    return life.isOver ? never() : response;
  }

  #transport(handshake: Handshake, life: Life): Transport {
    const { network, weather, watch, bend, index: device } = this.#options;
    const { task } = handshake;
    const ends = { task, device: handshake.device };
    this.#ids.set(task, handshake.device);
    const transport = network.transport(linkName(handshake));
    const fateOf = (packet: Packet) => {
      const turn = turnNames.find((name) => name === packet.name);
      if (turn === undefined) return undefined;
      return weather.leaves({ device, task, turn, round: BigInt(roundHeader.parse(packet.header).round) });
    };
    return {
      connect: () => (life.isOver ? never() : transport.connect()),
      onPacket: (listener) =>
        transport.onPacket((packet) => {
          if (life.isOver) return;
          watch({ see: 'heard', device, ends, packet });
          listener(packet);
        }),
      onClose: (listener) => transport.onClose((reason) => void (life.isOver || listener(reason))),
      close: () => transport.close(),
      send: (meant) => {
        if (life.isOver) return never();
        const packet = bend(meant, device);
        const fate = fateOf(packet);
        if (fate === 'before') this.crash();
        if (life.isOver) return never();
        watch({ see: 'sent', device, ends, packet });
        const reply = transport.send(packet);
        if (fate === 'after') this.crash();
        return life.isOver ? swallowed(reply) : reply;
      },
    };
  }
}

/** Nobody is there any more to hear how it went. */
function swallowed<Result>(promise: Promise<Result>): Promise<Result> {
  promise.catch(() => undefined);
  return never();
}
