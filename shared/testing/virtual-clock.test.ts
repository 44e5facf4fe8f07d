import { describe, expect, it } from 'vitest';
import { clockContract } from './clock-contract.ts';
import { virtualClock } from './virtual-clock.ts';

clockContract('the virtual clock', () => {
  const clock = virtualClock();
  return { clock, pass: (ms) => clock.advance(ms) };
});

describe('virtual time', () => {
  it('passes only when told to, by exactly that much', async () => {
    const clock = virtualClock(1000);
    await clock.settle();
    expect(clock.now()).toBe(1000);
    await clock.advance(3_600_000);
    expect(clock.now()).toBe(3_601_000);
  });

  it('shows each wake its own time, wakes of one instant in the order asked for', async () => {
    const clock = virtualClock(0);
    const log: string[] = [];
    for (const name of ['a', 'b', 'c']) clock.wakeAt(20, () => log.push(`${name} at ${clock.now()}`));
    clock.wakeAt(10, () => log.push(`d at ${clock.now()}`));
    clock.wakeAt(21, () => log.push('not yet'));
    await clock.advance(20);
    expect(log).toEqual(['d at 10', 'a at 20', 'b at 20', 'c at 20']);
  });

  it('lets promises run to their end between two wakes, however long their chain', async () => {
    const clock = virtualClock(0);
    const log: string[] = [];
    clock.wakeAt(10, async () => {
      for (let i = 0; i < 1000; i++) await undefined;
      log.push(`chain ended at ${clock.now()}`);
      clock.wakeAt(11, () => log.push('a wake asked for by it'));
    });
    clock.wakeAt(12, () => log.push('next wake'));
    await clock.advance(100);
    expect(log).toEqual(['chain ended at 10', 'a wake asked for by it', 'next wake']);
  });

  it('stops at the moment a claim comes true', async () => {
    const clock = virtualClock(0);
    let count = 0;
    const tick = () => {
      count++;
      clock.wakeAt(clock.now() + 10, tick);
    };
    tick();
    await clock.runUntil(() => count === 4);
    expect(clock.now()).toBe(30);
    await expect(clock.runUntil(() => false, { limitMs: 100 })).rejects.toThrow('has not come');
    expect(clock.now()).toBe(130);
  });

  it('runs a promise to its end, and says when none will come', async () => {
    const clock = virtualClock(0);
    const sleep = (ms: number) => new Promise<void>((resolve) => void clock.wakeAt(clock.now() + ms, resolve));
    const task = async () => {
      await sleep(5);
      await sleep(7);
      return clock.now();
    };
    expect(await clock.run(task())).toBe(12);
    await expect(clock.run(Promise.reject(new Error('the task failed')))).rejects.toThrow('the task failed');
    await expect(clock.run(new Promise(() => {}))).rejects.toThrow('nothing is left to wait for');
  });

  it('surfaces what a wake throws', async () => {
    const clock = virtualClock(0);
    clock.wakeAt(1, () => {
      throw new Error('defect');
    });
    await expect(clock.advance(10)).rejects.toThrow('defect');
  });
});
