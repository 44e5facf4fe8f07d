/** Files that an npm package carries. */

import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** @returns undefined where the package is not installed */
export async function readPackageFile(name: string, path: string): Promise<Uint8Array | undefined> {
  let manifest: string;
  try {
    manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
  } catch {
    return undefined;
  }
  return readFile(join(dirname(manifest), path));
}
