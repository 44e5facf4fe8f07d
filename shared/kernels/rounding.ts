/** Stochastic rounding straight into a sum mod 2^32: for whoever plays many devices, and keeps none of their vectors. */

import type { Bytes } from '../bytes.ts';
import { bytesToWords, squaredLength } from '../vectors.ts';
import { roundingWasm } from './rounding.wasm.ts';

/** Works on a memory of its own: one vector, its draws, its integers and the sum. */
export interface RoundingKernel {
  readonly name: string;
  /** Room for vectors of so many numbers. The sum in it is zero; an earlier room is no longer good. */
  reserve(length: number): RoundingRoom;
  /** The sum of squares of so many values, unscaled: of every fourth from the first, the second, the third and the fourth. */
  squares(from: number, length: number): number;
  /** Whether every scaled number of the run is whole. */
  isWhole(run: Run): boolean;
  /**
   * Rounds each scaled number of the run down, or up with the probability of its fractional part: where a draw of 32 bits is
   * below that.
   *
   * @returns the integers' sum of squares; exact below 2^53, at least 2^53 otherwise
   */
  round(run: Run): number;
  /** Adds the integers to the sum. */
  add(): void;
}

export type RoundingRoom = {
  /** What will be rounded. */
  readonly values: Float32Array;
  /** Little-endian words, one for each value. */
  readonly draws: Bytes;
  readonly sum: Uint32Array<ArrayBuffer>;
};

/** Part of the vector, and what its numbers are multiplied by, in float64, before they are rounded. */
export type Run = { readonly from: number; readonly length: number; readonly scale: number };

/** WebAssembly SIMD where it works, and plain JavaScript where a platform or a policy forbids it. */
export function roundingKernel(): RoundingKernel {
  return wasmRoundingKernel() ?? plainRoundingKernel();
}

const pageBytes = 65_536;

type Exports = {
  readonly memory: WebAssembly.Memory;
  readonly squares: (values: number, count: number) => number;
  readonly isWhole: (values: number, count: number, scale: number) => number;
  readonly round: (values: number, draws: number, integers: number, count: number, scale: number) => number;
  readonly add: (sum: number, integers: number, count: number) => void;
};

/** @returns undefined where WebAssembly, its SIMD or compilation is not to be had */
export function wasmRoundingKernel(): RoundingKernel | undefined {
  const wasm = instantiate();
  if (wasm === undefined) return undefined;
  const { memory } = wasm;
  // In bytes, from the start of the memory: values, draws, integers, sum.
  let size = 0;
  return {
    name: 'wasm-simd',
    reserve(length) {
      size = 4 * length;
      const missing = Math.ceil((4 * size - memory.buffer.byteLength) / pageBytes);
      if (missing > 0) memory.grow(missing);
      const buffer = memory.buffer as ArrayBuffer;
      const sum = new Uint32Array(buffer, 3 * size, length).fill(0);
      return { values: new Float32Array(buffer, 0, length), draws: new Uint8Array(buffer, size, size), sum };
    },
    squares: (from, length) => wasm.squares(4 * from, length),
    isWhole: ({ from, length, scale }) => wasm.isWhole(4 * from, length, scale) === 1,
    round({ from, length, scale }) {
      const at = 4 * from;
      return wasm.round(at, size + at, 2 * size + at, length, scale);
    },
    add: () => wasm.add(3 * size, 2 * size, size / 4),
  };
}

function instantiate(): Exports | undefined {
  try {
    const binary = Uint8Array.from(atob(roundingWasm), (character) => character.charCodeAt(0));
    return new WebAssembly.Instance(new WebAssembly.Module(binary)).exports as Exports;
  } catch {
    return undefined;
  }
}

export function plainRoundingKernel(): RoundingKernel {
  let room: RoundingRoom;
  let integers = new Int32Array(0);
  return {
    name: 'plain JavaScript',
    reserve(length) {
      room = { values: new Float32Array(length), draws: new Uint8Array(4 * length), sum: new Uint32Array(length) };
      integers = new Int32Array(length);
      return room;
    },
    squares: (from, length) => squaredLength(room.values.subarray(from, from + length)),
    isWhole({ from, length, scale }) {
      for (let i = from; i < from + length; i++) if (!Number.isInteger(room.values[i]! * scale)) return false;
      return true;
    },
    round({ from, length, scale }) {
      const draws = bytesToWords(room.draws.subarray(4 * from, 4 * (from + length)));
      let squares = 0;
      for (let i = 0; i < length; i++) {
        const step = room.values[from + i]! * scale;
        const below = Math.floor(step);
        const whole = draws[i]! < (step - below) * 2 ** 32 ? below + 1 : below;
        integers[from + i] = whole;
        squares += whole * whole;
      }
      return squares;
    },
    add() {
      for (let i = 0; i < integers.length; i++) room.sum[i] = room.sum[i]! + integers[i]!;
    },
  };
}
