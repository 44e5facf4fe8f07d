/** How a round ends for a device, and why a device leaves a task: what the session says to the app. */

import type { GuardReason } from '@chorale/shared/secagg';

/** Why a device sat out a round: for its own log. The coordinator only learns that it withdrew. */
export type DeclineReason =
  | GuardReason
  /** The plan is made for another consent text than the one agreed to. */
  | 'policy-superseded'
  /** Not idle, no consent any more, a limit of the device reached. */
  | 'not-eligible'
  /** The round was claimed before: by another tab, or before a restart. */
  | 'already-claimed'
  | 'training-failed'
  /** What must be durable before a message could not be written. */
  | 'store-unavailable';

export type RoundOutcome = {
  /** Messages that contradict accepted ones: a sign that the coordinator cheats. */
  readonly contradictions?: number;
} & (
  | { readonly outcome: 'completed'; readonly survivors: number; readonly isIncluded: boolean }
  | { readonly outcome: 'declined'; readonly reason: DeclineReason }
  /** Abandoned, too late, or given up by either side. */
  | { readonly outcome: 'ended'; readonly reason: string }
);

/** Why a device will not check in for this task again. */
export type StopReason = 'task-done' | 'left' | StopCode;
const stopCodes = [
  'upgrade-required',
  'unauthorized',
  'forbidden',
  'consent-required',
  'policy-superseded',
  'budget-exhausted',
] as const;
type StopCode = (typeof stopCodes)[number];

/** A code after which the coordinator is not asked again; undefined for any other. */
export function stopCodeOf(code: string | undefined): StopCode | undefined {
  return stopCodes.find((known) => known === code);
}
