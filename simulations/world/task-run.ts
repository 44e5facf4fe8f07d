/** One task from its creation to its last round, with everything that a laboratory may know of it. */

import type { Coordinator, Task } from '@chorale/coordinator';
import { type Bytes, bytesToFloats, type DeviceId, invariant, type RoundId, type TaskId } from '@chorale/shared';
import type { ModelManifest, NewTask, RoundView, TranscriptView } from '@chorale/shared/wire';
import type { Replay } from '../fast.ts';
import type { WorldDevice } from './device.ts';

export type TaskRun = {
  /** As it stands at the end. */
  readonly task: Task;
  /** Those that committed, in order. */
  readonly rounds: readonly CommittedRound[];
  readonly abandoned: readonly RoundView[];
  readonly model: { readonly manifest: ModelManifest; readonly parameters: Float32Array<ArrayBuffer> } | undefined;
};

export type CommittedRound = {
  readonly view: RoundView;
  readonly transcript: TranscriptView;
  /** By cohort, devices whose vectors are in its sum, in the order of the transcript. */
  readonly survivors: readonly (readonly Survivor[])[];
  /** The algorithm's state after the round, in the JSON that the coordinator stores. */
  readonly state: unknown;
};

export type Survivor = { readonly device: number; readonly roundSeed: Bytes };

export type Surroundings = {
  readonly coordinator: () => Coordinator;
  readonly devices: readonly WorldDevice[];
  /** Lets time pass until one more round has committed. */
  readonly untilCommit: () => Promise<void>;
};

/** @throws Error where the rounds do not come to an end */
export async function runTask(newTask: NewTask, { coordinator, devices, untilCommit }: Surroundings): Promise<TaskRun> {
  const { id } = await coordinator().tasks.create(newTask);
  for (const device of devices) void device.client?.refresh();
  const rounds: CommittedRound[] = [];
  for (;;) {
    await untilCommit();
    rounds.push(await recordLast(id, coordinator(), devices));
    const task = await coordinator().tasks.get(id);
    if (task.state === 'done') return { task, rounds, ...(await resultOf(task, coordinator())) };
  }
}

/** The survivors and seeds of a run, for the fast simulator to walk the same way. */
export function replayOf({ rounds }: Pick<TaskRun, 'rounds'>): Replay {
  const seeds = rounds.map(({ survivors }) => new Map(survivors.flat().map((one) => [one.device, one.roundSeed])));
  return {
    cohorts: (round) => rounds[round]?.survivors.map((cohort) => cohort.map(({ device }) => device)) ?? [],
    roundSeed(round, device) {
      const seed = seeds[round]?.get(device);
      invariant(seed, 'only survivors are replayed');
      return seed;
    },
  };
}

async function recordLast(
  task: TaskId,
  { rounds, tasks }: Coordinator,
  devices: readonly WorldDevice[],
): Promise<CommittedRound> {
  const view = await rounds.last(task);
  invariant(view?.state === 'committed', 'the last round is the one that committed');
  const transcript = await rounds.transcript(view.id as RoundId);
  const { state } = await tasks.learning(await tasks.get(task));
  const survivors = transcript.cohorts.map((cohort) =>
    cohort.survivors.map((id) => survivorOf(id as DeviceId, view, devices)),
  );
  return { view, transcript, survivors, state };
}

function survivorOf(id: DeviceId, view: RoundView, devices: readonly WorldDevice[]): Survivor {
  const task = view.task as TaskId;
  const device = devices.find((one) => one.idIn(task) === id);
  const roundSeed = device?.seedOf(task, BigInt(view.number));
  invariant(device && roundSeed, 'a survivor has drawn its round seed');
  return { device: device.index, roundSeed };
}

async function resultOf(
  { id, latestModel }: Task,
  { rounds, models }: Coordinator,
): Promise<Pick<TaskRun, 'abandoned' | 'model'>> {
  const abandoned = (await rounds.page(id, { limit: 200 })).items.filter(({ state }) => state === 'abandoned');
  if (latestModel === undefined) return { abandoned, model: undefined };
  const manifest = await models.get(latestModel);
  return {
    abandoned,
    model: { manifest, parameters: bytesToFloats(await models.parameters(manifest.parametersSha256)) },
  };
}
