import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../bytes.ts';
import { startWorker, workerUrl } from './worker.ts';

const echo = workerUrl('./echo-worker', import.meta.url);

describe('a worker started from its source', () => {
  it('answers, with types stripped and imports resolved', async () => {
    const worker = startWorker(echo, { workerData: 'hello' });
    worker.postMessage({ say: 'é' });
    expect(await once(worker, 'message')).toEqual([{ said: utf8('é'), greeting: 'hello' }]);
    await worker.terminate();
  });

  it('reaches the packages through their doors, on sources', async () => {
    const worker = startWorker(echo);
    worker.postMessage({ open: '@chorale/shared/testing' });
    const [{ names }] = await once(worker, 'message');
    expect(names).toContain('virtualClock');
    await worker.terminate();
  });

  it('takes transferred memory over', async () => {
    const memory = new ArrayBuffer(8);
    const worker = startWorker(echo, { workerData: memory, transferList: [memory] });
    expect(memory.byteLength).toBe(0);
    worker.postMessage({ say: '' });
    const [{ greeting }] = await once(worker, 'message');
    expect(greeting.byteLength).toBe(8);
    await worker.terminate();
  });

  it('reports what it throws', async () => {
    const worker = startWorker(echo);
    worker.postMessage({ fail: 'asked to fail' });
    expect(await once(worker, 'error')).toMatchObject([{ message: 'asked to fail' }]);
  });

  it('reports a module that does not load', async () => {
    const worker = startWorker(workerUrl('./no-such-worker', import.meta.url));
    expect((await once(worker, 'error'))[0].message).toMatch(/no-such-worker/);
  });

  it('starts below plain tsx too', () => {
    const program = `
      import { startWorker } from ${JSON.stringify(new URL('./worker.ts', import.meta.url).href)};
      const worker = startWorker(new URL(${JSON.stringify(echo.href)}));
      worker.on('message', ({ names }) => { console.log(names.includes('virtualClock')); worker.terminate(); });
      worker.postMessage({ open: '@chorale/shared/testing' });
    `;
    const options = ['--conditions=development', '--import', 'tsx', '--input-type=module', '--eval', program];
    const { stdout, stderr } = spawnSync(process.execPath, options, { encoding: 'utf8' });
    expect(stdout.trim(), stderr).toBe('true');
  });
});

describe('a worker started from a built file', () => {
  it('needs no loader', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'chorale-worker-'));
    const file = join(directory, 'built-worker.mjs');
    await writeFile(
      file,
      `import { parentPort } from 'node:worker_threads'; parentPort.postMessage(process.argv.length);`,
    );
    const worker = startWorker(pathToFileURL(file));
    expect(await once(worker, 'message')).toEqual([2]);
    await worker.terminate();
    await rm(directory, { recursive: true });
  });

  it('is found beside the file that starts it', () => {
    expect(workerUrl('./crypto-worker', 'file:///dist/adapters/crypto-pool.js').href).toBe(
      'file:///dist/adapters/crypto-worker.js',
    );
    expect(workerUrl('./crypto-worker', 'file:///adapters/crypto-pool.ts').href).toBe(
      'file:///adapters/crypto-worker.ts',
    );
  });
});
