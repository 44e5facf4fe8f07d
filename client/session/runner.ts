/** Performs what the session machine orders: sockets, clock, ciphers, store. Everything it does, it does by ports. */

import {
  type Bytes,
  ChoraleError,
  type Clock,
  type Packet,
  type Random,
  type Reply,
  readU32,
  type Transport,
} from '@chorale/shared';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { ClientRecord, ClientSetup } from '@chorale/shared/secagg';
import type { DeclineReason, RoundOutcome, StopReason } from './outcome.ts';
import {
  newSession,
  type Offer,
  type SessionEffect,
  type SessionHappening,
  type SessionState,
  stepSession,
} from './session.ts';

export type SessionPorts = {
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  /** A new connection to the coordinator, not yet open; a promise while its library is still to be loaded. */
  readonly transport: () => Transport | Promise<Transport>;
  /** Signs a connection's challenge with the identity key. */
  readonly prove: (nonce: string) => Promise<Bytes>;
  /** Never rejects. */
  readonly prepare: (
    offer: Offer,
    lastRound: bigint | undefined,
    signal: AbortSignal,
  ) => Promise<ClientSetup | DeclineReason>;
  /** Durable when it resolves. @returns why the round cannot go on, where it cannot: then nothing was written */
  readonly persist: (record: ClientRecord) => Promise<DeclineReason | undefined>;
  /** Whether the person still agrees: asked before every check-in, since a browser's signal changes without a word. */
  readonly isGranted: () => boolean;
  readonly onRound: (round: bigint, outcome: RoundOutcome) => void;
  readonly onStop: (reason: StopReason) => void;
  readonly onError: (error: unknown) => void;
};

type Preparation = { readonly round: bigint; readonly abort: AbortController };

export class SessionRunner {
  readonly #ports: SessionPorts;
  #state: SessionState;
  #connection: Connection | undefined;
  #preparation: Preparation | undefined;
  #cancelWake: () => void = () => {};
  readonly #queue: SessionHappening[] = [];
  #isStepping = false;

  constructor(lastRound: bigint | undefined, ports: SessionPorts) {
    this.#ports = ports;
    this.#state = newSession(lastRound);
  }

  start(): void {
    this.#happen({ on: 'start' });
  }

  /** Leaves the round under way and hangs up, for good. */
  leave(): void {
    this.#happen({ on: 'leave' });
  }

  /** Where the session stands, for people: never read by the protocol. */
  get phase(): SessionState['work']['is'] | 'closed' {
    return this.#state.link.is === 'closed' ? 'closed' : this.#state.work.is;
  }

  /** A transport may call back while an effect is being performed: what happens then waits for its turn. */
  #happen(event: SessionHappening): void {
    this.#queue.push(event);
    if (this.#isStepping) return;
    this.#isStepping = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#step(next);
    this.#isStepping = false;
  }

  #step(event: SessionHappening): void {
    const { clock, random } = this.#ports;
    const chance = readU32(random.bytes(4), 0) / 2 ** 32;
    try {
      const [state, effects] = stepSession(this.#state, { ...event, now: clock.now(), chance });
      this.#state = state;
      for (const effect of effects) this.#perform(effect);
    } catch (error) {
      this.#abandon(error);
    }
  }

  /** A defect of ours must not leave a round half done: the device leaves it, and later rounds are others. */
  #abandon(error: unknown): void {
    this.#ports.onError(error);
    const { work } = this.#state;
    if (work.is === 'preparing' || work.is === 'running') {
      this.#queue.push({ on: 'declined', round: work.round, reason: 'training-failed' });
    }
  }

  #perform(effect: SessionEffect): void {
    switch (effect.do) {
      case 'connect':
        this.#connect();
        break;
      case 'disconnect':
        this.#disconnect();
        break;
      case 'prove':
        void this.#prove(effect.nonce);
        break;
      case 'send':
        if (effect.packet.name === 'check-in' && !this.#ports.isGranted()) this.leave();
        else void this.#send(effect.packet, effect.round);
        break;
      case 'prepare':
        void this.#prepare(effect.offer, effect.lastRound);
        break;
      case 'drop':
        this.#drop(effect.round);
        break;
      case 'compute':
        void this.#compute(effect);
        break;
      case 'persist':
        void this.#persist(effect);
        break;
      case 'wake':
        this.#wakeAt(effect.at);
        break;
      case 'report':
        this.#ports.onRound(effect.round, effect.outcome);
        break;
      case 'stop':
        this.#cancelWake();
        this.#ports.onStop(effect.reason);
        break;
    }
  }

  #connect(): void {
    this.#connection?.end();
    const connection = new Connection({
      onPacket: (packet) => this.#happen({ on: 'packet', packet }),
      onClose: () => this.#lose(connection),
    });
    this.#connection = connection;
    connection.open(this.#ports.transport).then(
      () => undefined,
      (error: unknown) => this.#lose(connection, error),
    );
  }

  #disconnect(): void {
    const connection = this.#connection;
    if (connection === undefined) return;
    connection.end();
    this.#lose(connection);
  }

  #lose(connection: Connection, error?: unknown): void {
    if (this.#connection !== connection) return;
    connection.end();
    this.#connection = undefined;
    const said = error instanceof ChoraleError ? { code: error.code, retryAfterMs: error.retryAfterMs } : {};
    this.#happen({ on: 'disconnected', ...said });
  }

  async #prove(nonce: string): Promise<void> {
    const connection = this.#connection;
    try {
      const signature = await this.#ports.prove(nonce);
      this.#happen({ on: 'proved', nonce, signature });
    } catch (error) {
      this.#ports.onError(error);
      if (connection !== undefined) this.#lose(connection);
    }
  }

  /** A message without an answer means a broken connection: the next one resends it. */
  async #send(packet: Packet, round: bigint | undefined): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined) return;
    try {
      const reply = await connection.send(packet);
      if (connection === this.#connection) this.#happen({ on: 'replied', to: packet.name, round, reply });
    } catch {
      this.#lose(connection);
    }
  }

  async #prepare(offer: Offer, lastRound: bigint | undefined): Promise<void> {
    const abort = new AbortController();
    this.#preparation = { round: offer.round, abort };
    const result = await this.#ports.prepare(offer, lastRound, abort.signal);
    if (abort.signal.aborted) return;
    if (typeof result === 'string') this.#happen({ on: 'declined', round: offer.round, reason: result });
    else this.#happen({ on: 'prepared', round: offer.round, setup: result });
  }

  #drop(round: bigint): void {
    if (this.#preparation?.round === round) this.#preparation.abort.abort();
  }

  async #compute({ round, id, job }: Extract<SessionEffect, { do: 'compute' }>): Promise<void> {
    try {
      const result = await this.#ports.crypto.perform(job);
      this.#happen({ on: 'computed', round, id, result });
    } catch (error) {
      this.#ports.onError(error);
      this.#happen({ on: 'declined', round, reason: 'training-failed' });
    }
  }

  async #persist({ round, id, record }: Extract<SessionEffect, { do: 'persist' }>): Promise<void> {
    try {
      const reason = await this.#ports.persist(record);
      if (reason === undefined) this.#happen({ on: 'persisted', round, id });
      else this.#happen({ on: 'declined', round, reason });
    } catch (error) {
      this.#ports.onError(error);
      this.#happen({ on: 'declined', round, reason: 'store-unavailable' });
    }
  }

  #wakeAt(at: number): void {
    this.#cancelWake();
    this.#cancelWake = this.#ports.clock.wakeAt(at, () => this.#happen({ on: 'wake' }));
  }
}

type ConnectionListeners = {
  readonly onPacket: (packet: Packet) => void;
  readonly onClose: () => void;
};

/** One transport for as long as it lasts: after its end nothing of it is heard any more. */
class Connection {
  readonly #listeners: ConnectionListeners;
  #transport: Transport | undefined;
  #unsubscribe: readonly (() => void)[] = [];
  #isOver = false;

  constructor(listeners: ConnectionListeners) {
    this.#listeners = listeners;
  }

  async open(make: SessionPorts['transport']): Promise<void> {
    const transport = await make();
    if (this.#isOver) return;
    const { onPacket, onClose } = this.#listeners;
    this.#transport = transport;
    this.#unsubscribe = [transport.onPacket(onPacket), transport.onClose(onClose)];
    await transport.connect();
    // Hung up while it was opening.
    if (this.#isOver) transport.close();
  }

  async send(packet: Packet): Promise<Reply> {
    if (this.#transport === undefined) throw new Error('not connected');
    return this.#transport.send(packet);
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const unsubscribe of this.#unsubscribe) unsubscribe();
    this.#transport?.close();
  }
}
