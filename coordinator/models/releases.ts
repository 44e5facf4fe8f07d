/**
 * Which of a task's models devices score with, where that is judged: a candidate takes the champion's place when a comparison on
 * devices' own rows has shown that it is no worse. Judgements are kept, refusals too: who asks often enough is told yes once.
 */

import {
  bytesToFloats,
  ChoraleError,
  floatsToBytes,
  hex,
  type ModelId,
  type StoreWrite,
  type TaskId,
} from '@chorale/shared';
import {
  type ComparisonState,
  comparison,
  floatVector,
  judgeRelease,
  pairedDifferenceOf,
  releaseCaseOf,
} from '@chorale/shared/algorithms';
import { sha256 } from '@chorale/shared/crypto';
import {
  canonicalJson,
  type ModelManifest,
  newComparison,
  newRelease,
  parseInput,
  type ReleaseView,
  releaseView,
} from '@chorale/shared/wire';
import * as z from 'zod/mini';
import type { Ports } from '../ports.ts';
import { storeKeys, under } from '../store/keys.ts';
import { type Page, type PageQuery, readPage } from '../store/pages.ts';
import { parseRecord, putRecord } from '../store/records.ts';
import type { Task } from '../tasks/task.ts';
import type { Tasks } from '../tasks/tasks.ts';
import type { Models } from './models.ts';

export interface Releases {
  /**
   * A task that compares a model with the one that devices score with.
   *
   * @param input a `newComparison` of the wire
   * @throws ChoraleError `not-found`, `invalid-input`, `conflict` where there is no other model to compare with
   */
  compare(candidate: ModelId, input: unknown, idempotencyKey?: string): Promise<Task>;
  /**
   * Judges a model, and gives it to devices if nothing stands against it.
   *
   * @param input a `newRelease` of the wire
   * @throws ChoraleError `not-found`, `invalid-input`, `conflict` where the comparison is not done, or not of these two models
   */
  release(candidate: ModelId, input: unknown): Promise<ReleaseView>;
  page(task: TaskId, query: PageQuery): Promise<Page<ReleaseView>>;
}

type Parts = { readonly ports: Ports; readonly tasks: Tasks; readonly models: Models };
type Request = z.infer<typeof newRelease>;
type Judgement = Pick<ReleaseView, 'mayRelease' | 'objections' | 'grounds'>;

const granted: Judgement = { mayRelease: true, objections: [] };

export function createReleases(parts: Parts): Releases {
  const { ports, tasks, models } = parts;
  return {
    async compare(id, input, idempotencyKey) {
      const asked = parseInput(newComparison, input, 'comparison');
      const candidate = await models.get(id);
      const { latestModel } = await tasks.get(candidate.task);
      if (latestModel === undefined || latestModel === id)
        throw new ChoraleError('conflict', 'devices score with no other model that this one could be compared with');
      const [champion, other] = await Promise.all([
        configOf(await models.get(latestModel), models),
        configOf(candidate, models),
      ]);
      const config = { ...asked.config, champion, candidate: other };
      return tasks.create({ ...asked, algorithm: comparison.name, config }, idempotencyKey);
    },

    async release(id, input) {
      const request = parseInput(newRelease, input ?? {}, 'release');
      const candidate = await models.get(id);
      let judged: ReleaseView | undefined;
      await tasks.change(candidate.task, async (before) => {
        const judgement = await judge({ before, candidate, request }, parts);
        const judgedAt = new Date(ports.clock.now()).toISOString();
        judged = { task: before.id, model: id, version: candidate.version, judgedAt, ...judgement };
        return afterJudgement(before, judged);
      });
      const { mayRelease, objections } = judged!;
      ports.events.releaseJudged(candidate.task, id, { mayRelease, objections: objections.map(({ rule }) => rule) });
      return judged!;
    },

    page: (task, query) => readPage(ports.store, `judgement/${task}`, releaseView, query),
  };
}

function afterJudgement(before: Task, judged: ReleaseView): { task: Task; writes: readonly StoreWrite[] } {
  const { judgements = 0 } = before;
  const after = { ...before, judgements: judgements + 1 };
  return {
    task: judged.mayRelease ? { ...after, latestModel: judged.model } : after,
    writes: [putRecord(storeKeys.judgement(before.id, judgements), judged)],
  };
}

type Case = { readonly before: Task; readonly candidate: ModelManifest; readonly request: Request };

async function judge({ before, candidate, request }: Case, { ports, tasks, models }: Parts): Promise<Judgement> {
  if (before.release !== 'judged')
    throw new ChoraleError('conflict', "devices get this task's models after every round: say release: 'judged'");
  if (request.comparison !== undefined) {
    const champion = before.latestModel && (await models.get(before.latestModel));
    const compared = await tasks.get(request.comparison);
    const state = await stateOf(compared, tasks);
    if (champion === undefined || !isOf(state.champion, champion) || !isOf(state.candidate, candidate))
      throw new ChoraleError('conflict', 'comparison: not of this model and the one that devices score with');
    return verdictOn({ before, candidate, request }, champion.id, compared, state);
  }
  const isFree = before.latestModel === undefined || (await wasReleased(candidate, ports));
  if (isFree) return granted;
  throw new ChoraleError('invalid-input', 'comparison: needed, since devices score with another model already');
}

function verdictOn(
  { before, candidate, request: { limits } }: Case,
  champion: ModelId,
  compared: Task,
  state: ComparisonState,
): Judgement {
  const verdict = judgeRelease({ ...releaseCaseOf(state), privacy: privacyOf(before, candidate) }, limits);
  const known = Object.entries(pairedDifferenceOf(state)).filter(([, value]) => Number.isFinite(value));
  return {
    mayRelease: verdict.mayRelease,
    objections: [...verdict.objections],
    grounds: {
      ...{ comparison: compared.id, champion, limits },
      isByOtherDevices: areApart(before, compared),
      difference: Object.fromEntries(known),
    },
  };
}

/** @throws ChoraleError `invalid-input` for a task that compares nothing, `conflict` before it is done */
async function stateOf(compared: Task, tasks: Tasks): Promise<ComparisonState> {
  if (compared.algorithm !== comparison.name)
    throw new ChoraleError('invalid-input', `comparison: a task of ${comparison.name} is needed`);
  if (compared.state !== 'done') throw new ChoraleError('conflict', 'comparison: not done yet');
  return z.parse(comparison.state, (await tasks.learning(compared)).state);
}

function isOf({ config }: ComparisonState['champion'], manifest: ModelManifest): boolean {
  const { spec, parameters, standardization } = config;
  const isSame = (a: unknown, b: unknown) => canonicalJson(a ?? null) === canonicalJson(b ?? null);
  return (
    hex(sha256(floatsToBytes(parameters))) === manifest.parametersSha256 &&
    isSame(spec, manifest.spec) &&
    isSame(standardization, manifest.standardization)
  );
}

async function configOf({ spec, standardization, parametersSha256 }: ModelManifest, models: Models) {
  const parameters = z.encode(floatVector, bytesToFloats(await models.parameters(parametersSha256)));
  return { spec, parameters, ...(standardization === undefined ? {} : { standardization }) };
}

async function wasReleased({ id, task }: ModelManifest, { store }: Ports): Promise<boolean> {
  const entries = await store.range(under(`judgement/${task}`));
  return entries.some((entry) => {
    const { model, mayRelease } = parseRecord(releaseView, entry);
    return mayRelease && model === id;
  });
}

function privacyOf({ privacy: promised }: Task, { card: { privacy: claim } }: ModelManifest) {
  if (promised.mechanism === 'none' || claim.mechanism === 'none') return undefined;
  return { epsilonSpent: claim.epsilon, epsilonPromised: promised.epsilon };
}

/** Whether one asks inside of the very fold that the other leaves out. */
function areApart({ examples: { fold: one } }: Task, { examples: { fold: other } }: Task): boolean {
  if (one === undefined || other === undefined || one.keep === other.keep) return false;
  return one.label === other.label && one.of === other.of && one.part === other.part;
}
