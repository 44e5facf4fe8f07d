/** When the next round starts. */

import type { Instant } from '@chorale/shared';
import type { RoundConfig } from '../config.ts';

export type Waiting = {
  /** Since when at least the wished number of devices is waiting; undefined while fewer are. */
  readonly plentySince: Instant | undefined;
  /** Since when at least the smallest cohort is waiting. */
  readonly enoughSince: Instant | undefined;
  /** Not before: the pause after the last round. */
  readonly notBefore: Instant;
};

/** @returns when to start as things stand; undefined while too few devices are waiting */
export function startAt({ plentySince, enoughSince, notBefore }: Waiting, config: RoundConfig): Instant | undefined {
  const starts = [
    plentySince === undefined ? undefined : plentySince + config.gatherMs,
    enoughSince === undefined ? undefined : enoughSince + config.patienceMs,
  ].filter((start) => start !== undefined);
  return starts.length === 0 ? undefined : Math.max(notBefore, Math.min(...starts));
}

/** Pause after so many abandoned rounds in a row: doubles each time, up to a limit. */
export function backOffMs(abandonedInARow: number, { backOffMs: first, maxBackOffMs }: RoundConfig): number {
  return abandonedInARow === 0 ? 0 : Math.min(maxBackOffMs, first * 2 ** (abandonedInARow - 1));
}

const dayMs = 86_400_000;

export function dayOf(now: Instant): number {
  return Math.floor(now / dayMs);
}

export type AbandonedRounds = { readonly day: number; readonly today: number; readonly inARow: number };

export function afterAbandoned(before: AbandonedRounds, now: Instant): AbandonedRounds {
  const day = dayOf(now);
  return { day, today: (before.day === day ? before.today : 0) + 1, inARow: before.inARow + 1 };
}

/** Earliest start of a round after what was abandoned so far. Aborted rounds cost devices budget, so a day has few. */
export function notBeforeAfter(abandoned: AbandonedRounds, now: Instant, config: RoundConfig): Instant {
  const isCapped = abandoned.day === dayOf(now) && abandoned.today >= config.abandonedPerDay;
  return isCapped ? (dayOf(now) + 1) * dayMs : now + backOffMs(abandoned.inARow, config);
}
