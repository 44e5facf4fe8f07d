import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { StudyRecord } from '../study/record.ts';
import { openRecords } from './records-file.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chorale-records-'));
});
afterEach(() => rm(folder, { recursive: true }));

const record = (seed: number): StudyRecord => ({
  ...{ study: 'one', method: 'm', title: 'M', kind: 'baseline', seed, seconds: 1, figures: { auc: 0.5 } },
  interval95: { low: 0.4, high: 0.6 },
  ...{ roc: [], precisionRecall: [], calibration: [], lift: [], learning: [] },
});

it('what was written is known when the same study goes on', async () => {
  const path = join(folder, 'new', 'records.jsonl');
  const first = await openRecords(path, 'one', { resume: false });
  await first.append(record(1));
  const second = await openRecords(path, 'one', { resume: true });
  expect(second.known).toEqual([record(1)]);
});

it('a record that was cut off is dropped, and the next one is whole', async () => {
  const path = join(folder, 'records.jsonl');
  const line = JSON.stringify(record(1));
  await writeFile(path, `${line}\n${line.slice(0, 40)}`);
  const records = await openRecords(path, 'one', { resume: true });
  expect(records.known).toEqual([record(1)]);
  await records.append(record(2));
  expect((await openRecords(path, 'one', { resume: true })).known).toEqual([record(1), record(2)]);
  expect(await readFile(path, 'utf8')).toBe(`${line}\n${JSON.stringify(record(2))}\n`);
});

it('records are neither overwritten nor mixed with another study’s', async () => {
  const path = join(folder, 'records.jsonl');
  await (await openRecords(path, 'one', { resume: false })).append(record(1));
  await expect(openRecords(path, 'one', { resume: false })).rejects.toThrow('--resume');
  await expect(openRecords(path, 'two', { resume: true })).rejects.toThrow('other data or settings');
  await writeFile(path, '{"hello":1}\n');
  await expect(openRecords(path, 'one', { resume: true })).rejects.toThrow('line 1 is no record');
});
