/** How a round ends: everything that its sum changes is written in one batch, or nothing is. */

import { base64url, hex, type RoundId, type TaskId, wordsToBytes } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import { decode } from '@chorale/shared/encoding';
import type { ServerOutcome } from '@chorale/shared/secagg';
import type { RoundView, TranscriptView } from '@chorale/shared/wire';
import type { Models } from '../models/models.ts';
import type { Ports } from '../ports.ts';
import { storeKeys } from '../store/keys.ts';
import { putRecord } from '../store/records.ts';
import { type Task, withModel } from '../tasks/task.ts';
import type { TaskChange, Tasks } from '../tasks/tasks.ts';
import type { OpenedRound } from './opening.ts';
import { afterAbandoned } from './pacing.ts';
import { closed, type RoundEnd, writesOf } from './rounds.ts';

export type Committed = Extract<ServerOutcome, { kind: 'committed' }>;
export type Abandoned = Extract<ServerOutcome, { kind: 'abandoned' }>;
type Parts = { readonly ports: Ports; readonly tasks: Tasks; readonly models: Models };

/** @returns the task as it stands after the round; its state, its model and the round's record are durable then */
export function commitRound({ ports, tasks, models }: Parts, opened: OpenedRound, outcome: Committed): Promise<Task> {
  return tasks.change(opened.record.task, async (before): Promise<TaskChange> => {
    const contributors = outcome.survivors.length;
    const aggregate = decode(outcome.sum, opened.encoding, { contributors, noiseVariance: 0n });
    const learning = opened.learning.afterRound(aggregate);
    const published = learning.model && {
      ...{ task: before, learned: learning.model, contributors },
      round: opened.record.id as RoundId,
    };
    const model = published && (await models.prepare(published));
    const figures = { contributors, ...figuresOf(outcome), model: model?.manifest.id };
    const counted = countCommitted(before, contributors, learning.isDone, learning.summary);
    return {
      task: model ? withModel(counted, model.manifest.id) : counted,
      writes: [
        { do: 'put', key: storeKeys.taskState(before.id), value: learning.encode() },
        ...writesOf(closed(opened.record, { state: 'committed', ...figures }, ports.clock.now())),
        putRecord(storeKeys.transcript(opened.record.id as RoundId), transcriptOf(opened, outcome)),
        ...(model?.writes ?? []),
      ],
    };
  });
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
    writes: writesOf(closed(record, { ...end, state: 'abandoned' }, now)),
  }));
  ports.events.roundAbandoned({ task: record.task, round: BigInt(record.number) }, end.reason);
  return task;
}

function countCommitted(before: Task, contributors: number, isDone: boolean, summary: Task['summary']): Task {
  return {
    ...before,
    // A task that was paused during the round stays paused.
    state: isDone ? 'done' : before.state,
    summary,
    roundsCommitted: before.roundsCommitted + 1,
    abandoned: { ...before.abandoned, inARow: 0 },
    smallestCohort: before.smallestCohort === 0 ? contributors : Math.min(before.smallestCohort, contributors),
  };
}

/** What may be said of a round in public: counts. */
export function figuresOf({ funnel, droppedByTurn }: ServerOutcome): Pick<RoundView, 'funnel' | 'droppedByTurn'> {
  const { invited, advertised, dealt, acknowledged, masked, certified, unmasked } = funnel;
  const answered = { advertise: advertised, deal: dealt, acknowledge: acknowledged, 'masked-input': masked };
  return {
    funnel: { invited, answered: { ...answered, certify: certified, unmask: unmasked } },
    droppedByTurn,
  };
}

function transcriptOf({ record, planBytes }: OpenedRound, { transcript, survivors, sum }: Committed): TranscriptView {
  return {
    round: record.id,
    plan: base64url(planBytes),
    header: base64url(transcript.header),
    survivors: [...survivors],
    sumSha256: hex(sha256(wordsToBytes(sum))),
  };
}
