/** The durable store: LevelDB files in Node, IndexedDB in browsers. */

import { Level } from 'level';
import type { Bytes } from '../bytes.ts';
import { ChoraleError } from '../errors.ts';
import type { Store, StoreEntry, StoreRange, StoreWrite } from '../ports.ts';
import { GroupCommit, type Medium } from './group-commit.ts';
import { copyOfWrite } from './store-write.ts';

type Database = Level<string, Uint8Array>;

/**
 * Opens the store at a directory (Node; made when missing) or under a database name (browsers).
 *
 * Every write is synced to the disk before its promise resolves, and concurrent writes share one sync. Browsers decide
 * themselves when IndexedDB reaches the disk; there, a lock keeps two tabs from changing the store at once.
 *
 * @throws ChoraleError `store-unavailable` when the place cannot be opened, such as when another process holds it
 */
export async function openLevelStore(location: string): Promise<Store> {
  const database: Database = new Level(location, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    await database.open();
  } catch (error) {
    throw unavailable(error, isLocked(error) ? 'another process has this store open' : 'the store cannot be opened');
  }
  return new LevelStore(database);
}

class LevelStore implements Store {
  readonly #database: Database;
  readonly #commits: GroupCommit;
  #isClosed = false;

  constructor(database: Database) {
    this.#database = database;
    this.#commits = new GroupCommit(mediumOf(database));
  }

  async get(key: string): Promise<Bytes | undefined> {
    return this.#attempt(() => read(this.#database, key));
  }

  async put(key: string, value: Bytes): Promise<void> {
    await this.batch([{ do: 'put', key, value }]);
  }

  async delete(key: string): Promise<void> {
    await this.batch([{ do: 'delete', key }]);
  }

  async range({ from, to, limit, isReversed = false }: StoreRange): Promise<readonly StoreEntry[]> {
    const options = { gte: from, lt: to, reverse: isReversed, ...(limit === undefined ? {} : { limit }) };
    const entries = await this.#attempt(() => this.#database.iterator(options).all());
    return entries.map(([key, value]) => ({ key, value: new Uint8Array(value) }));
  }

  async batch(writes: readonly StoreWrite[]): Promise<void> {
    const copies = writes.map(copyOfWrite);
    await this.#attempt(() => this.#commits.change(copies));
  }

  async compareAndSet(key: string, expected: Bytes | undefined, next: Bytes | undefined): Promise<boolean> {
    const write = copyOfWrite(next === undefined ? { do: 'delete', key } : { do: 'put', key, value: next });
    const condition = { key, expected: expected && new Uint8Array(expected) };
    return this.#attempt(() => this.#commits.change([write], condition));
  }

  /** Finishes the writes under way; refuses later ones. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#commits.flush();
    await this.#database.close();
  }

  async #attempt<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.#isClosed) throw new ChoraleError('store-unavailable', 'the store is closed');
    try {
      return await work();
    } catch (error) {
      throw unavailable(error, 'the store refused; look at the disk it is on (space, permissions, health)');
    }
  }
}

function mediumOf(database: Database): Medium {
  return {
    read: (key) => read(database, key),
    write: (writes) => database.batch(writes.map(toLevel), { sync: true }),
    exclusively: (work) => withTabLock(`chorale-store:${database.location}`, work),
  };
}

async function read(database: Database, key: string): Promise<Bytes | undefined> {
  const value: Uint8Array | undefined = await database.get(key);
  // A copy, so that the caller never holds one of Node's pooled buffers.
  return value === undefined ? undefined : new Uint8Array(value);
}

function toLevel(write: StoreWrite) {
  return write.do === 'put'
    ? ({ type: 'put', key: write.key, value: write.value } as const)
    : ({ type: 'del', key: write.key } as const);
}

/** Two tabs of one origin share an IndexedDB database; LevelDB's directories are locked by LevelDB itself. */
async function withTabLock(name: string, work: () => Promise<void>): Promise<void> {
  const locks = typeof indexedDB === 'undefined' ? undefined : globalThis.navigator?.locks;
  await (locks === undefined ? work() : locks.request(name, work));
}

function isLocked(error: unknown): boolean {
  return codesOf(error).includes('LEVEL_LOCKED');
}

function codesOf(error: unknown): readonly unknown[] {
  if (!(error instanceof Error)) return [];
  return ['code' in error ? error.code : undefined, ...codesOf(error.cause)];
}

function unavailable(cause: unknown, detail: string): ChoraleError {
  return new ChoraleError('store-unavailable', detail, { cause });
}
