/**
 * The sum of many devices' encoded vectors, for laboratories that play them all: the same words as `encode` gives, added up
 * before any of them is a vector.
 */

import { invariant } from '../errors.ts';
import { type RoundingKernel, type RoundingRoom, type Run, roundingKernel } from '../kernels/rounding.ts';
import type { Random } from '../ports.ts';
import { addModulo } from '../vectors.ts';
import { stepScale } from './clip.ts';
import type { Encoding } from './grid.ts';
import type { Vectors } from './layout.ts';
import { encode } from './pipeline.ts';
import { redraws } from './quantize.ts';
import type { Rounding } from './stage.ts';

export type AddOptions = {
  /** Starts the device's draws; each call starts the same draws anew. */
  readonly random: () => Random;
  /** Variance of this device's own noise, in grid steps squared. */
  readonly noiseVariance: bigint;
  readonly rounding: Rounding;
};

/** One cohort after another: the memory is used again. */
export class EncodedSum {
  readonly #kernel: RoundingKernel;
  #encoding: Encoding<string> | undefined;
  #room: RoundingRoom;

  constructor(kernel = roundingKernel()) {
    this.#kernel = kernel;
    this.#room = kernel.reserve(0);
  }

  /** A new sum, of nobody yet. */
  begin(encoding: Encoding<string>): void {
    this.#encoding = encoding;
    this.#room = this.#kernel.reserve(encoding.dimension);
  }

  /** @throws invariant if a vector does not fit its layout */
  add(vectors: Vectors<string>, { random, noiseVariance, rounding }: AddOptions): void {
    const encoding = this.#begun();
    const isUsual = rounding === 'stochastic' && noiseVariance === 0n;
    if (isUsual && this.#addRounded(vectors, encoding, random())) return;
    // The same draws from their start.
    this.addWords(encode(vectors, encoding, { random: random(), noiseVariance, rounding }));
  }

  /** Adds what somebody has encoded. @throws RangeError if its length is another */
  addWords(words: Uint32Array): void {
    addModulo(this.#room.sum, words);
  }

  /** A copy of the sum mod 2^32. */
  words(): Uint32Array<ArrayBuffer> {
    return this.#room.sum.slice();
  }

  /** @returns whether it was done: not for whole steps, which take no draws, nor where no draw fits, or none is exact */
  #addRounded(vectors: Vectors<string>, encoding: Encoding<string>, random: Random): boolean {
    const runs = this.#load(vectors, encoding);
    if (runs.every((run) => this.#kernel.isWhole(run))) return false;
    for (let draw = 0; draw <= redraws; draw++) {
      this.#room.draws.set(random.bytes(4 * encoding.dimension));
      let squares = 0;
      for (const run of runs) squares += this.#kernel.round(run);
      if (!(squares < 2 ** 53)) return false;
      if (BigInt(squares) > encoding.sensitivitySquared) continue;
      this.#kernel.add();
      return true;
    }
    return false;
  }

  #load(vectors: Vectors<string>, encoding: Encoding<string>): readonly Run[] {
    let from = 0;
    return encoding.layout.map((segment) => {
      const { length } = segment;
      const scale = stepScale(vectors[segment.name], segment, encoding, (values) => {
        this.#room.values.set(values, from);
        return this.#kernel.squares(from, length);
      });
      if (!(scale > 0)) this.#room.values.fill(0, from, from + length);
      from += length;
      return { from: from - length, length, scale };
    });
  }

  #begun(): Encoding<string> {
    invariant(this.#encoding, 'a sum is begun before anything is added');
    return this.#encoding;
  }
}
