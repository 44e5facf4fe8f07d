/** The coordinator of a world: it dies, is stopped, and starts again on the disk that it had. */

import { type Coordinator, type CoordinatorOptions, createCoordinator, type Moment } from '@chorale/coordinator';
import { ChoraleError, type DeviceId, type Packet, type Random, type Reply, type TaskId } from '@chorale/shared';
import { MemoryDisk } from '@chorale/shared/adapters/node';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { LoopbackServer, ServerLink, ServerSession, VirtualClock } from '@chorale/shared/testing';
import { clockOf, Life, never } from './life.ts';
import { mediumOf } from './medium.ts';
import type { Ends, Watch } from './seen.ts';
import type { Weather } from './weather.ts';

export type WorldCoordinatorOptions = Pick<CoordinatorOptions, 'rounds' | 'limits'> & {
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  readonly weather: Weather;
  readonly watch: Watch;
  /** Breaks the connections of a process that has died. */
  readonly disconnect: (link: string) => void;
  /** Told of every death. */
  readonly onDeath: () => void;
};

/** How long a process that was asked to stop may take. */
const graceMs = 10_000;

export class WorldCoordinator implements LoopbackServer {
  readonly disk = new MemoryDisk();
  readonly #options: WorldCoordinatorOptions;
  readonly #links = new Set<string>();
  #life = new Life();
  #coordinator: Coordinator | undefined;

  constructor(options: WorldCoordinatorOptions) {
    this.#options = options;
    this.#life.end();
  }

  /** Undefined while it is down. */
  get running(): Coordinator | undefined {
    return this.#coordinator;
  }

  /** Resolves when it is up; never, where it dies on the way. @throws ChoraleError where its store refuses */
  async start(): Promise<void> {
    const { clock, random, crypto, rounds = {}, limits = {}, weather, watch } = this.#options;
    const life = new Life();
    const die = () => this.#die(life);
    const own = clockOf(life, clock, weather.clockFault('coordinator'));
    this.#life = life;
    const store = mediumOf({
      ...{ disk: this.disk, life, clock, die },
      mishapOf: (operation) => weather.storage('coordinator', operation),
      delayMs: () => weather.storageDelayMs('coordinator'),
    });
    try {
      const started = await createCoordinator({
        ...{ store, crypto, random, rounds, limits, clock: own, log: this.#defectLog(life) },
        onMoment: (moment) => this.#step(moment, life),
      });
      if (life.isOver) return never();
      this.#coordinator = started;
      watch({ see: 'started', who: 'coordinator' });
    } catch (error) {
      die();
      throw error;
    }
  }

  /** The power goes. */
  crash(): void {
    this.#die(this.#life);
  }

  /** As an operator does it: the process may finish what it has begun, for a while. */
  retire(): void {
    const [life, coordinator] = [this.#life, this.#coordinator];
    if (coordinator === undefined) return;
    const die = () => this.#die(life);
    this.#options.clock.wakeAt(this.#options.clock.now() + graceMs, die);
    void coordinator.stop().then(die, die);
  }

  async close(): Promise<void> {
    await this.#coordinator?.stop();
  }

  /** Does work inside the process. @throws Error where the process is down, or dies meanwhile */
  async serve<Result>(work: (coordinator: Coordinator) => Promise<Result>): Promise<Result> {
    const life = this.#life;
    if (this.#coordinator === undefined) throw new Error('the coordinator cannot be reached');
    const died = life.ended.then(() => Promise.reject(new Error('connection reset')));
    return Promise.race([work(this.#coordinator), died]);
  }

  connect({ device: link, push, close }: ServerLink): ServerSession {
    const [life, coordinator] = [this.#life, this.#coordinator];
    if (coordinator === undefined) throw new Error('the coordinator cannot be reached');
    const ends = endsOf(link);
    this.#links.add(link);
    const session = coordinator.connect({
      ...ends,
      push: (packet) => life.isOver || this.#push(ends, packet, push),
      close: (reason) => life.isOver || close(reason),
    });
    return {
      onPacket: (packet) => (life.isOver ? never() : this.#reply(ends, packet, life, session.onPacket(packet))),
      onClose: (reason) => life.isOver || session.onClose(reason),
    };
  }

  #push(ends: Ends, packet: Packet, push: ServerLink['push']): void {
    this.#options.watch({ see: 'pushed', ends, packet });
    push(packet);
  }

  async #reply(ends: Ends, packet: Packet, life: Life, answer: Promise<Reply>): Promise<Reply> {
    const reply = await answer;
    if (life.isOver) return never();
    this.#options.watch({ see: 'replied', ends, packet, reply });
    return reply;
  }

  #step(moment: Moment, life: Life): void {
    if (life.isOver) return;
    this.#options.watch({ see: 'step', moment });
    if (this.#options.weather.falls(moment.at)) this.#die(life);
  }

  #die(life: Life): void {
    if (life.isOver) return;
    life.end();
    this.#coordinator = undefined;
    for (const link of this.#links) this.#options.disconnect(link);
    this.#links.clear();
    this.#options.watch({ see: 'died', who: 'coordinator' });
    this.#options.onDeath();
  }

  #defectLog(life: Life): NonNullable<CoordinatorOptions['log']> {
    const error = (fields: object, message: string) => {
      if (!life.isOver) this.#options.watch({ see: 'defect', who: 'coordinator', error: { message, ...fields } });
    };
    return { error, warn() {}, info() {}, debug() {} };
  }
}

export function isStoreRefusal(error: unknown): boolean {
  return error instanceof ChoraleError && error.code === 'store-unavailable';
}

/** A device has one link for each task, named by both. Neither id has a slash. */
export function linkName({ task, device }: Ends): string {
  return `${task}/${device}`;
}

export function endsOf(link: string): Ends {
  const [task, device] = link.split('/');
  return { task: task as TaskId, device: device as DeviceId };
}
