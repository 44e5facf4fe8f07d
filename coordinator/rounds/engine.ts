/** Runs the secure-aggregation machine of one round: hands it messages, time and results, and does what it orders. */

import { type DeviceId, type Instant, invariant, type Packet, type Reply } from '@chorale/shared';
import {
  type DownMessage,
  headerFor,
  noOutcome,
  type RosterHeader,
  type ServerEffect,
  type ServerEvent,
  type ServerOutcome,
  type ServerSetup,
  type ServerState,
  startServer,
  stepServer,
  stopServer,
  type UpMessage,
} from '@chorale/shared/secagg';
import type { Ports } from '../ports.ts';

export type EngineOptions = {
  readonly setup: ServerSetup;
  readonly ports: Pick<Ports, 'clock' | 'crypto'>;
  readonly push: (device: DeviceId, packet: Packet) => void;
  /** Awaited before devices are asked for their vectors; where it fails, nobody is. */
  readonly beforeAsking?: (devices: readonly DeviceId[], header: RosterHeader) => Promise<void>;
  /** Called when the first message of a kind goes down: the turn that it asks for has begun. */
  readonly onSent?: (name: DownMessage['name']) => void;
};

export class RoundEngine {
  /** How the round ended; rejects where it was broken by a defect, and then nothing of it may be used. */
  readonly outcome: Promise<ServerOutcome>;
  readonly #options: EngineOptions;
  readonly #round: bigint;
  readonly #unanswered = new Map<string, ((reply: Reply) => void)[]>();
  readonly #sent = new Set<string>();
  /** The machine's last words: they say how the round ended, so they wait until that is durable. */
  #farewells: Sending[] = [];
  /** What is still to be sent, in order: all of it waits for the wake that the first of it ordered. */
  #outbox: Sending[] = [];
  #pauseAt: Instant = 0;
  #state: ServerState;
  #cancelWake: () => void = () => {};
  #isOver = false;
  #settle!: (outcome: ServerOutcome) => void;
  #fail!: (error: unknown) => void;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#round = options.setup.plan.round;
    this.outcome = new Promise((settle, fail) => {
      this.#settle = settle;
      this.#fail = fail;
    });
    const [state, effects] = startServer(options.setup, this.#now());
    this.#state = state;
    this.#perform(effects);
  }

  /** @returns the machine's answer to this message */
  receive(device: DeviceId, message: UpMessage): Promise<Reply> {
    if (this.#isOver) return Promise.resolve(roundOver);
    return new Promise((answer) => {
      const waiting = this.#unanswered.get(device) ?? [];
      this.#unanswered.set(device, [...waiting, answer]);
      this.#step({ on: 'message', now: this.#now(), from: device, message });
    });
  }

  /** The device's connection ended: nothing waits for it any more. */
  leave(device: DeviceId): void {
    this.#step({ on: 'gone', now: this.#now(), device });
  }

  /** Ends the round from outside, such as when the coordinator stops. */
  stop(): void {
    this.#move(() => stopServer(this.#state));
  }

  #break(error: unknown): void {
    if (this.#isOver) return;
    this.#end();
    this.#fail(error);
  }

  /**
   * Lets the machine's last words go out: call it when the outcome is durable.
   *
   * @param isCommitted whether anything came of the round: otherwise nothing came of a cohort's sum either
   */
  sayFarewell(isCommitted: boolean): void {
    for (const { to, message } of this.#farewells) this.#push(to, isCommitted ? message : noOutcome);
    this.#farewells = [];
  }

  #step(event: ServerEvent): void {
    this.#move(() => stepServer(this.#state, event));
  }

  #move(step: () => readonly [ServerState, readonly ServerEffect[]]): void {
    if (this.#isOver) return;
    try {
      const [state, effects] = step();
      this.#state = state;
      this.#perform(effects);
    } catch (error) {
      this.#break(error);
    }
  }

  #perform(effects: readonly ServerEffect[]): void {
    this.#pauseAt = this.#now() + longestSliceMs;
    const isAsking = (effect: ServerEffect): effect is Asking =>
      effect.do === 'send' && effect.message.name === 'sharers';
    const asking = effects.filter(isAsking);
    for (const effect of effects) if (!isAsking(effect)) this.#performOne(effect);
    if (asking.length > 0) void this.#ask(asking);
  }

  async #ask(asking: readonly Asking[]): Promise<void> {
    try {
      const devices = asking.map(({ to }) => to as DeviceId);
      // One step asks the devices of one cohort: it follows the verdict on their signatures.
      const header = headerFor(this.#state, devices[0]!);
      invariant(header, 'only members of a cohort that runs are asked');
      await this.#options.beforeAsking?.(devices, header);
      this.#pauseAt = this.#now() + longestSliceMs;
      if (!this.#isOver) for (const { to, message } of asking) this.#send(to as DeviceId, message);
    } catch (error) {
      this.#break(error);
    }
  }

  #performOne(effect: ServerEffect): void {
    switch (effect.do) {
      case 'send':
        this.#send(effect.to as DeviceId, effect.message);
        break;
      case 'wake':
        this.#wakeAt(effect.at);
        break;
      case 'answer':
        this.#unanswered.get(effect.to)?.shift()?.(effect.reply);
        break;
      case 'compute':
        void this.#compute(effect);
        break;
      case 'finish':
        this.#end();
        this.#settle(effect.outcome);
    }
  }

  #send(to: DeviceId, message: DownMessage): void {
    const { name } = message;
    if (name === 'outcome') return void this.#farewells.push({ to, message });
    if (this.#outbox.length > 0 || this.#now() >= this.#pauseAt) return void this.#sendLater({ to, message });
    if (!this.#sent.has(name)) {
      this.#sent.add(name);
      this.#options.onSent?.(name);
    }
    this.#push(to, message);
  }

  #sendLater(sending: Sending): void {
    this.#outbox.push(sending);
    if (this.#outbox.length === 1) this.#options.ports.clock.wakeAt(this.#now(), () => this.#sendOn());
  }

  #sendOn(): void {
    const waiting = this.#outbox;
    this.#outbox = [];
    if (this.#isOver) return;
    this.#pauseAt = this.#now() + longestSliceMs;
    try {
      for (const { to, message } of waiting) this.#send(to, message);
    } catch (error) {
      this.#break(error);
    }
  }

  #push(to: DeviceId, { name, body }: DownMessage): void {
    const packet: Packet = { name, header: { round: this.#round.toString() }, body };
    this.#options.push(to, packet);
  }

  #wakeAt(at: Instant): void {
    this.#cancelWake();
    this.#cancelWake = this.#options.ports.clock.wakeAt(at, () => this.#step({ on: 'wake', now: this.#now() }));
  }

  async #compute({ id, job }: Extract<ServerEffect, { do: 'compute' }>): Promise<void> {
    try {
      const result = await this.#options.ports.crypto.perform(job);
      this.#step({ on: 'computed', now: this.#now(), id, result });
    } catch (error) {
      this.#break(error);
    }
  }

  #end(): void {
    this.#isOver = true;
    this.#cancelWake();
    for (const answer of [...this.#unanswered.values()].flat()) answer(roundOver);
    this.#unanswered.clear();
  }

  #now(): Instant {
    return this.#options.ports.clock.now();
  }
}

/** So long may a round keep the event loop to itself by sending: bodies are put together as they go out. */
const longestSliceMs = 10;

type Sending = { readonly to: DeviceId; readonly message: DownMessage };
type Asking = Extract<ServerEffect, { do: 'send' }>;

export const roundOver: Reply = {
  ok: false,
  code: 'round-over',
  detail: 'this round has ended: check in for the next one',
};
