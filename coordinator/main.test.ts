import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { silentLog } from './events.ts';
import { startCoordinator } from './main.ts';
import { learningTask } from './testing/choir.ts';

let store: string;
const children: ChildProcess[] = [];
beforeEach(async () => {
  store = await mkdtemp(join(tmpdir(), 'chorale-coordinator-'));
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await rm(store, { recursive: true, force: true });
});

const configOf = (changes: Record<string, unknown> = {}) =>
  readConfig({ store, port: 0, workers: 0, ...changes }, undefined, {});

describe('a coordinator process', () => {
  it('keeps its keys and tasks over a restart, and shows the admin key only once', async () => {
    const first = await startCoordinator(configOf(), silentLog);
    const task = await first.coordinator.tasks.create(learningTask());
    expect((await fetch(`${first.url}/ready`)).status).toBe(200);
    await first.stop();
    const second = await startCoordinator(configOf(), silentLog);
    expect(second).toMatchObject({ rootKey: first.rootKey, publishableKey: first.publishableKey, adminKey: undefined });
    const answer = await fetch(`${second.url}/api/v1/tasks/${task.id}`, {
      headers: { authorization: `Bearer ${first.adminKey}` },
    });
    expect(await answer.json()).toMatchObject({ id: task.id, name: task.name });
    await second.stop();
  });

  it('keeps its store from others, and no admin key in it', async () => {
    const running = await startCoordinator(configOf(), silentLog);
    await running.stop();
    expect((await stat(store)).mode & 0o777).toBe(0o700);
    const files = await Promise.all((await readdir(store)).map((name) => readFile(join(store, name), 'latin1')));
    expect(files.join()).toContain(running.publishableKey);
    expect(files.join()).not.toContain(running.adminKey);
  });

  it('says in a sentence when its port or its store is taken', async () => {
    const running = await startCoordinator(configOf(), silentLog);
    const { port } = new URL(running.url);
    await expect(startCoordinator(configOf({ store: join(store, 'other'), port }), silentLog)).rejects.toThrow(
      `port ${port} on 127.0.0.1 is already in use`,
    );
    await expect(startCoordinator(configOf(), silentLog)).rejects.toThrow('another process has this store open');
    await running.stop();
  });

  it('has made no keys where it could not listen: the next start still shows the admin key', async () => {
    const running = await startCoordinator(configOf(), silentLog);
    const { port } = new URL(running.url);
    const other = join(store, 'other');
    await expect(startCoordinator(configOf({ store: other, port }), silentLog)).rejects.toThrow('already in use');
    const second = await startCoordinator(configOf({ store: other }), silentLog);
    expect(second.adminKey).toMatch(/^sk_/);
    await second.stop();
    await running.stop();
  });
});

describe('the command', () => {
  it('prints one line of JSON when it is ready, and ends well when asked to', async () => {
    const child = run('start', '--store', store, '--port', '0', '--json');
    const facts = JSON.parse(await firstLine(child));
    expect(Object.keys(facts).sort()).toEqual(['adminKey', 'publishableKey', 'rootKey', 'url']);
    expect((await fetch(`${facts.url}/health`)).status).toBe(200);
    child.kill('SIGTERM');
    expect(await exitCode(child)).toBe(0);
  });

  it('exits with 2 where it is used wrongly', async () => {
    expect(await exitCode(run('start', '--port', 'many'))).toBe(2);
  });
});

function run(...flags: readonly string[]): ChildProcess {
  const command = fileURLToPath(new URL('./cli.ts', import.meta.url));
  const child = spawn(process.execPath, ['--conditions=development', '--import', 'tsx', command, ...flags], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  children.push(child);
  return child;
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')));
    });
  });
}

function exitCode(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => child.on('exit', resolve));
}
