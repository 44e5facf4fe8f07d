/** A model that devices have trained comes to devices once other devices have judged it. */

import type { ModelId, TaskId } from '@chorale/shared';
import type { LabelledRow } from '@chorale/shared/algorithms';
import { sigmoid } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { type NewTask, type ReleaseView, routes, type TaskView } from '@chorale/shared/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { linearTrainer } from '../scenarios/linear-trainer.ts';
import { routeFetch } from '../world/route-fetch.ts';
import { createWorld, rowSource, type TaskRun, type World } from '../world.ts';

const seed = 'releases';
const width = 3;
const cohort = { size: 24, minSize: 20, count: 1, corrupt: 0.1, dropout: 0.3, sigma: 80, eta: 30 };
const fold = { label: 'release', of: 2, part: 0 } as const;

function people(count: number): LabelledRow[][] {
  const random = seededRandom(`people of ${seed}`);
  const row = (): LabelledRow => {
    const features = Float32Array.from({ length: width }, () => random.normal());
    return { features, label: random.uniform() < sigmoid(2 * features[0]! - features[1]! - 0.5) ? 1 : 0 };
  };
  return Array.from({ length: count }, () => Array.from({ length: 30 }, row));
}

const common = {
  purpose: 'training',
  consentPolicy: { language: 'en', text: 'We add up, we do not look.' },
  privacy: { mechanism: 'none' },
  cohort,
  merge: { rule: 'sum' },
  intervalMs: 0,
} as const;

const training: NewTask = {
  ...common,
  name: 'propensity',
  algorithm: 'fed-avg/1',
  config: {
    spec: { family: 'linear', inputs: width, output: 'sigmoid' },
    server: { optimizer: 'sgd', learningRate: 1 },
    client: { epochs: 2, batchSize: 5, learningRate: 0.3 },
    clipNorm: 5,
    rounds: 6,
  },
  examples: { source: rowSource, fold: { ...fold, keep: 'outside' } },
  release: 'judged',
};
const { release: _, algorithm: __, config: ___, ...asked } = training;
/** By the devices that trained nothing. */
const comparison = { ...asked, name: 'judging', examples: { source: rowSource, fold: { ...fold, keep: 'inside' } } };
/** A few hundred rows calibrate worse than that by chance alone. */
const limits = { calibration: [0.6, 1.6], expectedCalibrationError: 0.15 };

let world: World;
let run: TaskRun;
let versions: ModelId[];
beforeAll(async () => {
  world = await createWorld({ seed, devices: people(24).map((rows) => ({ rows })), trainer: linearTrainer });
  run = await world.runTask(training);
  versions = run.rounds.map(({ view }) => view.model as ModelId);
}, 60_000);
afterAll(() => world.close());

const coordinator = () => world.coordinator.running!;

async function ask<Answer>(path: string, body?: object): Promise<{ status: number; answer: Answer }> {
  const headers = { authorization: `Bearer ${coordinator().keyring.adminKey}` };
  const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  const response = await routeFetch(coordinator)(`http://coordinator${path}`, { headers, ...post });
  return { status: response.status, answer: (await response.json()) as Answer };
}

const release = (model: ModelId, body: object) => ask<ReleaseView & { code?: string }>(routes.releases(model), body);
const servedModel = async () => (await ask<TaskView>(routes.task(run.task.id))).answer.latestModel;

/** Asks for a comparison and lets the devices give it. */
async function compare(model: ModelId, changes: object = {}): Promise<TaskView> {
  const { answer, status } = await ask<TaskView>(routes.comparisons(model), { ...comparison, ...changes });
  expect(status, JSON.stringify(answer)).toBe(201);
  for (const device of world.devices) void device.client?.refresh();
  for (let i = 0; i < 600; i++) {
    await world.clock.advance(1000);
    const view = (await ask<TaskView>(routes.task(answer.id as TaskId))).answer;
    if (view.state === 'done') return view;
  }
  throw new Error(`seed ${seed}: the comparison did not end`);
}

describe('a task whose releases are judged', () => {
  it('trains version after version, and gives devices none before the first release', async () => {
    expect(versions).toHaveLength(6);
    expect(await servedModel()).toBeUndefined();
    expect((await ask(`${routes.task(run.task.id)}/models/latest`)).status).toBe(404);
    expect((await ask(routes.comparisons(versions[5]!), comparison)).status).toBe(409);

    const { status, answer } = await release(versions[0]!, {});
    expect({ status, answer }).toMatchObject({ status: 201, answer: { version: 1, mayRelease: true } });
    expect(await servedModel()).toBe(versions[0]);
  });

  it('lets no other model through without a comparison, nor on one of other models', async () => {
    expect(await release(versions[5]!, {})).toMatchObject({ status: 400, answer: { code: 'invalid-input' } });
    const other = await compare(versions[1]!);
    const misused = await release(versions[5]!, { comparison: other.id });
    expect(misused).toMatchObject({ status: 409, answer: { code: 'conflict' } });
    const notOne = await release(versions[5]!, { comparison: run.task.id });
    expect(notOne).toMatchObject({ status: 400, answer: { code: 'invalid-input' } });
    expect(await servedModel()).toBe(versions[0]);
  });

  it('takes a better one on the word of devices that trained neither, and devices then score with it', async () => {
    const compared = await compare(versions[5]!);
    const { answer } = await release(versions[5]!, { comparison: compared.id, limits });
    expect(answer.objections).toEqual([]);
    const { isByOtherDevices, difference, champion } = answer.grounds!;
    expect({ isByOtherDevices, champion }).toEqual({ isByOtherDevices: true, champion: versions[0] });
    expect(difference.high).toBeLessThan(0);
    expect(difference.noiseShare).toBe(0);
    expect(await servedModel()).toBe(versions[5]);

    const { client } = world.devices[0]!;
    await client!.consent.grant(['scoring']);
    void client!.refresh();
    await world.clock.advance(10_000);
    expect(client!.score('propensity').modelVersion).toBe(6);
  });

  it('keeps the better one when a worse one asks, says why, and goes back when it is told to', async () => {
    const compared = await compare(versions[1]!);
    const refused = (await release(versions[1]!, { comparison: compared.id, limits })).answer;
    expect(refused.mayRelease).toBe(false);
    expect(refused.objections.map(({ rule }) => rule)).toContain('log-loss');
    expect(await servedModel()).toBe(versions[5]);

    expect((await release(versions[0]!, {})).answer.mayRelease).toBe(true);
    expect(await servedModel()).toBe(versions[0]);
    const { items } = (await ask<{ items: ReleaseView[] }>(routes.releasesOf(run.task.id))).answer;
    expect(items.map(({ version, mayRelease }) => [version, mayRelease])).toEqual([
      [1, true],
      [6, true],
      [2, false],
      [1, true],
    ]);
  });
});

it('a task that says nothing of releases gives devices each round’s model, and judges none', async () => {
  const { release: _, ...plain } = { ...training, name: 'plain', examples: { source: rowSource } };
  const { task, model } = await world.runTask(plain);
  expect(task.latestModel).toBe(model!.manifest.id);
  expect(model!.manifest.version).toBe(6);
  expect(await release(task.latestModel!, {})).toMatchObject({ status: 409, answer: { code: 'conflict' } });
});
