/** A task: a purpose, an algorithm, the policies it runs under, and where it stands. */

import type { ModelId } from '@chorale/shared';
import { leastCohorts } from '@chorale/shared/encoding';
import { idField, type NewTask, newTask, sha256Field, type TaskView, taskState } from '@chorale/shared/wire';
import * as z from 'zod';
import { epsilonSpent, spent } from '../privacy/spent.ts';

const count = z.number().int().nonnegative();

/** What the store keeps of a task; its algorithm's state has a key of its own. */
export const task = z.object({
  id: idField('task'),
  name: z.string(),
  purpose: newTask.shape.purpose,
  algorithm: newTask.shape.algorithm,
  config: z.unknown(),
  examples: newTask.shape.examples,
  consentPolicy: z.object({ language: z.string(), text: z.string(), sha256: sha256Field }),
  privacy: newTask.shape.privacy,
  cohort: newTask.shape.cohort,
  merge: newTask.shape.merge,
  limits: newTask.shape.limits,
  intervalMs: newTask.shape.intervalMs,
  release: newTask.shape.release,
  state: taskState,
  createdAt: z.number(),
  roundsCommitted: count,
  roundsAbandoned: count,
  /** Abandoned rounds of one UTC day and in a row: they are capped and slowed down. */
  abandoned: z.object({ day: count, today: count, inARow: count }),
  /** z, as the promise needed it when the task was made; 0/1 without noise. */
  noiseMultiplier: z.object({ numerator: count, denominator: count.min(1) }),
  /** What the device that took part most has spent; absent before the first round with noise. */
  mostSpent: spent.optional(),
  /** Contributors of all committed rounds together. */
  contributions: count,
  /** Smallest number of contributors in any committed round; 0 before the first. */
  smallestCohort: count,
  modelVersions: count,
  /** What devices score with. */
  latestModel: z.optional(idField('model')),
  /** Releases that were asked for, refused ones included; absent before the first. */
  judgements: count.optional(),
  summary: z.record(z.string(), z.unknown()).optional(),
});
export type Task = z.infer<typeof task>;

export function viewOfTask(of: Task): TaskView {
  const { id, name, purpose, algorithm, examples, consentPolicy, privacy, cohort, merge, state } = of;
  const { createdAt, roundsCommitted, roundsAbandoned, summary, latestModel, release } = of;
  const epsilon = epsilonSpent(of);
  return {
    ...{ id, name, purpose, algorithm, examples, consentPolicy, privacy, cohort, merge, state },
    createdAt: new Date(createdAt).toISOString(),
    roundsCommitted,
    roundsAbandoned,
    ...(epsilon === undefined ? {} : { epsilon }),
    ...(summary === undefined ? {} : { summary }),
    ...(latestModel === undefined ? {} : { latestModel }),
    ...(release === undefined ? {} : { release }),
  };
}

/** A task with one more model, in the words of its record; devices get it at once unless releases are judged. */
export function withModel(of: Task, model: ModelId): Task {
  const versions = { ...of, modelVersions: of.modelVersions + 1 };
  return of.release === 'judged' ? versions : { ...versions, latestModel: model };
}

/** Devices without whom no round can give anything: the least cohorts that its merge needs, each as small as may be. */
export function leastDevices({ cohort: { size, minSize = size }, merge }: Pick<Task, 'cohort' | 'merge'>): number {
  return minSize * leastCohorts(merge);
}

/** The cohort policy in the protocol's units: basis points. */
export function assumptionsOf({ corrupt, dropout, sigma, eta }: NewTask['cohort']) {
  return {
    corruptBasisPoints: Math.round(corrupt * 10_000),
    dropoutBasisPoints: Math.round(dropout * 10_000),
    sigma,
    eta,
  };
}
