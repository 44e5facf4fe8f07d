/** Coins of an exactly known bias and fair dice, from random bytes and whole numbers alone. */

import type { Random } from '../ports.ts';
import type { Fraction } from './fraction.ts';

/** Bytes drawn at once: a draw costs a system call, a byte does not. */
const usualBlockBytes = 4096;

/** Below this a number times 256 is exact in float64, with room to spare. */
export const exactBelow = 2 ** 44;

export type ChanceOptions = {
  /** How many bytes are taken from the source at a time; no draw depends on it. */
  readonly blockBytes?: number;
};

/** The bytes of a random source as coins and dice. Every byte serves one draw only. */
export class Chance {
  readonly #random: Random;
  readonly #blockBytes: number;
  #block: Uint8Array = new Uint8Array(0);
  #used = 0;

  constructor(random: Random, { blockBytes = usualBlockBytes }: ChanceOptions = {}) {
    this.#random = random;
    this.#blockBytes = blockBytes;
  }

  byte(): number {
    if (this.#used === this.#block.length) {
      this.#block = this.#random.bytes(this.#blockBytes);
      this.#used = 0;
    }
    return this.#block[this.#used++]!;
  }

  /** A whole number in 0..n−1, each equally likely; 1 ≤ n < 2^44. */
  below(n: number): number {
    let span = 256;
    let bytes = 1;
    for (; span < n; span *= 256) bytes++;
    // The greatest multiple of n that the bytes reach: what lies above would favour small remainders.
    const fair = span - (span % n);
    for (;;) {
      let value = 0;
      for (let i = 0; i < bytes; i++) value = value * 256 + this.byte();
      if (value < fair) return value % n;
    }
  }

  /**
   * True with probability numerator/denominator, both whole, 0 ≤ numerator ≤ denominator < 2^44. Compares a uniform
   * number with the fraction digit by digit in base 256, so it seldom needs a second byte.
   */
  happens(numerator: number, denominator: number): boolean {
    if (numerator === denominator) return true;
    for (let rest = numerator; rest > 0; ) {
      const scaled = rest * 256;
      let digit = Math.floor(scaled / denominator);
      // Whole numbers below 2^53 on both sides, so the product shows whether the quotient was rounded up.
      if (digit * denominator > scaled) digit--;
      const drawn = this.byte();
      if (drawn !== digit) return drawn < digit;
      rest = scaled - digit * denominator;
    }
    return false;
  }

  /** The same for fractions of any size, from the same bytes. */
  happensExactly({ numerator, denominator }: Fraction): boolean {
    if (numerator === denominator) return true;
    for (let rest = numerator; rest > 0n; ) {
      const scaled = rest << 8n;
      const digit = scaled / denominator;
      const drawn = BigInt(this.byte());
      if (drawn !== digit) return drawn < digit;
      rest = scaled - digit * denominator;
    }
    return false;
  }
}
