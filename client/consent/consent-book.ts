/**
 * What the person decided on this device, over time, for every task alike. The rules are `@chorale/shared/consent`'s; this
 * book remembers. Receipts for a task are made from it when the device enrols (`enrolment/`).
 */

import type { Clock, Instant, Store } from '@chorale/shared';
import {
  type ConsentEvent,
  type ConsentState,
  consentStates,
  type Decision,
  decision,
  nextDecisionAt,
  type Purpose,
  purpose,
  purposes,
} from '@chorale/shared/consent';
import * as z from 'zod/mini';
import type { Permission } from '../behavior/event-log.ts';
import { appendRecord, readRecords } from '../store-records.ts';

const stored = z.strictObject({
  at: z.int(),
  decisions: z.partialRecord(purpose, decision),
  /** SHA-256 of the text that the app showed; without it, of whatever text a task has when the device enrols. */
  policy: z.optional(z.string()),
  expiresAt: z.optional(z.int()),
});
/** One decision of the person. */
export type BookEntry = z.infer<typeof stored>;

export type ConsentBookOptions = {
  /** What undecided purposes are: nobody asked, or the app is asking. Neither allows anything. */
  readonly undecided: 'unknown' | 'pending';
  /** Whether Global Privacy Control speaks for the person now. */
  readonly isRefusedBySignal: () => boolean;
};

export type ConsentBookPorts = {
  readonly clock: Clock;
  readonly store: () => Promise<Store>;
};

/** The book compares nobody's texts: whether one still fits is decided task by task. */
const anyPolicy = 'any';

export class ConsentBook {
  readonly #options: ConsentBookOptions;
  readonly #ports: ConsentBookPorts;
  /** In the order of their instants. */
  #written: readonly BookEntry[] = [];
  /** Decided here, in this order, and not in the store yet. */
  #pending: readonly Pending[] = [];
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: ConsentBookOptions, ports: ConsentBookPorts) {
    this.#options = options;
    this.#ports = ports;
  }

  /** Reads what this and other tabs have written; what was decided here meanwhile stays. */
  async load(): Promise<void> {
    const store = await this.#ports.store();
    const records = (await readRecords(store, 'consent', stored)).map(({ record }) => record);
    this.#keep(records);
  }

  states(): Readonly<Record<Purpose, ConsentState>> {
    const isRefusedBySignal = this.#options.isRefusedBySignal();
    const circumstances = { now: this.#ports.clock.now(), policy: anyPolicy, isRefusedBySignal };
    const states = consentStates(this.#history(), circumstances);
    if (this.#options.undecided === 'unknown') return states;
    const asked = purposes.map((one) => [one, states[one] === 'unknown' ? 'pending' : states[one]]);
    return Object.fromEntries(asked) as Record<Purpose, ConsentState>;
  }

  allows(one: Purpose): boolean {
    return this.states()[one] === 'granted';
  }

  /** What may become of events: kept as soon as one purpose is granted, dropped when none can be any more. */
  permission(): Permission {
    const states = Object.values(this.states());
    if (states.includes('granted')) return 'granted';
    return states.some((state) => state === 'unknown' || state === 'pending') ? 'pending' : 'refused';
  }

  /** The decision that grants a purpose now. */
  grantOf(one: Purpose): BookEntry | undefined {
    if (!this.allows(one)) return undefined;
    return this.#entries().findLast((entry) => entry.decisions[one] === 'granted');
  }

  /** The decision that took a purpose back, or refused it, if that is how it stands. */
  refusalOf(one: Purpose): BookEntry | undefined {
    const last = this.#entries().findLast((entry) => entry.decisions[one] !== undefined);
    return last?.decisions[one] === 'granted' ? undefined : last;
  }

  /** Takes a decision into account at once. @returns a promise of its being written down */
  decide(
    about: readonly Purpose[],
    choice: Decision,
    terms: Omit<BookEntry, 'at' | 'decisions'> = {},
  ): Promise<BookEntry> {
    const decisions = Object.fromEntries(about.map((one) => [one, choice]));
    const pending = { entry: { ...terms, at: this.#ports.clock.now(), decisions } };
    this.#pending = [...this.#pending, pending];
    this.#restamp();
    return this.settle().then(() => pending.entry);
  }

  /** Writes down, in order, whatever the store has refused so far. @throws ChoraleError `store-unavailable` if it still does */
  settle(): Promise<void> {
    const settled = this.#writing.then(() => this.#writeAll());
    this.#writing = settled.catch(() => undefined);
    return settled;
  }

  clear(): void {
    this.#written = [];
    this.#pending = [];
  }

  /** When the next grant expires: consent can end while nothing happens. */
  nextExpiry(): Instant | undefined {
    const now = this.#ports.clock.now();
    const times = this.#entries().flatMap(({ expiresAt }) =>
      expiresAt !== undefined && expiresAt > now ? expiresAt : [],
    );
    return times.length === 0 ? undefined : Math.min(...times);
  }

  async #writeAll(): Promise<void> {
    for (const pending of this.#pending) {
      // An earlier visit, or another tab, may have written with a clock that was ahead: what is decided now comes after.
      await this.load();
      const { entry } = pending;
      await appendRecord(await this.#ports.store(), 'consent', entry);
      this.#pending = this.#pending.filter((one) => one !== pending);
      this.#keep([entry]);
    }
  }

  #keep(records: readonly BookEntry[]): void {
    const known = new Set(records.map(({ at }) => at));
    const all = [...records, ...this.#written.filter(({ at }) => !known.has(at))];
    this.#written = all.sort((a, b) => a.at - b.at);
    this.#restamp();
  }

  /** What is decided last counts, whatever the clock said at the time. */
  #restamp(): void {
    const before = eventsOf(this.#written);
    for (const pending of this.#pending) {
      pending.entry = { ...pending.entry, at: nextDecisionAt(before, pending.entry.at) };
      before.push(...eventsOf([pending.entry]));
    }
  }

  #entries(): readonly BookEntry[] {
    return [...this.#written, ...this.#pending.map(({ entry }) => entry)];
  }

  #history(): readonly ConsentEvent[] {
    return eventsOf(this.#entries());
  }
}

type Pending = { entry: BookEntry };

function eventsOf(entries: readonly BookEntry[]): ConsentEvent[] {
  return entries.map(({ at, decisions, expiresAt }) => ({
    kind: 'decided',
    at,
    policy: anyPolicy,
    decisions,
    expiresAt,
  }));
}
