/** The examples, as their README says to run them, against a coordinator in a process of its own. */

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { type Chorale, createClient } from '@chorale/client';
import type { NewTask } from '@chorale/shared/wire';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type CoordinatorProcess, startCoordinatorProcess } from '../adapters/coordinator-process.ts';
import { createOperator } from '../quickstart/operator.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

let directory: string;
let coordinator: CoordinatorProcess;
const children: ChildProcess[] = [];
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'chorale-examples-'));
  coordinator = await startCoordinatorProcess({ storeDir: join(directory, 'coordinator') });
});
afterAll(async () => {
  for (const child of children) child.kill('SIGKILL');
  await coordinator?.stop();
  await rm(directory, { recursive: true, force: true });
});

it('an own task: its features, its network and thirteen devices learn what no linear model can', async () => {
  const { url, publishableKey, rootKey, adminKey = '' } = coordinator;
  const { lines, ended } = run('own-task.ts', url, publishableKey, rootKey, adminKey);
  expect(await ended).toBe(0);
  const scores = lines.map((line) => Number(/^runs-again, model 5, after effort \d: (\d\.\d\d)$/.exec(line)?.[1]));
  expect(lines).toHaveLength(3);
  const [easy, middling, hard] = scores as [number, number, number];
  expect(middling).toBeGreaterThan(0.5);
  expect(Math.max(easy, hard)).toBeLessThan(0.5);
});

it('a device in Node: takes part with others, is scored, and goes when it is told', async () => {
  const { url, publishableKey, rootKey, adminKey = '' } = coordinator;
  await createOperator({ url, adminKey }).createTask(await taskOfReadme());
  const storage = join(directory, 'device');
  const { child, lines, ended, until } = run('device-in-node.ts', url, publishableKey, rootKey, storage);
  const company = Array.from({ length: 12 }, () => companion());
  try {
    await Promise.all(company.map((one) => one.consent.grant(['training'])));
    await until(/^purchase-7d, model 2: 0\.\d{3} \(TARGETING_MATCH\)$/);
    expect(lines).toContain('ready');
    expect(lines.filter((line) => line.startsWith('a round of purchase-7d: ')).length).toBeGreaterThan(0);
  } finally {
    child.kill('SIGINT');
    await Promise.all(company.map((one) => one.close()));
  }
  expect(await ended).toBe(0);
});

/** The body of the request that the examples' README shows. */
async function taskOfReadme(): Promise<NewTask> {
  const text = await readFile(join(root, 'examples/README.md'), 'utf8');
  return JSON.parse(/-d '(\{.*?\})'\n/s.exec(text)![1]!);
}

/** Somebody without a history of their own: they take part all the same. */
function companion(): Chorale {
  const { url: host, publishableKey: clientKey, rootKey: coordinatorKey } = coordinator;
  return createClient({
    ...{ host, clientKey, coordinatorKey },
    defaults: '2026-11-23',
    training: { autoStart: true },
    floors: { minCohort: 10, minHonest: 5 },
  });
}

/** @param flags what stands behind the example's name on the command line */
function run(example: string, ...flags: readonly string[]) {
  const command = ['--conditions=development', '--import', 'tsx', `examples/${example}`, ...flags];
  const child = spawn(process.execPath, command, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  const lines: string[] = [];
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const ended = new Promise<number | NodeJS.Signals>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal ?? 1));
  });
  const output = createInterface({ input: child.stdout });
  output.on('line', (line) => lines.push(line));
  const until = (wanted: RegExp) =>
    new Promise<void>((resolve, reject) => {
      output.on('line', (line) => wanted.test(line) && resolve());
      void ended.then((code) => reject(new Error(`${example} ended with ${code}: ${[...lines, errors].join('\n')}`)));
    });
  return { child, lines, ended, until };
}
