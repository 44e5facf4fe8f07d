/** Records as lines of JSON, written one by one: what was run is never run again, whenever the run before was cut off. */

import { appendFile, mkdir, readFile, truncate } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ChoraleError } from '@chorale/shared';
import type { StudyRecord } from '../study/record.ts';
import { studyRecord } from '../study/record.ts';

export type RecordsFile = {
  /** From earlier runs of the same study. */
  readonly known: readonly StudyRecord[];
  append(record: StudyRecord): Promise<void>;
};

/**
 * @param study what the records have to be about
 * @throws ChoraleError `conflict` if there are records and nobody asked to go on with them, or they are another study's;
 * `invalid-input` if the file is no such file
 */
export async function openRecords(path: string, study: string, { resume }: { resume: boolean }): Promise<RecordsFile> {
  await mkdir(dirname(path), { recursive: true });
  const text = await readFile(path, 'utf8').catch((error: { code?: string }) => {
    if (error.code === 'ENOENT') return '';
    throw new ChoraleError('invalid-input', `${path} cannot be read`, { cause: error });
  });
  if (text !== '' && !resume)
    throw new ChoraleError('conflict', `${path} has records already: say --resume to go on, or another --out`);
  // What follows the last line end was cut off while it was written.
  const whole = text.slice(0, text.lastIndexOf('\n') + 1);
  if (whole.length < text.length) await truncate(path, Buffer.byteLength(whole));
  const known = whole
    .split('\n')
    .filter((line) => line !== '')
    .map((line, i) => parseRecord(line, `${path}, line ${i + 1}`));
  if (known.some((record) => record.study !== study))
    throw new ChoraleError('conflict', `${path} is about other data or settings: give another --out`);
  return { known, append: (record) => appendFile(path, `${JSON.stringify(record)}\n`) };
}

function parseRecord(line: string, where: string): StudyRecord {
  try {
    return studyRecord.parse(JSON.parse(line));
  } catch (error) {
    throw new ChoraleError('invalid-input', `${where} is no record of a study: give another --out`, { cause: error });
  }
}
