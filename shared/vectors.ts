/** Little-endian views of number vectors, whatever the machine's own byte order. */

import { type Bytes, bytes } from './bytes.ts';

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** 4 bytes a word, little-endian: how a masked vector travels (`y` of the protocol). */
export function wordsToBytes(words: Uint32Array): Bytes {
  if (isLittleEndian) return new Uint8Array(words.slice().buffer);
  const out = bytes(4 * words.length);
  const view = new DataView(out.buffer);
  words.forEach((word, i) => {
    view.setUint32(4 * i, word, true);
  });
  return out;
}

/** @throws RangeError unless the length is a multiple of four. */
export function bytesToWords(value: Uint8Array): Uint32Array<ArrayBuffer> {
  if (value.length % 4 !== 0) throw new RangeError('a vector of words has a multiple of 4 bytes');
  if (isLittleEndian) return new Uint32Array(value.slice().buffer);
  const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
  return Uint32Array.from({ length: value.length / 4 }, (_, i) => view.getUint32(4 * i, true));
}

export function floatsToBytes(values: Float32Array): Bytes {
  return wordsToBytes(new Uint32Array(values.buffer, values.byteOffset, values.length));
}

/** @throws RangeError unless the length is a multiple of four. */
export function bytesToFloats(value: Uint8Array): Float32Array<ArrayBuffer> {
  return new Float32Array(bytesToWords(value).buffer);
}

/** Adds `term` into `sum` in place, mod 2^32. @throws RangeError if the lengths differ. */
export function addModulo(sum: Uint32Array, term: Uint32Array): void {
  if (sum.length !== term.length) throw new RangeError('vectors of different lengths cannot be added');
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i]! + term[i]!) >>> 0;
}

/** Subtracts `term` from `sum` in place, mod 2^32. @throws RangeError if the lengths differ. */
export function subtractModulo(sum: Uint32Array, term: Uint32Array): void {
  if (sum.length !== term.length) throw new RangeError('vectors of different lengths cannot be subtracted');
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i]! - term[i]!) >>> 0;
}

/** Σ value², in float64. Four sums side by side, of every fourth value, take a third of the time of one. */
export function squaredLength(values: Float32Array): number {
  const blocksEnd = values.length & ~3;
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  for (let i = 0; i < blocksEnd; i += 4) {
    first += values[i]! * values[i]!;
    second += values[i + 1]! * values[i + 1]!;
    third += values[i + 2]! * values[i + 2]!;
    fourth += values[i + 3]! * values[i + 3]!;
  }
  for (let i = blocksEnd; i < values.length; i++) first += values[i]! * values[i]!;
  return first + second + third + fourth;
}
