/** Reads fixed binary layouts, front to back, refusing anything that is not exactly as long as it should be. */

import { type Bytes, isZero, readU32, readU64 } from '../bytes.ts';
import { ChoraleError } from '../errors.ts';
import type { Instant } from '../ports.ts';

export class Reader {
  readonly #value: Uint8Array;
  readonly #what: string;
  #offset = 0;

  /** @param what names the text in refusals, such as "plan" */
  constructor(value: Uint8Array, what: string) {
    this.#value = value;
    this.#what = what;
  }

  /** A copy of the next `length` bytes. @throws ChoraleError `invalid-input` where there are fewer */
  take(length: number): Bytes {
    const offset = this.#advance(length);
    return new Uint8Array(this.#value.subarray(offset, offset + length));
  }

  u8(): number {
    return this.#value[this.#advance(1)]!;
  }

  u16(): number {
    return this.u8() * 256 + this.u8();
  }

  u32(): number {
    return readU32(this.#value, this.#advance(4));
  }

  u64(): bigint {
    return readU64(this.#value, this.#advance(8));
  }

  /** A u64 of milliseconds. */
  instant(): Instant {
    const instant = this.u64();
    if (instant > BigInt(Number.MAX_SAFE_INTEGER)) throw this.malformed('a time is out of range');
    return Number(instant);
  }

  /** `count` values, each read by `item`; the caller bounds the count. */
  list<T>(count: number, item: () => T): readonly T[] {
    return Array.from({ length: count }, item);
  }

  /** @throws ChoraleError `invalid-input` unless the next bytes are these */
  expect(expected: Uint8Array): void {
    if (this.take(expected.length).some((byte, i) => byte !== expected[i])) throw this.malformed('a constant differs');
  }

  /** @throws ChoraleError `invalid-input` unless the next `length` bytes are zero */
  expectZeros(length: number): void {
    if (!isZero(this.take(length))) throw this.malformed('a reserved field is used');
  }

  /** @throws ChoraleError `invalid-input` where bytes are left over */
  end(): void {
    if (this.#offset !== this.#value.length) throw this.malformed('it is too long');
  }

  /** How many bytes are left. */
  get rest(): number {
    return this.#value.length - this.#offset;
  }

  /** Steps over bytes that must be there. @returns where they begin */
  #advance(length: number): number {
    const offset = this.#offset;
    if (offset + length > this.#value.length) throw this.malformed('it is too short');
    this.#offset = offset + length;
    return offset;
  }

  malformed(why: string): ChoraleError {
    return new ChoraleError('invalid-input', `malformed ${this.#what}: ${why}`);
  }
}
