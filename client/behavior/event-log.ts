/** What this device remembers about its person: in memory for scores and examples, in the store where that is allowed. */

import { type Bytes, type Clock, fromUtf8, type Instant, type Store, type StoreWrite, utf8 } from '@chorale/shared';
import { type ChoraleEvent, isPurchaseName, parseEvent } from '@chorale/shared/features';

export type EventLimits = {
  /** Above it, the oldest go: as long as there are others, no orders and refunds, which features look back on for longest. */
  readonly maxEvents: number;
  /** Held in memory while nobody has decided yet whether they may be stored. */
  readonly maxPending: number;
  readonly retentionMs: number;
};

/**
 * What consent allows. `pending`: events wait in memory, nothing is written. `granted`: they are stored. `refused`: they
 * are dropped. What was stored goes when the grant does.
 */
export type Permission = 'pending' | 'granted' | 'refused';

export type EventLogPorts = {
  readonly clock: Clock;
  /** Opened on the first write or read, never before. */
  readonly store: () => Promise<Store>;
  readonly onError: (error: unknown) => void;
  /** 0 ≤ first ≤ 900 billion; different in every tab, so that two of them never write one key. */
  readonly firstNumber: number;
};

type Kept = { readonly key: string; readonly event: ChoraleEvent };

const prefix = { from: 'event/', to: 'event0' };
/** Evicting a few at once makes quota work rare. */
const evictedShare = 1 / 16;

export class EventLog {
  readonly #limits: EventLimits;
  readonly #ports: EventLogPorts;
  #permission: Permission = 'pending';
  /** In order of time. */
  #kept: Kept[] = [];
  /** Not yet in the store, by key. */
  readonly #unwritten = new Map<string, StoreWrite>();
  #writing: Promise<void> | undefined;
  #number: number;
  #revision = 0;

  constructor(limits: EventLimits, ports: EventLogPorts) {
    this.#limits = limits;
    this.#ports = ports;
    this.#number = ports.firstNumber;
  }

  get length(): number {
    return this.#kept.length;
  }

  /** Changes whenever the events changed otherwise than by one more at the end. */
  get revision(): number {
    return this.#revision;
  }

  /** In order of time; with `from`, only those from that position on. */
  events(from = 0): readonly ChoraleEvent[] {
    return this.#kept.slice(from).map(({ event }) => event);
  }

  /** Remembers an event at once and stores it soon, as far as consent allows. Never waits and does no I/O itself. */
  add(event: ChoraleEvent): void {
    if (this.#permission === 'refused') return;
    const key = keyOf(event.at, this.#number++);
    this.#insert({ key, event });
    if (this.#permission === 'granted') this.#write({ do: 'put', key, value: encode(event) });
    this.#evict();
  }

  /** Reads what earlier visits stored; without a grant for it any more, deletes it. */
  async load(): Promise<void> {
    const store = await this.#ports.store();
    const entries = await store.range(prefix);
    if (this.#permission !== 'granted') {
      for (const { key } of entries) this.#write({ do: 'delete', key });
      return;
    }
    const known = new Set(this.#kept.map(({ key }) => key));
    const stored = entries.flatMap(({ key, value }) => (known.has(key) ? [] : decode(key, value)));
    if (stored.length === 0) return;
    this.#kept = [...stored, ...this.#kept].sort((a, b) => a.event.at - b.event.at);
    this.#revision += 1;
    this.#evict();
  }

  /** Follows a decision about consent. */
  permit(permission: Permission): void {
    if (permission === this.#permission) return;
    // What was kept by a grant does not outlive it, not even while other purposes are still undecided.
    if (this.#permission === 'granted' || permission === 'refused') this.forgetAll();
    this.#permission = permission;
    if (permission === 'granted') for (const one of this.#kept) this.#write(putOf(one));
  }

  /** Resolves when everything remembered so far is in the store, or the store has refused it. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  /** Forgets every event, here and in the store. */
  forgetAll(): void {
    if (this.#permission === 'granted') this.#forget(this.#kept.length);
    else this.clear();
  }

  /** Drops events from memory; whoever empties the whole store spares the log its deletes. */
  clear(): void {
    this.#kept = [];
    this.#unwritten.clear();
    this.#revision += 1;
  }

  #insert(one: Kept): void {
    const last = this.#kept.at(-1);
    if (last === undefined || last.event.at <= one.event.at) {
      this.#kept.push(one);
      return;
    }
    const position = this.#kept.findLastIndex(({ event }) => event.at <= one.event.at) + 1;
    this.#kept.splice(position, 0, one);
    this.#revision += 1;
  }

  #evict(): void {
    const limit = this.#permission === 'pending' ? this.#limits.maxPending : this.#limits.maxEvents;
    const surplus = this.#kept.length - limit;
    if (surplus > 0) this.#drop(oldestToSpare(this.#kept, Math.max(surplus, Math.floor(limit * evictedShare))));
    const oldest = this.#ports.clock.now() - this.#limits.retentionMs;
    if (this.#isOlder(oldest)) this.#forget(this.#kept.findLastIndex(({ event }) => event.at < oldest) + 1);
  }

  #isOlder(oldest: Instant): boolean {
    const first = this.#kept[0];
    return first !== undefined && first.event.at < oldest;
  }

  /** The oldest `count` leave memory and store. */
  #forget(count: number): void {
    this.#drop(new Set(this.#kept.slice(0, count)));
  }

  #drop(dropped: ReadonlySet<Kept>): void {
    if (dropped.size === 0) return;
    this.#kept = this.#kept.filter((one) => !dropped.has(one));
    if (this.#permission === 'granted') for (const { key } of dropped) this.#write({ do: 'delete', key });
    this.#revision += 1;
  }

  #write(write: StoreWrite): void {
    this.#unwritten.set(write.key, write);
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  /** One batch at a time; what arrives meanwhile is the next batch. */
  async #writeAll(): Promise<void> {
    let writes: readonly StoreWrite[] = [];
    try {
      const store = await this.#ports.store();
      while (this.#unwritten.size > 0) {
        writes = [...this.#unwritten.values()];
        this.#unwritten.clear();
        await store.batch(writes);
      }
    } catch (error) {
      // The next write tries them again; what came later about the same event counts.
      for (const write of writes) if (!this.#unwritten.has(write.key)) this.#unwritten.set(write.key, write);
      this.#ports.onError(error);
    }
  }
}

/** A page view a minute would otherwise push out in a week what a person bought in a year. */
function oldestToSpare(kept: readonly Kept[], count: number): ReadonlySet<Kept> {
  const [passing, orders] = [true, false].map((isPassing) =>
    kept.filter(({ event }) => isPurchaseName(event.name) !== isPassing),
  );
  return new Set([...passing!, ...orders!].slice(0, count));
}

function keyOf(at: Instant, number: number): string {
  return `event/${String(at).padStart(16, '0')}/${String(number).padStart(12, '0')}`;
}

function putOf({ key, event }: Kept): StoreWrite {
  return { do: 'put', key, value: encode(event) };
}

function encode(event: ChoraleEvent): Bytes {
  return utf8(JSON.stringify(event));
}

/** An entry that cannot be read is left out: an old or broken event is worth less than a client that starts. */
function decode(key: string, value: Bytes): Kept[] {
  try {
    return [{ key, event: parseEvent(JSON.parse(fromUtf8(value))) }];
  } catch {
    return [];
  }
}
