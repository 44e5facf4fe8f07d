/** How a round ends: everything that its sums change is written in one batch, or nothing is. */

import { type Bytes, base64url, hex, type RoundId, type TaskId, wordsToBytes } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import type { Account } from '@chorale/shared/secagg';
import type { RoundView, TranscriptView } from '@chorale/shared/wire';
import type { Models } from '../models/models.ts';
import type { Ports } from '../ports.ts';
import { claimOf } from '../privacy/claim.ts';
import { addCentralNoise } from '../privacy/noise.ts';
import { epsilonSpent } from '../privacy/spent.ts';
import { storeKeys } from '../store/keys.ts';
import { putRecord } from '../store/records.ts';
import type { Learning } from '../tasks/learning.ts';
import { type Task, withModel } from '../tasks/task.ts';
import type { TaskChange, Tasks } from '../tasks/tasks.ts';
import { aggregateOf, type Committed, type CommittedCohort } from './aggregation.ts';
import type { OpenedRound } from './opening.ts';
import { afterAbandoned } from './pacing.ts';
import { receiptsRoot, writesOfReceipts } from './receipts.ts';
import { closed, type RoundEnd, writesOf } from './rounds.ts';

type Parts = { readonly ports: Ports; readonly tasks: Tasks; readonly models: Models };

/**
 * @param receipts hashes of the receipts behind the survivors' vectors, in the order of cohorts and their survivors
 * @returns the task as it stands after the round; its state, its model and the round's record are durable then
 */
export async function commitRound(
  { ports, tasks, models }: Parts,
  opened: OpenedRound,
  outcome: Committed,
  receipts: readonly Bytes[],
): Promise<Task> {
  const { plan, record } = opened;
  // Each sum is released, so each has the whole noise: a device is in one of them.
  for (const { sum } of outcome.cohorts) await addCentralNoise(sum, plan, ports);
  const round = record.id as RoundId;
  const root = receiptsRoot(receipts);
  return tasks.change(record.task, async (before): Promise<TaskChange> => {
    const aggregate = aggregateOf(outcome.cohorts, opened);
    const { contributors } = aggregate;
    const learning = opened.learning.afterRound(aggregate);
    const counted = countCommitted(before, outcome.cohorts, learning);
    const published = learning.model && { task: counted, learned: learning.model, round, receiptsRoot: root };
    const model = published && (await models.prepare(published));
    const figures = { contributors, ...figuresOf(outcome), ...epsilonOf(counted), model: model?.manifest.id };
    const transcript = { ...transcriptOf(opened, outcome.cohorts), privacy: claimOf(counted), receiptsRoot: root };
    return {
      task: model ? withModel(counted, model.manifest.id) : counted,
      writes: [
        { do: 'put', key: storeKeys.taskState(before.id), value: learning.encode() },
        ...writesOf(closed(record, { state: 'committed', ...figures }, ports.clock.now())),
        putRecord(storeKeys.transcript(round), transcript satisfies TranscriptView),
        ...writesOfReceipts(round, receipts),
        ...(model?.writes ?? []),
      ],
    };
  });
}

function epsilonOf(task: Task): Pick<RoundView, 'epsilon'> {
  const epsilon = epsilonSpent(task);
  return epsilon === undefined ? {} : { epsilon };
}

/** Records why a round gave nothing. */
export async function abandonRound(
  { ports, tasks }: Pick<Parts, 'ports' | 'tasks'>,
  record: RoundView,
  end: Omit<Extract<RoundEnd, { state: 'abandoned' }>, 'state'>,
): Promise<Task> {
  const now = ports.clock.now();
  const task = await tasks.change(record.task as TaskId, (before) => ({
    task: {
      ...before,
      roundsAbandoned: before.roundsAbandoned + 1,
      abandoned: afterAbandoned(before.abandoned, now),
    },
    writes: writesOf(closed(record, { ...end, ...epsilonOf(before), state: 'abandoned' }, now)),
  }));
  ports.events.roundAbandoned({ task: record.task, round: BigInt(record.number) }, end.reason);
  return task;
}

function countCommitted(before: Task, cohorts: readonly CommittedCohort[], { isDone, summary }: Learning): Task {
  const sizes = cohorts.map(({ survivors }) => survivors.length);
  const smallest = Math.min(...sizes);
  return {
    ...before,
    // A task that was paused during the round stays paused.
    state: isDone ? 'done' : before.state,
    summary,
    roundsCommitted: before.roundsCommitted + 1,
    abandoned: { ...before.abandoned, inARow: 0 },
    contributions: before.contributions + sizes.reduce((sum, size) => sum + size, 0),
    smallestCohort: before.smallestCohort === 0 ? smallest : Math.min(before.smallestCohort, smallest),
  };
}

/** What may be said of a round in public: counts. */
export function figuresOf({ funnel, droppedByTurn }: Account): Pick<RoundView, 'funnel' | 'droppedByTurn'> {
  const { invited, advertised, dealt, acknowledged, masked, certified, unmasked } = funnel;
  const answered = { advertise: advertised, deal: dealt, acknowledge: acknowledged, 'masked-input': masked };
  return {
    funnel: { invited, answered: { ...answered, certify: certified, unmask: unmasked } },
    droppedByTurn,
  };
}

function transcriptOf({ record, planBytes, merge }: OpenedRound, cohorts: readonly CommittedCohort[]) {
  return {
    round: record.id,
    plan: base64url(planBytes),
    cohorts: cohorts.map(({ transcript, survivors, sum }) => ({
      header: base64url(transcript.header),
      survivors: [...survivors],
      sumSha256: hex(sha256(wordsToBytes(sum))),
    })),
    merge,
  };
}
