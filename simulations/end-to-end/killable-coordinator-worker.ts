/** A coordinator process that can be told at which step of a round to die: the real one, under a store that watches. */

import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Log, type Moment, readConfig, startCoordinator } from '@chorale/coordinator';
import type { Store } from '@chorale/shared';
import type { KillPoint, Order, Word } from './kill-points.ts';

const say = (word: Word) => void process.send?.(word);
let end: KillPoint | undefined;

process.on('message', (order: Order) => {
  if (order.do === 'die') end = order.at;
  else start(order).catch(fail);
});
// Nobody is left to watch.
process.on('disconnect', () => process.exit());

async function start({ store, port }: Extract<Order, { do: 'start' }>): Promise<void> {
  // Nothing here waits for anybody: a round starts as soon as its devices are back.
  const rounds = { gatherMs: 50, patienceMs: 1000, reconnectMs: 200, backOffMs: 50, maxBackOffMs: 50 };
  const config = readConfig({ store, port }, { workers: 0, rounds }, {});
  const running = await startCoordinator(config, log(), {
    onMoment: watch,
    wrapStore: (inner) => watched(inner, store),
  });
  const { url, publishableKey, rootKey, adminKey } = running;
  say({ is: 'ready', facts: { url, publishableKey, rootKey, adminKey } });
}

function watch({ at }: Moment): void {
  if (at === 'reserved') dieIf('number reserved');
  else if (at === 'committing') dieIf('before the commit');
  else if (at === 'committed') {
    dieIf('after the commit');
    say({ is: 'committed' });
    // A moment is called before its first message leaves; those of one turn leave together.
  } else setImmediate(() => dieIf(`${at.slice('sent '.length)} sent` as KillPoint));
}

function watched(inner: Store, directory: string): Store {
  return {
    get: (key) => inner.get(key),
    put: (key, value) => inner.put(key, value),
    delete: (key) => inner.delete(key),
    range: (range) => inner.range(range),
    compareAndSet: (key, expected, next) => inner.compareAndSet(key, expected, next),
    close: () => inner.close(),
    batch(writes) {
      if (writes.some(({ key }) => key.startsWith('transcript/'))) dieWithinTheWrite(directory);
      return inner.batch(writes);
    },
  };
}

/** The store's own log has grown, and nobody has been told yet that it has. */
function dieWithinTheWrite(directory: string): void {
  const before = loggedBytes(directory);
  const look = () => (loggedBytes(directory) > before ? dieIf('within the commit') : void setImmediate(look));
  if (end === 'within the commit') look();
}

function loggedBytes(directory: string): number {
  const logs = readdirSync(directory).filter((name) => name.endsWith('.log'));
  return logs.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

function dieIf(point: KillPoint): void {
  if (point === end) process.kill(process.pid, 'SIGKILL');
}

function log(): Log {
  const write = (fields: object, message: string) => console.error(message, JSON.stringify(fields));
  return { debug() {}, info: write, warn: write, error: write };
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}
