/**
 * A data set's file: first in a folder, then at its public home. An altered copy is refused, never used and never replaced:
 * results would silently mean something else.
 */

import { ChoraleError, hex } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import { download, readGzipped, unzipEntry } from '../adapters/data-files.ts';

export type Source = {
  /** In the folder, compressed. */
  readonly file: string;
  readonly title: string;
  /** Of the content, uncompressed. */
  readonly sha256: string;
  /** Where the very same content can be had without a form or a conversion: an archive, and the entry in it. */
  readonly home?: { readonly url: string; readonly entry: RegExp };
};

export type Place = { readonly directory?: string | undefined; readonly isOffline?: boolean };

const downloadTimeoutMs = 5000;

/**
 * @returns undefined where the file is in neither place
 * @throws ChoraleError `invalid-input` if a copy was found that is not the original, or cannot be read
 */
export async function contentOf(source: Source, place: Place): Promise<string | undefined> {
  const content = (await inFolder(source, place)) ?? (await atHome(source, place));
  if (content === undefined) return undefined;
  verify(source, content);
  return new TextDecoder().decode(content);
}

/** Why there is no content, in words for people. */
export function notFound({ file, title, home }: Source, { directory }: Place): string {
  const where = directory === undefined ? 'CHORALE_DATA_DIR names no folder' : `there is no ${file} in ${directory}`;
  const nor = home === undefined ? '' : `, and ${new URL(home.url).host} did not deliver it`;
  return `${title} was not found (${where}${nor})`;
}

async function inFolder({ file }: Source, { directory }: Place): Promise<Uint8Array | undefined> {
  return directory === undefined ? undefined : readGzipped(`${directory}/${file}`);
}

async function atHome({ home }: Source, { isOffline = false }: Place): Promise<Uint8Array | undefined> {
  if (home === undefined || isOffline) return undefined;
  const archive = await download(home.url, downloadTimeoutMs);
  return archive && unzipEntry(archive, (name) => home.entry.test(name));
}

function verify({ file, sha256: expected }: Source, content: Uint8Array): void {
  if (hex(sha256(content)) === expected) return;
  throw new ChoraleError(
    'invalid-input',
    `this copy of ${file} was altered: its content does not have the known sha256`,
  );
}
