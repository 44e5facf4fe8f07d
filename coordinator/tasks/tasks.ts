/** Tasks: create, list, pause, resume, and the one way in which their records change. */

import { type Bytes, ChoraleError, hex, invariant, newId, type StoreWrite, type TaskId, utf8 } from '@chorale/shared';
import type { Registry } from '@chorale/shared/algorithms';
import { policyHash } from '@chorale/shared/consent';
import { sha256 } from '@chorale/shared/crypto';
import { canMerge, type Encoding } from '@chorale/shared/encoding';
import { noiseMultiplierFor } from '@chorale/shared/privacy';
import { chooseParameters, mostOnRoll } from '@chorale/shared/secagg';
import { idField, type NewTask, newTask, parseInput } from '@chorale/shared/wire';
import * as z from 'zod';
import type { Ports } from '../ports.ts';
import type { Accounts } from '../privacy/accounts.ts';
import { checkNoise, gridRequestOf } from '../privacy/noise.ts';
import { storeKeys } from '../store/keys.ts';
import { type Page, type PageQuery, readPage } from '../store/pages.ts';
import type { Queue } from '../store/queue.ts';
import { putRecord, readRecord } from '../store/records.ts';
import { continueLearning, type Learning, startLearning } from './learning.ts';
import { assumptionsOf, type Task, task } from './task.ts';

export interface Tasks {
  /**
   * @param input a `newTask` of the wire
   * @param idempotencyKey the same key always answers with the task that its first use created
   * @throws ChoraleError `invalid-input`, `conflict` for a key that was first used with another input
   */
  create(input: unknown, idempotencyKey?: string): Promise<Task>;
  /** @throws ChoraleError `not-found` */
  get(id: TaskId): Promise<Task>;
  page(query: PageQuery): Promise<Page<Task>>;
  all(): Promise<readonly Task[]>;
  /** @throws ChoraleError `conflict` for a task that has ended */
  pause(id: TaskId): Promise<Task>;
  /**
   * @throws ChoraleError `conflict` for a task that has ended, `budget-exhausted` where no new devices have enrolled since
   *   it was exhausted
   */
  resume(id: TaskId): Promise<Task>;
  /** Rests a running task as `exhausted` once its devices have no budget left for one more cohort. */
  settle(of: Task): Promise<Task>;
  learning(of: Task): Promise<Learning>;
  /** Writes a changed task and whatever belongs to the change in one batch. Changes of one task never overlap. */
  change(id: TaskId, decide: (before: Task) => TaskChange | Promise<TaskChange>): Promise<Task>;
}

export type TaskChange = { readonly task: Task; readonly writes?: readonly StoreWrite[] };

export type TasksOptions = {
  readonly ports: Ports;
  readonly registry: Registry;
  readonly queue: Queue;
  readonly accounts: Accounts;
  /** Called after a task was created, paused or resumed. */
  readonly onChange: (changed: Task) => void;
};

/** What an idempotency key was first used for, and the SHA-256 of what was asked then. */
const answered = z.object({ task: idField('task'), request: z.string() });
type Marker = { readonly key: string; readonly request: string };
const idempotencyKeyField = z.string().min(1).max(200);

export function createTasks({ ports, registry, queue, accounts, onChange }: TasksOptions): Tasks {
  const { store, events } = ports;

  const get = async (id: TaskId): Promise<Task> => {
    const found = await readRecord(store, storeKeys.task(id), task);
    if (!found) throw new ChoraleError('not-found', 'there is no such task');
    return found;
  };

  const change: Tasks['change'] = (id, decide) =>
    queue.run(storeKeys.task(id), async () => {
      const { task: after, writes = [] } = await decide(await get(id));
      await store.batch([putRecord(storeKeys.task(id), after), ...writes]);
      return after;
    });

  const createOnce = async (input: NewTask, marker?: Marker): Promise<Task> => {
    const { made, state } = makeTask(input, ports, registry);
    await store.batch([
      putRecord(storeKeys.task(made.id), made),
      { do: 'put', key: storeKeys.taskState(made.id), value: state },
      ...(marker === undefined ? [] : [putRecord(marker.key, { task: made.id, request: marker.request })]),
    ]);
    events.taskCreated(made.id, made.algorithm);
    onChange(made);
    return made;
  };

  const moveTo = async (id: TaskId, state: 'running' | 'paused'): Promise<Task> => {
    const moved = await change(id, async (before) => {
      const after = { ...before, state: movedState(before, state) };
      if (before.state !== 'exhausted' || !(await accounts.isExhausted(before))) return { task: after };
      throw new ChoraleError('budget-exhausted', 'the enrolled devices have given all that they may');
    });
    events.taskStateChanged(id, state);
    onChange(moved);
    return moved;
  };

  return {
    get,
    change,
    pause: (id) => moveTo(id, 'paused'),
    resume: (id) => moveTo(id, 'running'),
    async settle(of) {
      if (of.state !== 'running' || !(await accounts.isExhausted(of))) return of;
      const settled = await change(of.id, (before) => ({
        task: before.state === 'running' ? { ...before, state: 'exhausted' } : before,
      }));
      events.taskStateChanged(settled.id, settled.state);
      return settled;
    },
    page: (query) => readPage(store, 'task', task, query),

    async create(input, idempotencyKey) {
      const parsed = parseInput(newTask, input, 'task');
      if (idempotencyKey === undefined) return createOnce(parsed);
      const key = storeKeys.answered(hashOf(checkedKey(idempotencyKey)));
      const request = hashOf(JSON.stringify(parsed));
      return queue.run(key, async () => {
        const before = await readRecord(store, key, answered);
        if (before === undefined) return createOnce(parsed, { key, request });
        if (before.request === request) return get(before.task);
        throw new ChoraleError('conflict', 'Idempotency-Key: first used for another task: take a new key');
      });
    },

    async all() {
      const items: Task[] = [];
      let page: Page<Task> = { items: [] };
      do {
        page = await readPage(store, 'task', task, { limit: 200, cursor: page.next });
        items.push(...page.items);
      } while (page.next !== undefined);
      return items;
    },

    async learning(of) {
      const state = await store.get(storeKeys.taskState(of.id));
      invariant(state, 'a task has a state');
      return continueLearning(registry, of.algorithm, state);
    },
  };
}

function makeTask(input: NewTask, { clock, random }: Ports, registry: Registry): { made: Task; state: Bytes } {
  const noiseMultiplier = noiseMultiplierFor(input.privacy);
  const terms = {
    cohort: input.cohort.size,
    noiseMultiplier: noiseMultiplier.numerator / noiseMultiplier.denominator,
    devices: input.cohort.size * input.cohort.count,
    ...(input.privacy.mechanism !== 'none' && { epsilon: input.privacy.epsilon }),
  };
  const learning = startLearning(registry, input, terms, random);
  const now = clock.now();
  const made: Task = {
    ...input,
    id: newId('task', now, random),
    consentPolicy: { ...input.consentPolicy, sha256: hex(policyHash(input.consentPolicy)) },
    state: learning.isDone ? 'done' : 'running',
    createdAt: now,
    noiseMultiplier,
    roundsCommitted: 0,
    roundsAbandoned: 0,
    abandoned: { day: 0, today: 0, inARow: 0 },
    contributions: 0,
    smallestCohort: 0,
    modelVersions: 0,
  };
  checkCohort(made, learning);
  return { made, state: learning.encode() };
}

/** A task that could never run a round is refused now, not at its first round. */
function checkCohort(made: Task, learning: Learning): void {
  const { size, minSize = size } = made.cohort;
  if (minSize > size) throw new ChoraleError('invalid-input', 'cohort: minSize: larger than the size');
  for (const devices of [minSize, size]) chooseParameters({ devices, ...assumptionsOf(made.cohort) });
  checkWeights(made, learning);
  const encoding = learning.encoding(gridRequestOf(made));
  checkNoise(made, encoding);
  checkCohorts(made, encoding);
}

/** Every device of a round of several cohorts is shown the whole roll. */
function checkCohorts({ cohort: { size, count }, merge, algorithm }: Task, { layout }: Encoding<string>): void {
  if (count > 1 && size * count > mostOnRoll)
    throw new ChoraleError(
      'invalid-input',
      `cohort: count: a round has room for ${mostOnRoll} devices in all its cohorts`,
    );
  if (canMerge(layout, merge)) return;
  throw new ChoraleError(
    'invalid-input',
    `merge: ${merge.rule} is for means, and ${algorithm} asks for sums that are none: say 'sum'`,
  );
}

/** A row count that is sent beside the update would be one more number to protect, and scale the other. */
function checkWeights({ privacy }: Task, { state }: Learning): void {
  if (privacy.mechanism === 'none' || !weightedByRows.safeParse(state).success) return;
  throw new ChoraleError(
    'invalid-input',
    "config: weighting: with differential privacy every device counts the same: say 'uniform'",
  );
}

const weightedByRows = z.looseObject({ config: z.looseObject({ weighting: z.literal('rows') }) });

function movedState(before: Task, to: 'running' | 'paused'): Task['state'] {
  if (before.state === 'running' || before.state === 'paused') return to;
  if (before.state === 'exhausted' && to === 'running') return to;
  throw new ChoraleError('conflict', `the task is ${before.state}: it can be neither paused nor resumed`);
}

function hashOf(text: string): string {
  return hex(sha256(utf8(text)));
}

function checkedKey(text: string): string {
  const parsed = idempotencyKeyField.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new ChoraleError('invalid-input', 'Idempotency-Key: 1 to 200 characters');
}
