import { createTfjsTrainer } from '@chorale/client/training';
import { base64url, floatsToBytes, hex, wordsToBytes } from '@chorale/shared';
import {
  type AnyAlgorithm,
  builtIn,
  type LabelledRow,
  type MomentsState,
  moments,
  standardizationOfMoments,
  toJson,
  treeBoosting,
} from '@chorale/shared/algorithms';
import { sha256 } from '@chorale/shared/crypto';
import { encodedBounds, labelledSnapshots } from '@chorale/shared/features';
import type { Trainer } from '@chorale/shared/models';
import { seededRandom, treesOfOneTable } from '@chorale/shared/testing';
import type { NewTask } from '@chorale/shared/wire';
import { beforeAll, describe, expect, it } from 'vitest';
import { schemaOf, tasks } from './datasets/tasks.ts';
import { runFast } from './fast.ts';
import { syntheticCustomers } from './population/synthetic.ts';
import { syntheticVisitors } from './population/visits.ts';
import { createWorld, type LeavingMoment, replayOf, rowSource, type TaskRun, type WorldOptions } from './world.ts';

let trainer: Trainer;
beforeAll(async () => {
  trainer = await createTfjsTrainer({ backend: 'cpu' });
});

const cohort = 12;
const width = 3;

/** People whose rows follow one rule, with chance; some have no row at all. */
function people(seed: string, count = 18): LabelledRow[][] {
  const random = seededRandom(`people of ${seed}`);
  const row = (): LabelledRow => {
    const features = Float32Array.from({ length: width }, () => 3 + 2 * random.normal());
    return { features, label: features[0]! - features[1]! + random.normal() > 0 ? 1 : 0 };
  };
  return Array.from({ length: count }, () => Array.from({ length: random.below(9) }, row));
}

const common = {
  purpose: 'training',
  examples: { source: rowSource },
  consentPolicy: { language: 'en', text: 'We add up, we do not look.' },
  privacy: { mechanism: 'none' },
  cohort: { size: cohort, minSize: cohort, count: 1, corrupt: 0.1, dropout: 0.3, sigma: 80, eta: 30 },
  merge: { rule: 'sum' },
  intervalMs: 0,
} as const;

const momentsTask: NewTask = {
  ...common,
  name: 'moments',
  algorithm: 'moments/1',
  config: { bounds: { lower: [-9, -9, -9], upper: [15, 15, 15] }, maxRows: 5 },
};

function trainingTask(state: MomentsState, rounds = 3): NewTask {
  return {
    ...common,
    name: 'training',
    algorithm: 'fed-avg/1',
    config: {
      spec: { family: 'linear', inputs: width, output: 'sigmoid' },
      server: { optimizer: 'adam', learningRate: 0.1 },
      client: { epochs: 2, batchSize: 3, learningRate: 0.5 },
      clipNorm: 1,
      maxRows: 6,
      standardization: standardizationOfMoments(state),
      rounds,
    },
  };
}

function evaluationTask({ model }: TaskRun): NewTask {
  const { spec, standardization } = model!.manifest;
  const parameters = base64url(floatsToBytes(model!.parameters));
  return {
    ...common,
    name: 'evaluation',
    algorithm: 'evaluation/1',
    config: { spec, parameters, standardization, maxRows: 4 },
  };
}

/** At every turn of every round, the first device that wants to answer goes away. */
function oneLeavesAtEachTurn(): (moment: LeavingMoment) => boolean {
  const left = new Set<string>();
  return ({ task, round, turn }) => left.size < left.add(`${task}/${round}/${turn}`).size;
}

/** Moments, training and evaluation, each on what the one before found. */
async function playAll(options: Omit<WorldOptions, 'trainer'>) {
  const world = await createWorld({ ...options, trainer });
  const spread = await world.runTask(momentsTask);
  const training = await world.runTask(trainingTask(moments.state.parse(spread.rounds[0]!.state)));
  const evaluation = await world.runTask(evaluationTask(training));
  await world.close();
  return {
    spread,
    training,
    evaluation,
    defects: world.defects,
    errors: world.devices.flatMap(({ errors }) => errors),
  };
}

/** What the fast simulator makes of the survivors and seeds of a world, in the shape of `told`. */
async function replayed({ task, rounds }: TaskRun, devices: readonly LabelledRow[][]) {
  const algorithm = builtIn.get(task.algorithm) as AnyAlgorithm;
  const { config } = task;
  const { merge } = task;
  const options = { algorithm, config, devices, trainer, seed: 'unused', cohort, merge, ...replayOf({ rounds }) };
  const replay: { sums: string[]; state: unknown }[] = [];
  for await (const { cohorts, state } of runFast(options)) {
    const sums = cohorts.map(({ sum }) => hex(sha256(wordsToBytes(sum))));
    replay.push({ sums, state: toJson(algorithm.state, state) });
  }
  return replay;
}

/** Sums and states, as the coordinator of a world has published and stored them. */
function told({ rounds }: TaskRun) {
  return rounds.map(({ transcript: { cohorts }, state }) => ({
    sums: cohorts.map(({ sumSha256 }) => sumSha256),
    state,
  }));
}

const bad: WorldOptions['faults'] = {
  delayMs: { min: 5, max: 400 },
  lossProbability: 0.01,
  duplicateProbability: 0.05,
  breakProbability: 0.01,
};

describe('fast and world', () => {
  const seed = 'fast is world';
  const rows = people(seed);
  const devices = rows.map((own) => ({ rows: own }));
  let runs: Awaited<ReturnType<typeof playAll>>;
  beforeAll(async () => {
    runs = await playAll({ seed, devices, leaves: oneLeavesAtEachTurn() });
  });

  it('agree bit for bit on the same survivors of moments, training and evaluation', async () => {
    for (const run of [runs.spread, runs.training, runs.evaluation])
      expect(await replayed(run, rows), `seed ${seed}: ${run.task.name}`).toEqual(told(run));
    expect([runs.spread, runs.training, runs.evaluation].map(({ rounds }) => rounds.length)).toEqual([1, 3, 1]);
  });

  it('agree on the model that the coordinator publishes', async () => {
    const { training } = runs;
    const last = (await replayed(training, rows)).at(-1)!;
    const parameters = base64url(floatsToBytes(training.model!.parameters));
    expect(last.state).toMatchObject({ round: 3, parameters });
    expect(training.model!.parameters.every((value) => value !== 0)).toBe(true);
  });

  it('agree although devices left at every turn, and only those who had masked are in the sum', () => {
    for (const { view, survivors } of runs.training.rounds) {
      const { deal, acknowledge, 'masked-input': masked, unmask } = view.funnel.answered;
      expect([deal, acknowledge, masked, unmask], `seed ${seed}`).toEqual([11, 10, 9, 7]);
      expect(survivors.flat()).toHaveLength(9);
    }
    expect([runs.defects, runs.errors, runs.training.abandoned]).toEqual([[], [], []]);
  });

  /** A survivor of the first round who has something to say. */
  const speakerIn = ({ rounds }: TaskRun) =>
    rounds[0]!.survivors
      .flat()
      .map(({ device }) => device)
      .find((device) => rows[device]!.length > 0)!;

  it('agree on a clip norm that moves', async () => {
    const task = trainingTask(moments.state.parse(runs.spread.rounds[0]!.state));
    const config = { ...(task.config as object), clipNorm: { initial: 0.1, quantile: 0.7 }, weighting: 'uniform' };
    const world = await createWorld({ seed, devices, trainer });
    const run = await world.runTask({ ...task, config });
    await world.close();
    expect(await replayed(run, rows), `seed ${seed}`).toEqual(told(run));
    const norms = run.rounds.map(({ state }) => (state as { clip: { norm: number } }).clip.norm);
    expect(new Set([0.1, ...norms]).size).toBe(4);
  });

  it('agree cohort by cohort, and on what a merge makes of the cohorts', async () => {
    const crowd = people('crowd of cohorts', 52);
    const world = await createWorld({ seed, devices: crowd.map((own) => ({ rows: own })), trainer });
    const task = trainingTask(moments.state.parse(runs.spread.rounds[0]!.state), 2);
    const cohorts = { ...task.cohort, size: 10, minSize: 10, count: 5 };
    const run = await world.runTask({ ...task, cohort: cohorts, merge: { rule: 'trimmed-mean', trim: 0.2 } });
    await world.close();
    expect(run.rounds.map(({ survivors }) => survivors.length)).toEqual([5, 5]);
    expect(await replayed(run, crowd), `seed ${seed}`).toEqual(told(run));
    const summed = await replayed({ ...run, task: { ...run.task, merge: { rule: 'sum' } } }, crowd);
    expect(summed[0]!.sums).toEqual(told(run)[0]!.sums);
    expect(summed[0]!.state).not.toEqual(told(run)[0]!.state);
  });

  it('grow the trees that one table of all rows gives, bit for bit', async () => {
    const everybody = people('trees', cohort);
    const edges = [[0, 2, 4, 6], [3], [1, 5]];
    const config = { edges, trees: 2, depth: 2, minChildWeight: 0.5 };
    const world = await createWorld({ seed, devices: everybody.map((own) => ({ rows: own })), trainer });
    const run = await world.runTask({ ...common, name: 'trees', algorithm: 'tree-boosting/1', config });
    await world.close();
    expect(run.rounds.map(({ survivors }) => survivors.flat().length)).toEqual([12, 12, 12, 12]);
    expect(await replayed(run, everybody), `seed ${seed}`).toEqual(told(run));
    const table = treesOfOneTable(everybody.flat(), treeBoosting.config.parse(config));
    expect(
      [...run.model!.parameters].map((value) => value + 0),
      `seed ${seed}`,
    ).toEqual(table.map((value) => value + 0));
    // Both trees ask something at their root: a tree of this depth is ten numbers.
    expect(Math.min(table[1]!, table[11]!)).toBeGreaterThanOrEqual(0);
  });

  it('differ when a single label of a single survivor is another', async () => {
    const { training } = runs;
    const speaker = speakerIn(training);
    const [first, ...others] = rows[speaker]!;
    const changed = rows.map((own, device) =>
      device === speaker ? [{ ...first!, label: 1 - first!.label }, ...others] : own,
    );
    const [replay] = await replayed(training, changed);
    expect(replay!.sums).not.toEqual(told(training)[0]!.sums);
  });

  it('differ when a single survivor is left out', async () => {
    const { training } = runs;
    const speaker = speakerIn(training);
    const rounds = training.rounds.map((round) => ({
      ...round,
      survivors: round.survivors.map((cohort) => cohort.filter(({ device }) => device !== speaker)),
    }));
    const [replay] = await replayed({ ...training, rounds }, rows);
    expect(replay!.sums).not.toEqual(told(training)[0]!.sums);
  });

  it.each([
    'faulty 1',
    'faulty 2',
  ])('agree over a network that delays, loses, repeats and breaks (seed %s)', async (seed) => {
    const runs = await playAll({ seed, devices, faults: bad });
    for (const run of [runs.spread, runs.training, runs.evaluation])
      expect(await replayed(run, rows), run.task.name).toEqual(told(run));
    expect(runs.defects).toEqual([]);
  });

  it.each([
    ['synthetic', syntheticCustomers],
    ['synthetic-visits', syntheticVisitors],
  ] as const)('agree on rows that the devices make of their own events: %s', async (name, inventedPeople) => {
    const { train } = tasks[name]['purchase-7d'];
    const customers = inventedPeople({ seed, customers: 16 });
    const world = await createWorld({ seed, devices: customers, trainer });
    const bounds = schemaOf(train).features.map(encodedBounds);
    const config = { bounds: { lower: bounds.map(({ lo }) => lo), upper: bounds.map(({ hi }) => hi) } };
    const run = await world.runTask({ ...momentsTask, examples: train, config });
    await world.close();
    const rows = customers.map(({ events }) => labelledSnapshots(events, train, Number.MAX_SAFE_INTEGER));
    expect(run.task.summary!.rows, `seed ${seed}`).toBeGreaterThan(100);
    expect(await replayed(run, rows)).toEqual(told(run));
  });
});

describe('a world', () => {
  const devices = people('world').map((rows) => ({ rows }));

  it('happens the same way again from the same seed, byte for byte, and another way from another', async () => {
    const play = async (seed: string) => {
      const world = await createWorld({ seed, devices, trainer, leaves: oneLeavesAtEachTurn(), faults: bad });
      const run = await world.runTask(trainingTask(spread, 2));
      await world.close();
      return { run, endedAt: world.clock.now() };
    };
    const [once, again, other] = [await play('twice'), await play('twice'), await play('another')];
    expect(again).toEqual(once);
    expect(other.run.rounds[0]!.transcript).not.toEqual(once.run.rounds[0]!.transcript);
    expect(other.run.model!.parameters).not.toEqual(once.run.model!.parameters);
  });

  it('of too few devices ends with the seed to try again', async () => {
    const world = await createWorld({ seed: 'lonely', devices: devices.slice(0, 5), trainer });
    await expect(world.runTask(momentsTask)).rejects.toThrow('seed lonely');
    await world.close();
  });
});

/** Moments that nobody had to find first. */
const spread: MomentsState = moments.state.parse({
  config: momentsTask.config,
  round: 1,
  count: 10,
  sums: [0, 0, 0],
  squares: [5, 5, 5],
});
