import { MemoryDisk, memoryStore } from '@chorale/shared/adapters/node';
import type { ChoraleEvent } from '@chorale/shared/features';
import { virtualClock } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { keysOf } from '../testing/choir.ts';
import { type EventLimits, EventLog } from './event-log.ts';

const dayMs = 86_400_000;
const event = (at: number, name = 'e'): ChoraleEvent => ({ at, tzOffsetMinutes: 0, name, properties: {} });

function openLog(limits: Partial<EventLimits> = {}, disk = new MemoryDisk(), firstNumber = 0) {
  const clock = virtualClock();
  const batches: number[] = [];
  const errors: unknown[] = [];
  const state = { refuses: false };
  const store = memoryStore({ disk, refuses: () => state.refuses });
  const counted = {
    ...store,
    batch(writes: Parameters<typeof store.batch>[0]) {
      batches.push(writes.length);
      return store.batch(writes);
    },
  };
  const log = new EventLog(
    { maxEvents: 100, maxPending: 10, retentionMs: 1000 * dayMs, ...limits },
    { clock, store: async () => counted, onError: (error) => errors.push(error), firstNumber },
  );
  return { log, clock, disk, batches, errors, state };
}

describe('an event log', () => {
  it('stores nothing while a decision is pending, everything once it is granted, nothing again once it is refused', async () => {
    const { log, disk, clock } = openLog();
    log.add(event(clock.now()));
    await log.flush();
    expect(keysOf(disk)).toEqual([]);
    log.permit('granted');
    log.add(event(clock.now() + 1));
    await log.flush();
    expect(keysOf(disk)).toHaveLength(2);
    log.permit('refused');
    log.add(event(clock.now() + 2));
    await log.flush();
    expect(keysOf(disk)).toEqual([]);
    expect(log.length).toBe(0);
  });

  it('drops what waited in memory when the decision is a refusal', async () => {
    const { log, disk, clock } = openLog();
    log.add(event(clock.now()));
    log.permit('refused');
    log.permit('granted');
    await log.flush();
    expect([log.length, keysOf(disk)]).toEqual([0, []]);
  });

  it('does not keep by one purpose what was kept by another: with the last grant the stored events go', async () => {
    const { log, disk, clock } = openLog();
    log.permit('granted');
    log.add(event(clock.now()));
    log.permit('pending');
    log.add(event(clock.now() + 1));
    await log.flush();
    expect([log.length, keysOf(disk)]).toEqual([1, []]);
  });

  it('deletes what an earlier visit stored when consent is gone at the next', async () => {
    const first = openLog();
    first.log.permit('granted');
    first.log.add(event(first.clock.now()));
    await first.log.flush();
    const second = openLog({}, first.disk);
    second.log.permit('refused');
    await second.log.load();
    await second.log.flush();
    expect(keysOf(first.disk)).toEqual([]);
  });

  it('comes back in order of time after a restart, whatever the order of arrival, across the digits of 2001', async () => {
    const { log, disk } = openLog({ retentionMs: Number.POSITIVE_INFINITY });
    log.permit('granted');
    const times = [5, 1e12, 999_999_999_999, 852_076_800_000, 1_700_000_000_000];
    for (const at of times) log.add(event(at));
    await log.flush();
    const again = openLog({ retentionMs: Number.POSITIVE_INFINITY }, disk, 1000);
    again.log.permit('granted');
    await again.log.load();
    const sorted = [...times].sort((a, b) => a - b);
    expect(log.events().map(({ at }) => at)).toEqual(sorted);
    expect(again.log.events().map(({ at }) => at)).toEqual(sorted);
    expect(keysOf(disk).map((key) => Number(key.split('/')[1]))).toEqual(sorted);
  });

  it('keeps the newest within its quota, in memory and in the store', async () => {
    const { log, disk, clock } = openLog({ maxEvents: 32 });
    log.permit('granted');
    for (let i = 0; i < 100; i++) log.add(event(clock.now() + i));
    await log.flush();
    expect(log.length).toBeLessThanOrEqual(32);
    expect(log.events().at(-1)?.at).toBe(clock.now() + 99);
    expect(keysOf(disk)).toHaveLength(log.length);
  });

  it('keeps orders and refunds while it has anything else to let go of', async () => {
    const { log, disk, clock } = openLog({ maxEvents: 32 });
    log.permit('granted');
    const add = (name: string, at: number) => log.add({ ...event(clock.now() + at), name });
    for (let i = 0; i < 10; i++) add(i % 2 === 0 ? 'Order Completed' : 'Order Refunded', i);
    for (let i = 10; i < 100; i++) add('Product Viewed', i);
    await log.flush();
    expect(
      log
        .events()
        .slice(0, 11)
        .map(({ name }) => name !== 'Product Viewed'),
    ).toEqual([...Array(10).fill(true), false]);
    expect(log.length).toBeLessThanOrEqual(32);
    expect(keysOf(disk)).toHaveLength(log.length);
    for (let i = 100; i < 200; i++) add('Order Completed', i);
    expect(log.length).toBeLessThanOrEqual(32);
    expect(log.events().at(-1)?.at).toBe(clock.now() + 199);
  });

  it('holds fewer while a decision is pending', () => {
    const { log, clock } = openLog({ maxPending: 10 });
    for (let i = 0; i < 100; i++) log.add(event(clock.now() + i));
    expect(log.length).toBeLessThanOrEqual(10);
  });

  it('lets go of events beyond their retention', async () => {
    const { log, disk, clock } = openLog({ retentionMs: dayMs });
    log.permit('granted');
    log.add(event(clock.now()));
    await clock.advance(dayMs + 1);
    log.add(event(clock.now()));
    await log.flush();
    expect([log.length, keysOf(disk).length]).toEqual([1, 1]);
  });

  it('writes what was tracked together in one batch', async () => {
    const { log, clock, batches } = openLog();
    log.permit('granted');
    for (let i = 0; i < 50; i++) log.add(event(clock.now() + i));
    expect(batches).toEqual([]);
    await log.flush();
    expect(batches).toEqual([50]);
  });

  it('says when the store refuses, and writes everything as soon as it can', async () => {
    const { log, disk, clock, errors, state } = openLog();
    log.permit('granted');
    state.refuses = true;
    log.add(event(clock.now()));
    await log.flush();
    expect(errors).toHaveLength(1);
    state.refuses = false;
    log.add(event(clock.now() + 1));
    await log.flush();
    expect(keysOf(disk)).toHaveLength(2);
  });

  it('tells who follows it whether it only grew', () => {
    const { log, clock } = openLog();
    const before = log.revision;
    log.add(event(clock.now()));
    log.add(event(clock.now() + 1));
    expect(log.revision).toBe(before);
    log.add(event(clock.now() - 1));
    expect(log.revision).not.toBe(before);
  });
});
