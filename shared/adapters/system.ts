/** Time and randomness of the machine we run on. */

import { bytes } from '../bytes.ts';
import type { Clock, Random } from '../ports.ts';

/** Timers count in a signed 32-bit number of ms; a longer one would fire at once. */
const longestTimerMs = 2 ** 31 - 1;

/** `getRandomValues` refuses more at once. */
const randomPieceBytes = 65_536;

export type SystemClockOptions = {
  /** Whether a pending wake keeps a Node process from ending; true unless said. */
  readonly isKeepingAlive?: boolean;
};

export function systemClock({ isKeepingAlive = true }: SystemClockOptions = {}): Clock {
  return {
    now: () => Date.now(),
    wakeAt(at, callback) {
      let timer: ReturnType<typeof setTimeout>;
      const sleep = () => {
        timer = setTimeout(wake, Math.min(Math.max(at - Date.now(), 0), longestTimerMs));
        if (!isKeepingAlive && typeof timer === 'object') timer.unref();
      };
      // Timers may fire a little early, and far wakes come in several naps.
      const wake = () => (Date.now() < at ? sleep() : callback());
      sleep();
      return () => clearTimeout(timer);
    },
  };
}

export function systemRandom(): Random {
  return {
    bytes(length) {
      const out = bytes(length);
      for (let start = 0; start < length; start += randomPieceBytes) {
        globalThis.crypto.getRandomValues(out.subarray(start, start + randomPieceBytes));
      }
      return out;
    },
  };
}
