/** What the core asks of the world outside. Adapters answer; each port has a contract suite in `testing/`. */

import type { Bytes } from './bytes.ts';

/** Milliseconds since 1970-01-01 UTC, a whole number. */
export type Instant = number;

export interface Clock {
  now(): Instant;
  /** Calls back once, at `at` or as soon after as possible. @returns a function that cancels it */
  wakeAt(at: Instant, callback: () => void): () => void;
}

/** Cryptographically strong randomness; seeded in the laboratory. */
export interface Random {
  bytes(length: number): Bytes;
}

export type StoreEntry = { readonly key: string; readonly value: Bytes };
export type StoreWrite =
  | { readonly do: 'put'; readonly key: string; readonly value: Bytes }
  | { readonly do: 'delete'; readonly key: string };

/** Half-open range of keys in the order of their UTF-8 bytes. */
export type StoreRange = {
  readonly from: string;
  readonly to: string;
  readonly limit?: number;
  readonly isReversed?: boolean;
};

/**
 * Durable ordered keys and values. A promise of a write resolves only after the write survives a killed process.
 *
 * @throws ChoraleError `store-unavailable` when the medium refuses; nothing is then half-written
 */
export interface Store {
  get(key: string): Promise<Bytes | undefined>;
  put(key: string, value: Bytes): Promise<void>;
  delete(key: string): Promise<void>;
  range(range: StoreRange): Promise<readonly StoreEntry[]>;
  /** All or nothing. */
  batch(writes: readonly StoreWrite[]): Promise<void>;
  /**
   * Writes `next` (or deletes, when undefined) only if the key holds exactly `expected` (undefined: no entry).
   *
   * @returns whether it wrote
   */
  compareAndSet(key: string, expected: Bytes | undefined, next: Bytes | undefined): Promise<boolean>;
  close(): Promise<void>;
}

export type Unsubscribe = () => void;

/** A message as it travels: a small JSON header and at most one binary body. */
export type Packet = { readonly name: string; readonly header: unknown; readonly body?: Bytes };

/** How the far side answered one packet. */
export type Reply =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly detail: string; readonly retryAfterMs?: number };

/** One device's connection to its coordinator: ordered while connected, lost packets are never repeated by it. */
export interface Transport {
  connect(): Promise<void>;
  send(packet: Packet): Promise<Reply>;
  onPacket(listener: (packet: Packet) => void): Unsubscribe;
  onClose(listener: (reason: string) => void): Unsubscribe;
  close(): void;
}
