/** One real device of the quickstart: a client with a store, a socket and one customer's history of its own. */

import { type Chorale, createClient } from '@chorale/client';
import {
  contributionFor,
  encodeContribution,
  readQuestion,
  roundRandomness,
  socketTransport,
} from '@chorale/client/session';
import { type Bytes, type DeviceId, type Random, type TaskId, type Transport, wordsToBytes } from '@chorale/shared';
import { builtIn, type LabelledRow } from '@chorale/shared/algorithms';
import type { CryptoProvider } from '@chorale/shared/crypto';
import { exampleQuery, labelledSnapshots } from '@chorale/shared/features';
import type { Trainer } from '@chorale/shared/models';
import { decodePlan } from '@chorale/shared/secagg';
import { decodePlanBundle, type Handshake, planHeader } from '@chorale/shared/wire';
import type { Customer } from '../datasets/dataset.ts';
import { type LeavingFlags, leavingTransport } from './leaving.ts';

export type DeviceOptions = {
  readonly host: string;
  readonly clientKey: string;
  readonly coordinatorKey: string;
  /** Directory of the device's own store. */
  readonly storage: string;
  readonly customer: Customer;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  readonly trainer: Trainer;
  /** How long a device that left stays away. */
  readonly awayMs: number;
  /** Rounds in which devices may leave, by task. */
  readonly leaving: ReadonlyMap<TaskId, { readonly flags: LeavingFlags; readonly silentRound: number }>;
  readonly onError: (error: Error) => void;
};

/** What the laboratory must know of a round to recompute this device's part of the sum. */
type RoundRecord = { seed: Bytes; bundle: Bytes };

export class Device {
  readonly #options: DeviceOptions;
  readonly #rounds = new Map<string, Partial<RoundRecord>>();
  readonly #ids = new Map<TaskId, DeviceId>();
  #client: Chorale | undefined;
  #isLeaving = false;

  constructor(options: DeviceOptions) {
    this.#options = options;
  }

  /** The person's first minute: a history, and a choice. */
  async join(): Promise<void> {
    this.#start();
    for (const { name, properties, at, tzOffsetMinutes } of this.#options.customer.events)
      this.#client?.track(name, properties, { at, tzOffsetMinutes });
    await this.#client?.consent.grant(['training']);
    await this.#client?.ready({ timeoutMs: 60_000 });
  }

  async refresh(): Promise<void> {
    await this.#client?.refresh();
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.close();
  }

  /** This device's id within a task, once it has connected for it. */
  idFor(task: TaskId): DeviceId | undefined {
    return this.#ids.get(task);
  }

  /**
   * The integers that this device masked in a round, computed again from its customer's history.
   *
   * @throws Error if the device was not part of that round
   */
  async recompute(task: TaskId, round: bigint): Promise<Bytes> {
    const { seed, bundle } = this.#rounds.get(`${task}/${round}`) ?? {};
    if (seed === undefined || bundle === undefined) throw new Error('this device took no part in that round');
    const { plan, broadcast } = decodePlanBundle(bundle);
    if (broadcast === undefined) throw new Error('the quickstart recomputes only broadcasts that fit the socket');
    const question = readQuestion(decodePlan(plan), broadcast, builtIn);
    if (typeof question === 'string') throw new Error(`a question that the device refused: ${question}`);
    const query = exampleQuery.parse(question.examples);
    const rows: readonly LabelledRow[] = labelledSnapshots(
      this.#options.customer.events,
      query,
      Number.MAX_SAFE_INTEGER,
    );
    const randomness = roundRandomness(seed);
    const { trainer } = this.#options;
    const tools = { trainer, signal: new AbortController().signal, randomness };
    const contribution = await contributionFor(question, rows as never, tools);
    return wordsToBytes(encodeContribution(contribution, randomness, 0n));
  }

  #start(): void {
    const { host, clientKey, coordinatorKey, storage, random, crypto, trainer, onError } = this.#options;
    this.#client = createClient({
      clientKey,
      host,
      coordinatorKey,
      storage,
      defaults: '2026-11-23',
      consent: { default: 'denied' },
      // A history of years, and more rounds in a minute than a person's device would give in a month.
      limits: { retentionDays: Number.POSITIVE_INFINITY, roundsPerDay: 100_000, bytesPerDay: 1e12, timeoutMs: 60_000 },
      ports: {
        random,
        crypto,
        trainer,
        transport: (handshake) => this.#transport(handshake),
        roundSeed: (task, round) => {
          const seed = random.bytes(32);
          this.#note(task, round, { seed });
          return seed;
        },
      },
    });
    this.#client.on('error', onError);
  }

  #transport(handshake: Handshake): Transport {
    const { host, leaving } = this.#options;
    const { task, device } = handshake;
    this.#ids.set(task, device);
    const transport = socketTransport({ host, handshake });
    transport.onPacket(({ name, header, body }) => {
      if (name === 'plan' && body !== undefined)
        this.#note(task, BigInt(planHeader.parse(header).round), { bundle: body });
    });
    const part = leaving.get(task);
    return part === undefined ? transport : leavingTransport(transport, { ...part, onLeave: () => void this.#leave() });
  }

  #note(task: TaskId, round: bigint, part: Partial<RoundRecord>): void {
    const key = `${task}/${round}`;
    this.#rounds.set(key, { ...this.#rounds.get(key), ...part });
  }

  /** Gone in the middle of a round, and started anew on the same store a little later. */
  async #leave(): Promise<void> {
    if (this.#isLeaving) return;
    this.#isLeaving = true;
    await this.close();
    await new Promise((resolve) => setTimeout(resolve, this.#options.awayMs));
    this.#isLeaving = false;
    this.#start();
  }
}
