/** What anybody may see of a coordinator: counts, states and versions; no device and no vector. */

import type { TaskId } from '@chorale/shared';
import type { RoundView } from '@chorale/shared/wire';
import { epsilonSpent } from '../privacy/spent.ts';
import type { Rounds } from '../rounds/rounds.ts';
import type { Task } from '../tasks/task.ts';
import type { Tasks } from '../tasks/tasks.ts';

export type TaskStatus = {
  readonly id: TaskId;
  readonly name: string;
  readonly purpose: string;
  readonly algorithm: string;
  readonly mechanism: string;
  /** ε spent by the device that took part most; undefined without noise. */
  readonly epsilon: number | undefined;
  /** Up to which ε it may go. */
  readonly epsilonLimit: number | undefined;
  readonly cohort: number;
  readonly state: string;
  readonly connected: number;
  readonly waiting: number;
  readonly roundsCommitted: number;
  readonly roundsAbandoned: number;
  readonly modelVersion: number;
  readonly summary: Readonly<Record<string, unknown>>;
  readonly lastRound:
    | Pick<RoundView, 'number' | 'state' | 'funnel' | 'durationMs' | 'contributors' | 'reason'>
    | undefined;
};

export type Status = {
  readonly at: string;
  /** Connections: a device has one for each of its tasks, under identities that nobody can link. */
  readonly connected: number;
  readonly tasks: readonly TaskStatus[];
};

export type StatusParts = {
  readonly tasks: Tasks;
  readonly rounds: Rounds;
  readonly now: () => number;
  readonly connectedCount: (task: TaskId) => number;
  readonly waitingCount: (task: TaskId) => number;
};

const shownTasks = 20;

export async function readStatus({ tasks, rounds, now, connectedCount, waitingCount }: StatusParts): Promise<Status> {
  const newestFirst = [...(await tasks.all())].reverse();
  const shown = await Promise.all(
    newestFirst.slice(0, shownTasks).map(async (task) => ({
      ...describe(task),
      connected: connectedCount(task.id),
      waiting: waitingCount(task.id),
      lastRound: lastOf(await rounds.last(task.id)),
    })),
  );
  const connected = newestFirst.reduce((count, { id }) => count + connectedCount(id), 0);
  return { at: new Date(now()).toISOString(), connected, tasks: shown };
}

function describe({ id, name, purpose, algorithm, privacy, cohort, state, ...rest }: Task) {
  const { roundsCommitted, roundsAbandoned, modelVersions, summary = {} } = rest;
  return {
    ...{ id, name, purpose, algorithm, state, roundsCommitted, roundsAbandoned, summary },
    mechanism: privacy.mechanism,
    epsilon: epsilonSpent({ privacy, mostSpent: rest.mostSpent }),
    epsilonLimit: privacy.mechanism === 'none' ? undefined : privacy.epsilon,
    cohort: cohort.size,
    modelVersion: modelVersions,
  };
}

function lastOf(round: RoundView | undefined): TaskStatus['lastRound'] {
  if (round === undefined) return undefined;
  const { number, state, funnel, durationMs, contributors, reason } = round;
  return {
    ...{ number, state, funnel },
    ...(durationMs === undefined ? {} : { durationMs }),
    ...(contributors === undefined ? {} : { contributors }),
    ...(reason === undefined ? {} : { reason }),
  };
}
