import { newId } from '@chorale/shared';
import { seededRandom } from '@chorale/shared/testing';
import { fromProblem, keysView, modelManifest, pageOf, parseInput, problem, taskView } from '@chorale/shared/wire';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withModel } from '../tasks/task.ts';
import { type AskOptions, type Live, openLive } from '../testing/adapters/live.ts';
import { learningTask } from '../testing/choir.ts';

let live: Live;
beforeAll(async () => {
  live = await openLive({ limits: { bodyBytes: 20_000 } });
});
afterAll(() => live.close());

const random = seededRandom('http');
const strangeId = newId('task', 1, random);

/** The refusal's code, after checking that it is a well-formed problem. */
async function codeOf(response: Response): Promise<string> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  const body = parseInput(problem, await response.json(), 'problem');
  expect(body).toMatchObject({ status: response.status, type: `/problems/${body.code}` });
  return fromProblem(body).code;
}

describe('every route', () => {
  it('opens to exactly the keys that its audience names', async () => {
    const keys = { none: undefined, wrong: `sk_${'A'.repeat(43)}`, device: live.publishableKey, admin: live.adminKey };
    const opens = { anyone: ['none', 'wrong', 'device', 'admin'], device: ['device', 'admin'], admin: ['admin'] };
    expect(live.coordinator.routes.length).toBeGreaterThan(20);
    for (const { method, path, audience } of live.coordinator.routes) {
      const concrete = path.replace(':id', strangeId).replace(':sha256', '0'.repeat(64));
      for (const [name, key] of Object.entries(keys)) {
        const options = { method: method.toUpperCase(), key, ...(method === 'post' ? { json: {} } : {}) };
        const { status } = await live.ask(concrete, options);
        const isShut = status === 401 || status === 403;
        expect(isShut, `${method} ${path} with ${name} key: ${status}`).toBe(!opens[audience].includes(name));
        expect(status, `${method} ${path} with ${name} key`).toBeLessThan(500);
      }
    }
  });

  it('is not found anywhere else, also with another method', async () => {
    expect(await codeOf(await live.ask('/api/v1/nothing', { key: live.adminKey }))).toBe('not-found');
    expect(await codeOf(await live.ask('/api/v1/tasks', { method: 'DELETE', key: live.adminKey }))).toBe('not-found');
    expect(await codeOf(await live.ask('/api/v1/tasks/%zz', { key: live.adminKey }))).toBe('invalid-input');
  });

  it('lets browsers of any origin ask what devices ask, and nothing else', async () => {
    const preflight = (path: string) =>
      live.ask(path, {
        method: 'OPTIONS',
        headers: { origin: 'https://shop.example', 'access-control-request-method': 'POST' },
      });
    expect((await preflight('/api/v1/devices')).headers.get('access-control-allow-origin')).toBe('*');
    expect((await preflight(`/api/v1/tasks/${strangeId}/pause`)).headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('a malformed request', () => {
  const cases: readonly (readonly [string, string, AskOptions, string])[] = [
    ['a body that is not JSON', '/api/v1/tasks', { text: '{"name":' }, 'invalid-input'],
    ['a body that is no object', '/api/v1/tasks', { json: [1, 2] }, 'invalid-input'],
    ['a body that is missing', '/api/v1/tasks', {}, 'invalid-input'],
    ['a body that is too long', '/api/v1/tasks', { text: `"${'x'.repeat(30_000)}"` }, 'payload-too-large'],
    [
      'a charset nobody knows',
      '/api/v1/tasks',
      { text: '{}', headers: { 'content-type': 'application/json; charset=ebcdic' } },
      'invalid-input',
    ],
    ['a task with an unknown field', '/api/v1/tasks', { json: { ...learningTask(), colour: 'red' } }, 'invalid-input'],
    ['a task without privacy', '/api/v1/tasks', { json: { ...learningTask(), privacy: undefined } }, 'invalid-input'],
    [
      'a task of an unknown algorithm',
      '/api/v1/tasks',
      { json: learningTask({ algorithm: 'magic/1' }) },
      'invalid-input',
    ],
    [
      'a task with a config of another algorithm',
      '/api/v1/tasks',
      { json: learningTask({ config: { bins: 3 } }) },
      'invalid-input',
    ],
    [
      'private trees of so few devices that noise would be all they say',
      '/api/v1/tasks',
      {
        json: learningTask({
          algorithm: 'random-trees/1',
          config: { edges: [[0], [0.5]], trees: 10 },
          privacy: { mechanism: 'distributed', unit: 'device-enrolment', epsilon: 2, delta: 1e-5, participations: 3 },
        }),
      },
      'too-few-devices',
    ],
    [
      'a cohort smaller than its own minimum',
      '/api/v1/tasks',
      { json: learningTask({ cohort: { ...learningTask().cohort, minSize: 9 } }) },
      'invalid-input',
    ],
    [
      'a cohort that no parameters can hold',
      '/api/v1/tasks',
      { json: learningTask({ cohort: { ...learningTask().cohort, corrupt: 0.4, dropout: 0.6 } }) },
      'invalid-input',
    ],
    ['a device without anything', '/api/v1/devices', { json: {} }, 'invalid-input'],
    ['a consent of nobody', '/api/v1/consents', { json: { device: 'x' } }, 'invalid-input'],
    ['scores of no task', '/api/v1/scores', { json: { task: strangeId, rows: [[1, 2]] } }, 'not-found'],
    ['scores that are not numbers', '/api/v1/scores', { json: { task: strangeId, rows: [['a']] } }, 'invalid-input'],
    [
      'an idempotency key that is too long',
      '/api/v1/tasks',
      { json: learningTask(), headers: { 'idempotency-key': 'k'.repeat(201) } },
      'invalid-input',
    ],
  ];
  it.each(cases)('with %s gets a coded problem', async (_, path, options, code) => {
    expect(await codeOf(await live.ask(path, { method: 'POST', key: live.adminKey, ...options }))).toBe(code);
  });

  it.each([
    ['?limit=0', '?limit=201', '?limit=x', '?cursor=!!', '?cursor=bW9kZWwveA'],
  ])('with a bad page gets a coded problem', async (...queries) => {
    for (const query of queries)
      expect(await codeOf(await live.ask(`/api/v1/tasks${query}`, { key: live.adminKey })), query).toBe(
        'invalid-input',
      );
  });

  it('never gets its own values or a stack back', async () => {
    const response = await live.ask('/api/v1/scores', {
      method: 'POST',
      key: live.adminKey,
      json: { task: 'a-private-value', rows: [[1]] },
    });
    const text = await response.text();
    expect(text).not.toContain('a-private-value');
    expect(text).not.toMatch(/\.ts|node_modules/);
  });
});

describe('tasks', () => {
  it('are created once for one idempotency key, also when asked at the same time', async () => {
    const create = () =>
      live.ask('/api/v1/tasks', {
        method: 'POST',
        key: live.adminKey,
        json: learningTask(),
        headers: { 'idempotency-key': 'once' },
      });
    const views = await Promise.all(
      (await Promise.all([create(), create(), create()])).map((response) => response.json()),
    );
    expect(new Set(views.map(({ id }) => id)).size).toBe(1);
    const other = await live.ask('/api/v1/tasks', { method: 'POST', key: live.adminKey, json: learningTask() });
    expect(other.status).toBe(201);
    expect((await other.json()).id).not.toBe(views[0].id);
  });

  it('have no result before they are done, and most have none at all', async () => {
    const resultOf = async (algorithm: string, config: object) => {
      const json = learningTask({ algorithm, config });
      const { id } = await (await live.ask('/api/v1/tasks', { method: 'POST', key: live.adminKey, json })).json();
      return codeOf(await live.ask(`/api/v1/tasks/${id}/result`, { key: live.publishableKey }));
    };
    const bounds = { lower: [0], upper: [1] };
    expect(await resultOf('density/1', { bounds, columns: [0], cells: 4, minPoints: 2 })).toBe('not-found');
    expect(await resultOf('moments/1', { bounds })).toBe('not-found');
  });

  it('are refused for an idempotency key that was first used for another task', async () => {
    const create = (name: string) =>
      live.ask('/api/v1/tasks', {
        method: 'POST',
        key: live.adminKey,
        json: learningTask({ name }),
        headers: { 'idempotency-key': 'used for one task' },
      });
    expect((await create('First')).status).toBe(201);
    expect(await codeOf(await create('Second'))).toBe('conflict');
    expect((await create('First')).status).toBe(201);
    const { items } = await live.coordinator.tasks.page({ limit: 100, cursor: undefined });
    expect(items.filter(({ name }) => name === 'First' || name === 'Second')).toHaveLength(1);
  });

  it('are listed page by page, each once', async () => {
    for (let i = 0; i < 3; i++) await live.coordinator.tasks.create(learningTask({ name: `Listed ${i}` }));
    const names: string[] = [];
    let query = '?limit=2';
    for (;;) {
      const page = parseInput(
        pageOf(taskView),
        await (await live.ask(`/api/v1/tasks${query}`, { key: live.publishableKey })).json(),
        'page',
      );
      expect(page.items.length).toBeLessThanOrEqual(2);
      names.push(...page.items.map(({ name }) => name));
      if (page.next === undefined) break;
      query = `?limit=2&cursor=${page.next}`;
    }
    for (const name of ['Listed 0', 'Listed 1', 'Listed 2']) expect(names).toContain(name);
    expect(names).toHaveLength((await live.coordinator.tasks.all()).length);
  });

  it('are paused and resumed, and refuse both once they are done', async () => {
    const { id } = await live.coordinator.tasks.create(learningTask());
    const post = (verb: string) => live.ask(`/api/v1/tasks/${id}/${verb}`, { method: 'POST', key: live.adminKey });
    expect(await (await post('pause')).json()).toMatchObject({ state: 'paused' });
    expect(await (await post('resume')).json()).toMatchObject({ state: 'running' });
    await live.coordinator.tasks.change(id, (task) => ({ task: { ...task, state: 'done' } }));
    expect(await codeOf(await post('resume'))).toBe('conflict');
  });
});

describe('keys', () => {
  it('are what their schema says, for anybody', async () => {
    const view = parseInput(keysView, await (await live.ask('/api/v1/keys')).json(), 'keys');
    expect(view.rootKey).toBe((await live.coordinator.keyring.view([])).rootKey);
  });
});

describe('a model', () => {
  it('is found as latest, by its id and in the list; its parameters never change under their hash', async () => {
    const { manifest, parameters } = await publishModel(live);
    for (const path of [`/api/v1/tasks/${manifest.task}/models/latest`, `/api/v1/models/${manifest.id}`]) {
      const found = parseInput(
        modelManifest,
        await (await live.ask(path, { key: live.publishableKey })).json(),
        'model',
      );
      expect(found).toEqual(manifest);
    }
    const path = `/api/v1/parameters/${manifest.parametersSha256}`;
    const response = await live.ask(path, { key: live.publishableKey });
    expect(new Uint8Array(await response.arrayBuffer())).toEqual(parameters);
    expect(response.headers.get('etag')).toBe(`"${manifest.parametersSha256}"`);
    expect(response.headers.get('cache-control')).toContain('immutable');
    const again = await live.ask(path, {
      key: live.publishableKey,
      headers: { 'if-none-match': response.headers.get('etag')! },
    });
    expect(again.status).toBe(304);
    expect(await again.text()).toBe('');
  });

  it('scores rows as they come: standardised, predicted, forgotten', async () => {
    const { manifest } = await publishModel(live);
    const ask = (rows: number[][]) =>
      live.ask('/api/v1/scores', { method: 'POST', key: live.publishableKey, json: { task: manifest.task, rows } });
    // Parameters 1, −1, 0.5 on features standardised by means 1, 2 and spreads 2, 4: logit 1 − 0 + 0.5 for the first row.
    const { scores, version } = await (
      await ask([
        [3, 2],
        [1, 2],
      ])
    ).json();
    expect(version).toBe(1);
    expect(scores[0]).toBeCloseTo(1 / (1 + Math.exp(-1.5)), 6);
    expect(scores[1]).toBeCloseTo(1 / (1 + Math.exp(-0.5)), 6);
    expect(await codeOf(await ask([[1, 2, 3]]))).toBe('invalid-input');
  });
});

it('an audit is not attached to a model that promised nothing', async () => {
  const { manifest } = await publishModel(live);
  const counts = {
    participations: 1,
    models: 1,
    canaries: 1,
    guesses: 1,
    correct: 1,
    correctWithoutNoise: 0,
    cohort: 9,
  };
  const losses = { epsilonAccounted: 1, epsilonLowerBound: 0, epsilonLowerBoundWithoutNoise: 2 };
  const about = { name: 'canary-audit', method: 'guessing', unit: 'device-enrolment', dataset: 'none', seed: '1' };
  const claim = { ...about, ...counts, ...losses, delta: 1e-5, noiseMultiplier: 2, confidence: 0.95 };
  const path = `/api/v1/models/${manifest.id}/audit`;
  expect(await codeOf(await live.ask(path, { method: 'POST', key: live.adminKey, json: claim }))).toBe('conflict');
});

describe('an address that asks too often', () => {
  it('is told when to come back', async () => {
    const strict = await openLive({ limits: { requestsPerMinute: 3 } });
    const answers = [];
    for (let i = 0; i < 5; i++) answers.push(await strict.ask('/health'));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
    expect(Number(answers[3]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await codeOf(answers[4]!)).toBe('rate-limited');
    await strict.close();
  });
});

describe('the status page', () => {
  it('shows counts under a policy that allows no foreign code, and escapes what operators wrote', async () => {
    const own = await openLive(); // Nobody has looked yet: what was shown lately may be shown again.
    await own.coordinator.tasks.create(learningTask({ name: '<script>alert(1)</script>' }));
    const response = await own.ask('/');
    const html = await response.text();
    expect(response.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(html).toContain('&lt;script&gt;alert(1)');
    expect(html).not.toContain('<script>alert');
    expect(html).not.toMatch(/<script>|\son[a-z]+=|style="/);
    for (const path of ['/console.css', '/console.js', '/ready', '/api/v1/status'])
      expect((await own.ask(path)).status, path).toBe(200);
    await own.close();
  });
});

async function publishModel({ coordinator }: Live) {
  const { models, tasks } = coordinator;
  const task = await tasks.create(learningTask());
  const { manifest, writes } = await models.prepare({
    task,
    round: newId('round', 1, random),
    receiptsRoot: '00'.repeat(32),
    learned: {
      spec: { family: 'linear', inputs: 2, output: 'sigmoid', outputs: 1 },
      parameters: Float32Array.of(1, -1, 0.5),
      standardization: { mean: [1, 2], std: [2, 4], clip: 4 },
    },
  });
  await tasks.change(task.id, (before) => ({ task: withModel(before, manifest.id), writes }));
  return { manifest, parameters: await models.parameters(manifest.parametersSha256) };
}
