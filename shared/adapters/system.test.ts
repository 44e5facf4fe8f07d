import { spawnSync } from 'node:child_process';
import { describe, expect, it, vi } from 'vitest';
import { clockContract } from '../testing/clock-contract.ts';
import { randomContract } from '../testing/random-contract.ts';
import { systemClock, systemRandom } from './system.ts';

const pass = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms + 2));

clockContract('the system clock', () => ({ clock: systemClock(), pass }));
randomContract('the system randomness', systemRandom);

describe('the system clock', () => {
  it('wakes on time after a sleep of many timers', () => {
    vi.useFakeTimers();
    const clock = systemClock();
    const at = clock.now() + 5 * 2 ** 31 + 17;
    const wokenAt: number[] = [];
    clock.wakeAt(at, () => wokenAt.push(clock.now()));
    vi.advanceTimersByTime(5 * 2 ** 31 + 16);
    expect(wokenAt).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(wokenAt).toEqual([at]);
    vi.useRealTimers();
  });

  it('can be cancelled between two of those timers', () => {
    vi.useFakeTimers();
    const woken = vi.fn();
    const clock = systemClock();
    const cancel = clock.wakeAt(clock.now() + 2 ** 33, woken);
    vi.advanceTimersByTime(2 ** 32);
    cancel();
    vi.advanceTimersByTime(2 ** 33);
    expect(woken).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
    vi.useRealTimers();
  });

  it('keeps a process alive only if asked to', () => {
    const runs = (isKeepingAlive: boolean) => {
      const program = `
        import { systemClock } from ${JSON.stringify(new URL('./system.ts', import.meta.url).href)};
        const clock = systemClock({ isKeepingAlive: ${isKeepingAlive} });
        clock.wakeAt(clock.now() + 50, () => console.log('woken'));
      `;
      const options = ['--import', 'tsx', '--input-type=module', '--eval', program];
      return spawnSync(process.execPath, options, { encoding: 'utf8' }).stdout.trim();
    };
    expect(runs(true)).toBe('woken');
    expect(runs(false)).toBe('');
  });
});
