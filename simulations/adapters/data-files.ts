/** Bytes of data sets from a disk or a public home; what they mean is not known here. */

import { readFile } from 'node:fs/promises';
import { gunzipSync, inflateRawSync } from 'node:zlib';
import { ChoraleError } from '@chorale/shared';

/** What a data set is allowed to weigh: no file of ours comes near, and a wrong one must not fill the memory. */
const mostBytes = 512 * 1024 * 1024;

/** @returns the uncompressed content, or undefined where there is no such file */
export async function readGzipped(path: string): Promise<Uint8Array | undefined> {
  try {
    return gunzipSync(await readFile(path), { maxOutputLength: mostBytes });
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new ChoraleError('invalid-input', `${path} is not a readable gzip file`, { cause: error });
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
}

/** @returns undefined when the home does not deliver within `timeoutMs`: offline is a normal place to be */
export async function download(url: string, timeoutMs: number): Promise<Uint8Array | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs) });
    return response.ok ? new Uint8Array(await response.arrayBuffer()) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * One file out of a zip archive (PKWARE APPNOTE 4.3: central directory at the end, stored or deflated entries).
 *
 * @param pick whether this is the entry looked for, by its name
 * @throws ChoraleError `invalid-input` if there is no such entry, or the archive is not one
 */
export function unzipEntry(archive: Uint8Array, pick: (name: string) => boolean): Uint8Array {
  try {
    const entry = centralDirectory(archive).find(({ name }) => pick(name));
    if (entry !== undefined) return inflateEntry(archive, entry);
  } catch (error) {
    throw new ChoraleError('invalid-input', 'the download is not a readable zip archive', { cause: error });
  }
  throw new ChoraleError('invalid-input', 'the archive does not hold the data set');
}

type ZipEntry = {
  readonly name: string;
  readonly isStored: boolean;
  readonly length: number;
  readonly headerAt: number;
};

function centralDirectory(archive: Uint8Array): ZipEntry[] {
  const view = viewOf(archive);
  let end = archive.length - 22;
  while (view.getUint32(end, true) !== 0x06054b50) end--;
  let at = view.getUint32(end + 16, true);
  return Array.from({ length: view.getUint16(end + 10, true) }, () => {
    const nameLength = view.getUint16(at + 28, true);
    const entry = {
      name: new TextDecoder().decode(archive.subarray(at + 46, at + 46 + nameLength)),
      isStored: view.getUint16(at + 10, true) === 0,
      length: view.getUint32(at + 20, true),
      headerAt: view.getUint32(at + 42, true),
    };
    at += 46 + nameLength + view.getUint16(at + 30, true) + view.getUint16(at + 32, true);
    return entry;
  });
}

function inflateEntry(archive: Uint8Array, { headerAt, length, isStored }: ZipEntry): Uint8Array {
  const view = viewOf(archive);
  const start = headerAt + 30 + view.getUint16(headerAt + 26, true) + view.getUint16(headerAt + 28, true);
  const content = archive.subarray(start, start + length);
  return isStored ? content : inflateRawSync(content, { maxOutputLength: mostBytes });
}

function viewOf(archive: Uint8Array): DataView {
  return new DataView(archive.buffer, archive.byteOffset, archive.byteLength);
}
