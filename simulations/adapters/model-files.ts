/** Models as files: what a coordinator delivers, and what other tools load. */

import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ChoraleError } from '@chorale/shared';

/** @throws ChoraleError `invalid-input` where it cannot be read */
export async function readModelFile(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new ChoraleError('invalid-input', `${path}: cannot be read`, { cause: error });
  }
}

/** @returns the paths written */
export async function writeModelFiles(
  directory: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  const paths = Object.entries(files).map(([name, content]) => ({ path: join(directory, name), content }));
  await Promise.all(paths.map(({ path, content }) => writeFile(path, content)));
  return paths.map(({ path }) => path);
}
