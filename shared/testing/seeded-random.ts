/** Randomness that is strong and repeatable: the laboratory's, and every test's. */

import { chacha20 } from '@noble/ciphers/chacha.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { type Bytes, bytes, concat, readU32, tag, utf8 } from '../bytes.ts';
import type { Random } from '../ports.ts';

export interface SeededRandom extends Random {
  /** An independent generator: the same for one label however much was drawn here before. */
  fork(label: string | number): SeededRandom;
  /** The first bytes of a fork, for where nothing else is asked of it. */
  forkBytes(label: string | number, length: number): Bytes;
  /** A number in [0, 1) with 53 random bits. */
  uniform(): number;
  /** A whole number in 0..n−1, each equally likely. @throws RangeError unless 1 ≤ n ≤ 2^32 */
  below(n: number): number;
  /** A draw from the standard normal distribution. Not for privacy noise, which must be discrete. */
  normal(): number;
  /** The items in a random order, each order equally likely; a new array. */
  shuffle<Item>(items: readonly Item[]): Item[];
}

const forkTag = tag('chorale/fork/1');

/** ChaCha20 under the hash of the seed; numbers and their decimal texts are the same seed. */
export function seededRandom(seed: string | number): SeededRandom {
  return fromKey(sha256(concat(tag('chorale/seeded-random/1'), utf8(String(seed)))));
}

function fromKey(key: Uint8Array): SeededRandom {
  const stream = new Keystream(key);
  const word = () => stream.word();
  const uniform = () => ((word() >>> 5) * 2 ** 26 + (word() >>> 6)) / 2 ** 53;
  const below = (n: number) => {
    if (!Number.isInteger(n) || n < 1 || n > 2 ** 32) throw new RangeError('below(n) needs 1 ≤ n ≤ 2^32');
    const fair = 2 ** 32 - (2 ** 32 % n);
    let value = word();
    while (value >= fair) value = word();
    return value % n;
  };
  return {
    bytes: (length) => stream.bytes(length),
    fork: (label) => fromKey(forkedKey(key, label)),
    forkBytes: (label, length) => chacha20(forkedKey(key, label), zeroNonce, bytes(length)) as Bytes,
    uniform,
    below,
    // Box and Muller (1958); 1 − u lies in (0, 1], where the logarithm is finite.
    normal: () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform()),
    shuffle(items) {
      const shuffled = [...items];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = below(i + 1);
        [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
      }
      return shuffled;
    },
  };
}

function forkedKey(key: Uint8Array, label: string | number): Uint8Array {
  return sha256(concat(forkTag, key, utf8(String(label))));
}

const firstPieceBytes = 64;
const largestPieceBytes = 4096;
const zeroNonce = new Uint8Array(12);

/** The key's ChaCha20 stream, drawn piece by piece. Pieces grow: many a fork is asked for one seed and never again. */
class Keystream {
  readonly #key: Uint8Array;
  #piece = new DataView(new ArrayBuffer(0));
  #used = 0;
  #nextBytes = firstPieceBytes;
  #block = 0;

  constructor(key: Uint8Array) {
    this.#key = key;
  }

  bytes(length: number): Bytes {
    const out = bytes(length);
    for (let filled = 0; filled < length; ) {
      if (this.#used === this.#piece.byteLength) this.#refill();
      const count = Math.min(length - filled, this.#piece.byteLength - this.#used);
      out.set(new Uint8Array(this.#piece.buffer, this.#used, count), filled);
      filled += count;
      this.#used += count;
    }
    return out;
  }

  /** The next four bytes as a number: much faster than to draw them as bytes. */
  word(): number {
    if (this.#used + 4 > this.#piece.byteLength) return readU32(this.bytes(4), 0);
    this.#used += 4;
    return this.#piece.getUint32(this.#used - 4);
  }

  #refill(): void {
    const length = this.#nextBytes;
    const stream = chacha20(this.#key, zeroNonce, bytes(length), bytes(length), this.#block);
    this.#piece = new DataView(stream.buffer as ArrayBuffer);
    this.#block += length / 64;
    this.#nextBytes = Math.min(4 * length, largestPieceBytes);
    this.#used = 0;
  }
}
