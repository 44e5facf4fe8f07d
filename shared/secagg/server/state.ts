/**
 * The states of a whole round: devices gather, then each is in one of the cohorts that formed, or none forms. And the few
 * ways in which a step can end before there are cohorts.
 */

import type { Bytes } from '../../bytes.ts';
import type { CryptoJob, ResultOf } from '../../crypto/index.ts';
import type { DeviceId } from '../../ids.ts';
import type { Instant } from '../../ports.ts';
import type { Advertisement } from '../roster.ts';
import { type Arrivals, arrivalsOf } from './arrivals.ts';
import {
  type AbandonReason,
  type Account,
  emptyAccount,
  noOutcome,
  type ServerEffect,
  type ServerSetup,
  type Stepped,
  type Working,
  workOn,
} from './round.ts';
import type { CohortState } from './run.ts';

/** What is known at R0. */
export type Gathered = {
  readonly setup: ServerSetup;
  readonly planHash: Bytes;
  readonly invited: ReadonlySet<DeviceId>;
  /** When the event under way happened. */
  readonly now: Instant;
  readonly lastId: number;
  readonly disconnected: ReadonlySet<DeviceId>;
  /** Out for good: by their own wish, or because their advertisement was not valid. */
  readonly withdrawn: ReadonlySet<DeviceId>;
  readonly advertised: Arrivals<DeviceId, Advertisement>;
};

export type Gathering = {
  readonly at: 'gathering';
  readonly gathered: Gathered;
  readonly phase: Admitting | Working<Gathered, ServerState>;
};

/** Advertisements are taken in. */
export type Admitting = {
  readonly at: 'admitting';
  readonly deadline: Instant;
  /** Advertisements whose signatures have been found valid. */
  readonly verified: ReadonlySet<DeviceId>;
};

export type Formed = {
  readonly at: 'formed';
  readonly invited: ReadonlySet<DeviceId>;
  readonly withdrawn: ReadonlySet<DeviceId>;
  /** Devices for which the cohorts had no room. */
  readonly surplus: ReadonlySet<DeviceId>;
  readonly cohortOf: ReadonlyMap<DeviceId, number>;
  readonly cohorts: readonly CohortState[];
  readonly leastCohorts: number;
  /** Up to the rosters. */
  readonly account: Account;
  /** The one wake that is ordered. */
  readonly wakeAt: Instant | undefined;
};

/** No cohort formed. */
export type Dissolved = {
  readonly at: 'dissolved';
  readonly invited: ReadonlySet<DeviceId>;
  /** Devices that waited for a roster. */
  readonly waiting: ReadonlySet<DeviceId>;
};

export type ServerState = Gathering | Formed | Dissolved;
export type Step = Stepped<ServerState>;

/** Orders a job and goes on with its result. A job that cannot be done ends the round. */
export function compute<Job extends CryptoJob>(
  gathered: Gathered,
  job: Job,
  then: (gathered: Gathered, result: ResultOf<Job>) => Step,
): Step {
  const id = gathered.lastId + 1;
  const phase = workOn(id, job, then, (later: Gathered) => dissolve(later, 'computation-failed'));
  return [{ at: 'gathering', gathered: { ...gathered, lastId: id }, phase }, [{ do: 'compute', id, job }]];
}

/** Ends a round without cohorts, and tells everybody who waited for a roster. */
export function dissolve(
  { invited, advertised, withdrawn }: Gathered,
  reason: AbandonReason,
  account: Account = emptyAccount(invited.size),
): Step {
  const outcome = { kind: 'abandoned', reason, turn: 'advertise', ...account } as const;
  const waiting = arrivalsOf(advertised)
    .map(([device]) => device)
    .filter((device) => !withdrawn.has(device));
  const farewells = waiting.map((device): ServerEffect => ({ do: 'send', to: device, message: noOutcome }));
  return [{ at: 'dissolved', invited, waiting: new Set(waiting) }, [...farewells, { do: 'finish', outcome }]];
}
