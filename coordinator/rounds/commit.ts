/** How a round ends: everything that its sum changes is written in one batch, or nothing is. */

import { type Bytes, base64url, hex, type RoundId, type TaskId, wordsToBytes } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import { decode, type SumOf } from '@chorale/shared/encoding';
import { type CohortOutcome, decodeHeader, type Plan } from '@chorale/shared/secagg';
import type { RoundView, TranscriptView } from '@chorale/shared/wire';
import type { Models } from '../models/models.ts';
import type { Ports } from '../ports.ts';
import { claimOf } from '../privacy/claim.ts';
import { addCentralNoise, centralNoise } from '../privacy/noise.ts';
import { epsilonSpent } from '../privacy/spent.ts';
import { storeKeys } from '../store/keys.ts';
import { putRecord } from '../store/records.ts';
import { type Task, withModel } from '../tasks/task.ts';
import type { TaskChange, Tasks } from '../tasks/tasks.ts';
import type { OpenedRound } from './opening.ts';
import { afterAbandoned } from './pacing.ts';
import { receiptsRoot, writesOfReceipts } from './receipts.ts';
import { closed, type RoundEnd, writesOf } from './rounds.ts';

export type Committed = Extract<CohortOutcome, { kind: 'committed' }>;
export type Abandoned = Extract<CohortOutcome, { kind: 'abandoned' }>;
type Parts = { readonly ports: Ports; readonly tasks: Tasks; readonly models: Models };

/**
 * @param receipts hashes of the receipts behind the survivors' vectors, in the survivors' order
 * @returns the task as it stands after the round; its state, its model and the round's record are durable then
 */
export async function commitRound(
  { ports, tasks, models }: Parts,
  opened: OpenedRound,
  outcome: Committed,
  receipts: readonly Bytes[],
): Promise<Task> {
  const { plan, record } = opened;
  await addCentralNoise(outcome.sum, plan, ports);
  const round = record.id as RoundId;
  const root = receiptsRoot(receipts);
  return tasks.change(record.task, async (before): Promise<TaskChange> => {
    const contributors = outcome.survivors.length;
    const learning = opened.learning.afterRound(decode(outcome.sum, opened.encoding, sumOf(plan, outcome)));
    const counted = countCommitted(before, contributors, learning.isDone, learning.summary);
    const published = learning.model && { task: counted, learned: learning.model, round, receiptsRoot: root };
    const model = published && (await models.prepare(published));
    const figures = { contributors, ...figuresOf(outcome), ...epsilonOf(counted), model: model?.manifest.id };
    const transcript = { ...transcriptOf(opened, outcome), privacy: claimOf(counted), receiptsRoot: root };
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

/** What is known of the noise in a sum: the devices' from the header that they all saw, and the coordinator's own. */
function sumOf(plan: Plan, { survivors, transcript }: Committed): SumOf {
  const { noiseVariance } = decodeHeader(transcript.header);
  return { contributors: survivors.length, noiseVariance, centralVariance: centralNoise(plan) };
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

function countCommitted(before: Task, contributors: number, isDone: boolean, summary: Task['summary']): Task {
  return {
    ...before,
    // A task that was paused during the round stays paused.
    state: isDone ? 'done' : before.state,
    summary,
    roundsCommitted: before.roundsCommitted + 1,
    abandoned: { ...before.abandoned, inARow: 0 },
    contributions: before.contributions + contributors,
    smallestCohort: before.smallestCohort === 0 ? contributors : Math.min(before.smallestCohort, contributors),
  };
}

/** What may be said of a round in public: counts. */
export function figuresOf({ funnel, droppedByTurn }: CohortOutcome): Pick<RoundView, 'funnel' | 'droppedByTurn'> {
  const { invited, advertised, dealt, acknowledged, masked, certified, unmasked } = funnel;
  const answered = { advertise: advertised, deal: dealt, acknowledge: acknowledged, 'masked-input': masked };
  return {
    funnel: { invited, answered: { ...answered, certify: certified, unmask: unmasked } },
    droppedByTurn,
  };
}

function transcriptOf({ record, planBytes }: OpenedRound, { transcript, survivors, sum }: Committed) {
  return {
    round: record.id,
    plan: base64url(planBytes),
    header: base64url(transcript.header),
    survivors: [...survivors],
    sumSha256: hex(sha256(wordsToBytes(sum))),
  };
}
