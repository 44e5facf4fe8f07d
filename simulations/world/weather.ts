/** What befalls a world from outside. The world asks at each step; whoever answers draws from a seed of its own. */

import type { TaskId } from '@chorale/shared';
import type { StoreOperation } from '@chorale/shared/adapters/node';
import type { TurnName } from '@chorale/shared/wire';
import type { ClockFault } from './life.ts';

/** A program of the world: the coordinator, or the device of an index. */
export type Place = 'coordinator' | number;

/** A device about to answer a turn. */
export type LeavingMoment = {
  readonly device: number;
  readonly task: TaskId;
  readonly round: bigint;
  readonly turn: TurnName;
};

/**
 * What a medium does instead of its work: refuse it, or lose its power just before or just after. A batch is all or
 * nothing by contract, so the process that dies with it leaves either.
 */
export type Mishap = 'refuses' | 'dies before' | 'dies after';

export type HttpFate = {
  /** Of the request and of its answer, one way each. */
  readonly delayMs: number;
  /** The connection breaks before the request arrives, or before its answer does. */
  readonly breaks?: 'before' | 'after' | undefined;
};

export type Weather = {
  storage(at: Place, operation: StoreOperation): Mishap | undefined;
  /** How long one operation of a store takes. */
  storageDelayMs(at: Place): number;
  http(device: number): HttpFate;
  /** Whether a device crashes instead of answering a turn, or as soon as its answer is on the way. */
  leaves(moment: LeavingMoment): 'before' | 'after' | undefined;
  /** Whether the coordinator dies at a step of a round. */
  falls(step: string): boolean;
  /** How the clock of a program that starts now is wrong: within a day. */
  clockFault(at: Place): ClockFault;
  /** How long a dead program stays away. */
  awayMs(at: Place): number;
};

export const fairWeather: Weather = {
  storage: () => undefined,
  storageDelayMs: () => 0,
  http: () => ({ delayMs: 0 }),
  leaves: () => undefined,
  falls: () => false,
  clockFault: () => ({ skewMs: 0, driftPerMille: 0 }),
  awayMs: () => 1500,
};
