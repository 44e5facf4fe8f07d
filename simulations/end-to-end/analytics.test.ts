import {
  type AnyAlgorithm,
  builtIn,
  clusterAt,
  density,
  densityMapOf,
  type LabelledRow,
  type TextRow,
  toJson,
} from '@chorale/shared/algorithms';
import { seededRandom } from '@chorale/shared/testing';
import type { NewTask } from '@chorale/shared/wire';
import { describe, expect, it } from 'vitest';
import { runFast } from '../fast.ts';
import { linearTrainer } from '../scenarios/linear-trainer.ts';
import { createWorld, replayOf, rowSource } from '../world.ts';

const cohort = 12;
const seed = 'analytics';

/** Everybody has a place, and a word that most share. */
type Row = LabelledRow & TextRow;
const random = seededRandom(seed);
const people: Row[][] = Array.from({ length: 16 }, (_, i) => {
  const corner = i % 2 === 0 ? 1 : 7;
  const features = Float32Array.of(corner + 0.2 * random.normal(), corner + 0.2 * random.normal());
  return [{ features, label: i % 2, text: i % 4 === 3 ? `only ${i}` : 'tea' }];
});

const bounds = { lower: [0, 0], upper: [8, 8] };
const questions: Readonly<Record<string, unknown>> = {
  // A start of chance would be another one in each of the two.
  'k-means/1': {
    ...{ bounds, columns: [0, 1], segments: 2, rounds: 4 },
    start: [
      [3, 2],
      [5, 6],
    ],
  },
  'drift/1': { edges: [[4], []], reference: [[10, 10], [20]], periods: 2 },
  'density/1': { bounds, columns: [0, 1], cells: 4, minPoints: 2 },
  'heavy-hitters/1': { minPeople: 4, maxBytes: 8 },
};

const taskFor = (algorithm: string, config: unknown): NewTask => ({
  ...{ name: algorithm.replace('/', '-'), purpose: 'training', algorithm, config },
  examples: { source: rowSource },
  consentPolicy: { language: 'en', text: 'We add up, we do not look.' },
  privacy: { mechanism: 'none' },
  cohort: { size: cohort, minSize: cohort, count: 1, corrupt: 0.1, dropout: 0.3, sigma: 80, eta: 30 },
  merge: { rule: 'sum' },
  intervalMs: 0,
});

/** Asked of real devices by a real coordinator. */
async function asked(algorithm: string) {
  const world = await createWorld({ seed, devices: people.map((rows) => ({ rows })), trainer: linearTrainer });
  const run = await world.runTask(taskFor(algorithm, questions[algorithm]));
  await world.close();
  return run;
}

async function replayed(name: string, run: Awaited<ReturnType<typeof asked>>) {
  const algorithm = builtIn.get(name) as AnyAlgorithm;
  const options = {
    algorithm,
    config: run.task.config,
    devices: people,
    trainer: linearTrainer,
    seed: 'unused',
    cohort,
  };
  const states: unknown[] = [];
  for await (const { state } of runFast({ ...options, ...replayOf(run) })) states.push(toJson(algorithm.state, state));
  return states;
}

describe('analytics in the whole system', () => {
  it.each(Object.keys(questions))('%s comes out as the fast simulator says, round for round', async (name) => {
    const run = await asked(name);
    expect(run.abandoned, `seed ${seed}`).toEqual([]);
    expect(
      run.rounds.map(({ state }) => state),
      `seed ${seed}`,
    ).toEqual(await replayed(name, run));
  });

  it('segments are published as a model that tells people apart', async () => {
    const { model } = await asked('k-means/1');
    expect(model?.manifest.spec).toEqual({ family: 'centroids', inputs: 2, count: 2 });
    expect(model?.parameters).toHaveLength(4);
  });

  it('a device finds its own cluster in the map of a task that is done', async () => {
    const world = await createWorld({ seed, devices: people.map((rows) => ({ rows })), trainer: linearTrainer });
    const tell = () => Promise.all(world.devices.map(({ client }) => client!.cluster('density-1')));
    for (const { client } of world.devices) await client!.consent.grant(['scoring']);
    expect(new Set(await tell())).toEqual(new Set([undefined]));
    const { rounds } = await world.runTask(taskFor('density/1', questions['density/1']));
    const map = densityMapOf(density.state.parse(rounds.at(-1)!.state));
    expect(map.clusters.length, `seed ${seed}`).toBe(2);
    const found = await tell();
    expect(found, `seed ${seed}`).toEqual(people.map(([row]) => clusterAt(map, row!.features)));
    expect(new Set(found.filter((_, i) => i % 2 === 0)), `seed ${seed}`).not.toEqual(
      new Set(found.filter((_, i) => i % 2 === 1)),
    );
    await world.devices[0]!.client!.consent.withdraw(['scoring']);
    expect(await world.devices[0]!.client!.cluster('density-1')).toBeUndefined();
    expect(world.defects).toEqual([]);
    await world.close();
  });

  it('a word that most have is found, and no word that one has', async () => {
    const { rounds } = await asked('heavy-hitters/1');
    const { found } = rounds.at(-1)!.state as { found: { text: string; votes: number }[] };
    expect(found.map(({ text }) => text)).toEqual(['tea']);
    // t, e, a, and the end.
    expect(rounds).toHaveLength(4);
  });
});
