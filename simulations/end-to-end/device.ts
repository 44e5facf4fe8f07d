/** A real device of an end-to-end test: a client with a store and a socket of its own, whose every round can be told again. */

import { type Chorale, createClient } from '@chorale/client';
import {
  contributionFor,
  encodeContribution,
  readQuestion,
  roundRandomness,
  socketTransport,
} from '@chorale/client/session';
import type { Bytes, ChoraleError, Packet, TaskId, Transport } from '@chorale/shared';
import { systemRandom } from '@chorale/shared/adapters/node';
import { builtIn, type LabelledRow } from '@chorale/shared/algorithms';
import type { SignedReceipt } from '@chorale/shared/consent';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { EncodedVector, Vectors } from '@chorale/shared/encoding';
import { exampleQuery, labelledSnapshots } from '@chorale/shared/features';
import type { Trainer } from '@chorale/shared/models';
import { decodePlan } from '@chorale/shared/secagg';
import { decodePlanBundle, type Handshake, planHeader, roundHeader } from '@chorale/shared/wire';
import type { Customer } from '../datasets/dataset.ts';

/** Where a coordinator is found, and by which keys. */
export type Access = { readonly url: string; readonly publishableKey: string; readonly rootKey: string };

export type DeviceOptions = {
  readonly access: Access;
  readonly person: Customer;
  /** Directory of the device's own store. */
  readonly storage: string;
  readonly crypto: CryptoProvider;
  readonly trainer: Trainer;
};

/** What one device gave to one round, before anything hid it. */
export type Given = {
  readonly round: string;
  readonly vectors: Vectors<string>;
  readonly words: EncodedVector;
};

/** What must be remembered of a round to tell it again. */
type Memory = { readonly task: TaskId; readonly round: string; seed?: Bytes; bundle?: Bytes; hasGiven?: boolean };

export class Device {
  readonly person: Customer;
  readonly errors: ChoraleError[] = [];
  readonly #options: DeviceOptions;
  readonly #client: Chorale;
  readonly #memories = new Map<string, Memory>();

  constructor(options: DeviceOptions) {
    this.#options = options;
    this.person = options.person;
    this.#client = this.#createClient();
    this.#client.on('error', (error) => void this.errors.push(error));
  }

  /** A person with a history agrees; resolves when the coordinator has enrolled the device. */
  async join(): Promise<void> {
    this.#client.identify(this.person.id);
    for (const { name, properties, at, tzOffsetMinutes } of this.person.events)
      this.#client.track(name, properties, { at, tzOffsetMinutes });
    await this.#client.consent.grant(['training']);
    await this.#client.ready({ timeoutMs: 60_000 });
  }

  async refresh(): Promise<void> {
    await this.#client.refresh();
  }

  async close(): Promise<void> {
    await this.#client.close();
  }

  /** What went wrong by its own fault; a coordinator that is away is none of it. */
  defects(): readonly Error[] {
    return this.errors.filter(({ code }) => code === 'internal');
  }

  /** What its person signed, as the coordinator must have it. */
  receipts(): Promise<readonly SignedReceipt[]> {
    return this.#client.consent.receipts();
  }

  /** Every plan that this device has received, as it came. */
  plans(): readonly { readonly task: TaskId; readonly round: string; readonly bundle: Bytes }[] {
    return [...this.#memories.values()].flatMap(({ task, round, bundle }) => (bundle ? [{ task, round, bundle }] : []));
  }

  /** What this device gave to each round for which it sent a vector, computed once more. */
  given(): Promise<readonly Given[]> {
    const memories = [...this.#memories.values()].filter(({ hasGiven }) => hasGiven === true);
    return Promise.all(memories.map((memory) => this.#recompute(memory)));
  }

  #createClient(): Chorale {
    const { access, storage, crypto, trainer } = this.#options;
    const random = systemRandom();
    return createClient({
      clientKey: access.publishableKey,
      host: access.url,
      coordinatorKey: access.rootKey,
      storage,
      defaults: '2026-11-23',
      floors: { minCohort: 10, minHonest: 5 },
      limits: { retentionDays: Number.POSITIVE_INFINITY, roundsPerDay: 100_000, bytesPerDay: 1e12, timeoutMs: 60_000 },
      ports: {
        crypto,
        trainer,
        transport: (handshake) => this.#transport(handshake),
        roundSeed: (task, round) => {
          const seed = random.bytes(32);
          this.#memoryOf(task, round.toString()).seed = seed;
          return seed;
        },
      },
    });
  }

  #transport(handshake: Handshake): Transport {
    const { task } = handshake;
    const transport = socketTransport({ host: this.#options.access.url, handshake, timeoutMs: 60_000 });
    transport.onPacket(({ name, header, body }) => {
      if (name === 'plan' && body !== undefined) this.#memoryOf(task, planHeader.parse(header).round).bundle = body;
    });
    return {
      ...transport,
      send: (packet: Packet) => {
        if (packet.name === 'masked-input')
          this.#memoryOf(task, roundHeader.parse(packet.header).round).hasGiven = true;
        return transport.send(packet);
      },
    };
  }

  #memoryOf(task: TaskId, round: string): Memory {
    const key = `${task}/${round}`;
    const memory = this.#memories.get(key) ?? { task, round };
    this.#memories.set(key, memory);
    return memory;
  }

  async #recompute({ round, seed, bundle }: Memory): Promise<Given> {
    if (seed === undefined || bundle === undefined) throw new Error('a vector for a round that was never planned');
    const { plan, broadcast } = decodePlanBundle(bundle);
    if (broadcast === undefined) throw new Error('the broadcasts of these tests fit the socket');
    const question = readQuestion(decodePlan(plan), broadcast, builtIn);
    if (typeof question === 'string') throw new Error(`a question that the device refused: ${question}`);
    const query = exampleQuery.parse(question.examples);
    const rows: readonly LabelledRow[] = labelledSnapshots(this.person.events, query, Number.MAX_SAFE_INTEGER);
    const randomness = roundRandomness(seed);
    const tools = { trainer: this.#options.trainer, signal: new AbortController().signal, randomness };
    const contribution = await contributionFor(question, rows as never, tools);
    const words = encodeContribution(contribution, randomness, 0n);
    return { round, vectors: contribution.vectors, words };
  }
}
