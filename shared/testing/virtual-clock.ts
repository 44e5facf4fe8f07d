/** Time that passes only when told to, so that a run of hours takes milliseconds and happens the same way twice. */

import { invariant } from '../errors.ts';
import type { Clock, Instant } from '../ports.ts';

export interface VirtualClock extends Clock {
  /** Lets this much time pass, wake by wake; each wake's promises run to their end before the next. */
  advance(ms: number): Promise<void>;
  /**
   * Lets time pass until the claim holds, and no longer.
   *
   * @throws invariant when no wake is left, or none before `limitMs`: the claim would never hold
   */
  runUntil(isTrue: () => boolean, options?: { readonly limitMs?: number }): Promise<void>;
  /** Lets time pass until the promise settles. @returns what it resolves to */
  run<Result>(promise: Promise<Result>, options?: { readonly limitMs?: number }): Promise<Result>;
  /** Runs every promise that needs no time to pass. Work of other threads or of the disk is not waited for. */
  settle(): Promise<void>;
}

type Wake = { readonly at: Instant; readonly callback: () => void };

/** @param startAt an arbitrary but fixed Monday unless said */
export function virtualClock(startAt: Instant = Date.UTC(2024, 0, 1)): VirtualClock {
  let now = startAt;
  const agenda: Wake[] = []; // Latest first, so that the next wake is at the end.
  const settle = afterPromises();

  function wakeAt(at: Instant, callback: () => void) {
    const wake = { at: Math.max(at, now), callback };
    agenda.splice(positionOf(wake.at, agenda), 0, wake);
    return () => {
      const index = agenda.indexOf(wake, positionOf(wake.at, agenda));
      if (index >= 0) agenda.splice(index, 1);
    };
  }

  async function wakeNext() {
    const wake = agenda.pop();
    invariant(wake !== undefined, 'nothing is left to wait for');
    now = wake.at;
    wake.callback();
    await settle();
  }

  async function advance(ms: number) {
    const end = now + ms;
    await settle();
    while (agenda.length > 0 && agenda.at(-1)!.at <= end) await wakeNext();
    now = end;
  }

  async function runUntil(isTrue: () => boolean, { limitMs = Number.POSITIVE_INFINITY } = {}) {
    const end = now + limitMs;
    await settle();
    while (!isTrue()) {
      const next = agenda.at(-1);
      invariant(next !== undefined && next.at <= end, 'nothing is left to wait for, and what was awaited has not come');
      await wakeNext();
    }
  }

  async function run<Result>(promise: Promise<Result>, options?: { readonly limitMs?: number }) {
    let isSettled = false;
    const note = () => {
      isSettled = true;
    };
    promise.then(note, note);
    await runUntil(() => isSettled, options);
    return promise;
  }

  return { now: () => now, wakeAt, advance, runUntil, run, settle };
}

/** Where a wake goes: before all that are due at its time or sooner, so that wakes of one instant keep their order. */
function positionOf(at: Instant, agenda: readonly Wake[]): number {
  let low = 0;
  let high = agenda.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (agenda[middle]!.at > at) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** A message to oneself arrives after every promise has run: a pause that reads no clock and sets no timer. */
function afterPromises(): () => Promise<void> {
  const { port1, port2 } = new MessageChannel();
  let waiting: (() => void)[] = [];
  const wakeAll = () => {
    port1.onmessage = null; // Listening would keep the process alive.
    const woken = waiting;
    waiting = [];
    for (const wake of woken) wake();
  };
  return () =>
    new Promise((resolve) => {
      waiting.push(resolve);
      port1.onmessage = wakeAll;
      port2.postMessage(undefined);
    });
}
