import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../bytes.ts';
import { storeContract } from '../testing/store-contract.ts';
import { openLevelStore } from './level-store.ts';

async function newDirectory() {
  const path = await mkdtemp(join(tmpdir(), 'chorale-store-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

storeContract('a level store', async () => {
  const { path, remove } = await newDirectory();
  return { open: () => openLevelStore(path), remove };
});

describe('a directory', () => {
  it('that another store holds is refused with a sentence that says so', async () => {
    const { path, remove } = await newDirectory();
    const store = await openLevelStore(path);
    await expect(openLevelStore(path)).rejects.toMatchObject({
      code: 'store-unavailable',
      message: 'another process has this store open',
    });
    await store.close();
    await (await openLevelStore(path)).close();
    await remove();
  });

  it('that cannot be made is refused', async () => {
    const { path, remove } = await newDirectory();
    await writeFile(join(path, 'file'), '');
    await expect(openLevelStore(join(path, 'file', 'store'))).rejects.toMatchObject({ code: 'store-unavailable' });
    await remove();
  });
});

describe('a killed process', () => {
  it('leaves every write that was acknowledged', async () => {
    const { path, remove } = await newDirectory();
    const acknowledged = await acknowledgedBeforeKill(path, 100);
    const store = await openLevelStore(path);
    const kept = await store.range({ from: 'key/', to: 'key0' });
    expect(acknowledged.length).toBeGreaterThanOrEqual(100);
    expect(kept.map((entry) => entry.key)).toEqual(expect.arrayContaining([...acknowledged]));
    expect(await store.get(acknowledged[0]!)).toEqual(utf8('value'));
    await store.close();
    await remove();
  });
});

/** Runs a process that writes for ever and says which keys are durable; kills it after `count` of them. */
async function acknowledgedBeforeKill(directory: string, count: number): Promise<readonly string[]> {
  const program = `
    import { openLevelStore } from ${JSON.stringify(new URL('./level-store.ts', import.meta.url).href)};
    const store = await openLevelStore(${JSON.stringify(directory)});
    const value = new TextEncoder().encode('value');
    const write = async (lane) => {
      for (let i = 0; ; i++) {
        const key = 'key/' + lane + '/' + i;
        await store.put(key, value);
        process.stdout.write(key + '\\n');
      }
    };
    for (let lane = 0; lane < 20; lane++) write(lane);
  `;
  const options = ['--conditions=development', '--import', 'tsx', '--input-type=module', '--eval', program];
  const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout) {
    output += chunk;
    if (output.split('\n').length > count) break;
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  return output.split('\n').slice(0, -1);
}
