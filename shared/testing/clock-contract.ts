import { describe, expect, it } from 'vitest';
import type { Clock } from '../ports.ts';

export type PassingClock = {
  readonly clock: Clock;
  /** Lets at least this much of the clock's time pass. */
  pass(ms: number): Promise<void>;
};

/** What every `Clock` keeps. Real clocks are given up to 60 ms to pass at a time. */
export function clockContract(name: string, open: () => PassingClock): void {
  describe(`${name} as a clock`, () => {
    it('tells whole milliseconds and never goes back', async () => {
      const { clock, pass } = open();
      const before = clock.now();
      await pass(5);
      expect(Number.isInteger(before)).toBe(true);
      expect(clock.now()).toBeGreaterThanOrEqual(before + 5);
    });

    it('wakes once, and not before the time', async () => {
      const { clock, pass } = open();
      const wokenAt: number[] = [];
      const at = clock.now() + 10;
      clock.wakeAt(at, () => wokenAt.push(clock.now()));
      await pass(60);
      expect(wokenAt).toHaveLength(1);
      expect(wokenAt[0]).toBeGreaterThanOrEqual(at);
    });

    it('wakes in the order of the times asked for', async () => {
      const { clock, pass } = open();
      const woken: string[] = [];
      const now = clock.now();
      clock.wakeAt(now + 30, () => woken.push('late'));
      clock.wakeAt(now + 5, () => woken.push('early'));
      await pass(60);
      expect(woken).toEqual(['early', 'late']);
    });

    it('wakes as soon as it can for a time that is over, but never within the call', async () => {
      const { clock, pass } = open();
      let isWoken = false;
      clock.wakeAt(clock.now() - 1000, () => {
        isWoken = true;
      });
      expect(isWoken).toBe(false);
      await pass(20);
      expect(isWoken).toBe(true);
    });

    it('does not wake after the wake is cancelled, however often', async () => {
      const { clock, pass } = open();
      const woken: string[] = [];
      const cancel = clock.wakeAt(clock.now() + 10, () => woken.push('cancelled'));
      const cancelOther = clock.wakeAt(clock.now() + 10, () => woken.push('kept'));
      cancel();
      cancel();
      await pass(60);
      cancelOther();
      expect(woken).toEqual(['kept']);
    });

    it('keeps a wake that is farther away than 2^31 ms asleep', async () => {
      const { clock, pass } = open();
      let isWoken = false;
      const cancel = clock.wakeAt(clock.now() + 2 ** 31 + 1000, () => {
        isWoken = true;
      });
      await pass(20);
      cancel();
      expect(isWoken).toBe(false);
    });
  });
}
