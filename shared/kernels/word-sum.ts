/** A running sum of word vectors mod 2^32: masks are added to it one after another, and little else costs a round as much. */

import type { Bytes } from '../bytes.ts';
import { bytesToWords, wordsToBytes } from '../vectors.ts';
import { wordsWasm } from './words.wasm.ts';

export interface WordSum {
  /** Takes little-endian words, as many as the sum has. @throws RangeError for another number of them */
  add(term: Bytes): void;
  /** @throws RangeError as `add` does */
  subtract(term: Bytes): void;
  /** A copy of what the sum is now. */
  words(): Uint32Array<ArrayBuffer>;
}

/** The fastest sum that works here: WebAssembly SIMD, or plain JavaScript where a platform or a policy forbids it. */
export function wordSum(start: Uint32Array): WordSum {
  return wasmWordSum(start) ?? plainWordSum(start);
}

/** Terms pass through a window that stays in the processor's nearest cache. */
const windowBytes = 32_768;
const pageBytes = 65_536;

type Kernel = {
  readonly memory: WebAssembly.Memory;
  readonly add: (sum: number, term: number, length: number) => void;
  readonly subtract: (sum: number, term: number, length: number) => void;
};

/** @returns undefined where WebAssembly, its SIMD or compilation is not to be had */
export function wasmWordSum(start: Uint32Array): WordSum | undefined {
  const kernel = instantiate(windowBytes + 4 * start.length);
  if (kernel === undefined) return undefined;
  const { memory, add, subtract } = kernel;
  // The window lies before the sum: its size does not depend on the vector's.
  const [length, memoryBytes] = [4 * start.length, new Uint8Array(memory.buffer)];
  memoryBytes.set(wordsToBytes(start), windowBytes);
  const over = (term: Bytes, combine: Kernel['add']) => {
    if (term.length !== length) throw new RangeError('a term has as many words as the sum');
    for (let from = 0; from < length; from += windowBytes) {
      const part = term.subarray(from, from + windowBytes);
      memoryBytes.set(part);
      combine(windowBytes + from, 0, part.length);
    }
  };
  return {
    add: (term) => over(term, add),
    subtract: (term) => over(term, subtract),
    words: () => bytesToWords(memoryBytes.subarray(windowBytes, windowBytes + length)),
  };
}

let compiled: WebAssembly.Module | 'impossible' | undefined;

function instantiate(bytesNeeded: number): Kernel | undefined {
  compiled ??= compile();
  if (compiled === 'impossible') return undefined;
  const kernel = new WebAssembly.Instance(compiled).exports as Kernel;
  const missing = Math.ceil((bytesNeeded - kernel.memory.buffer.byteLength) / pageBytes);
  if (missing > 0) kernel.memory.grow(missing);
  return kernel;
}

function compile(): WebAssembly.Module | 'impossible' {
  try {
    return new WebAssembly.Module(Uint8Array.from(atob(wordsWasm), (character) => character.charCodeAt(0)));
  } catch {
    return 'impossible';
  }
}

/** Four words at a time take V8 less than half as long as one. */
export function plainWordSum(start: Uint32Array): WordSum {
  const sum = start.slice();
  const wordsOf = (term: Bytes) => {
    if (term.length !== 4 * sum.length) throw new RangeError('a term has as many words as the sum');
    return readWords(term);
  };
  return {
    add(term) {
      const words = wordsOf(term);
      let i = 0;
      for (; i + 3 < sum.length; i += 4) {
        sum[i]! += words[i]!;
        sum[i + 1]! += words[i + 1]!;
        sum[i + 2]! += words[i + 2]!;
        sum[i + 3]! += words[i + 3]!;
      }
      for (; i < sum.length; i++) sum[i]! += words[i]!;
    },
    subtract(term) {
      const words = wordsOf(term);
      let i = 0;
      for (; i + 3 < sum.length; i += 4) {
        sum[i]! -= words[i]!;
        sum[i + 1]! -= words[i + 1]!;
        sum[i + 2]! -= words[i + 2]!;
        sum[i + 3]! -= words[i + 3]!;
      }
      for (; i < sum.length; i++) sum[i]! -= words[i]!;
    },
    words: () => sum.slice(),
  };
}

/** On the same memory where the machine's byte order and the alignment allow it. */
function readWords(term: Bytes): Uint32Array {
  const canShare = isLittleEndian && term.byteOffset % 4 === 0;
  return canShare ? new Uint32Array(term.buffer, term.byteOffset, term.length / 4) : bytesToWords(term);
}

const isLittleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;
