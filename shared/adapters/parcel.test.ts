import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes } from '../bytes.ts';
import { pack, unpack } from './parcel.ts';

const byteString = fc.uint8Array({ maxLength: 100 }).map((value) => new Uint8Array(value));
const leaf = fc.oneof(byteString, fc.integer(), fc.boolean(), fc.constant(undefined), fc.constant('reason'));
const { value: anything } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    leaf,
    fc.array(tie('value')),
    fc.dictionary(fc.constantFrom('a', 'b', 'c'), tie('value')),
  ),
}));

describe('a parcel', () => {
  it('gives back what was packed, after it was cloned too', () => {
    fc.assert(
      fc.property(anything, (value) => {
        expect(unpack(structuredClone(pack(value)))).toEqual(value);
      }),
    );
  });

  it('leaves other arrays of numbers where they stand, to be moved by themselves', () => {
    const vector = Uint32Array.of(1, 2);
    expect(unpack(pack({ vector }))).toEqual({ vector });
    expect(pack({ vector }).shape).toEqual({ vector });
  });

  it('takes of a view no more than what it shows', () => {
    expect(pack([bytes(1000).subarray(10, 14)]).content).toHaveLength(4);
  });

  it('gives every byte string its own memory', () => {
    const [first] = unpack(pack([bytes(8), bytes(8)])) as [Uint8Array];
    expect(first.buffer.byteLength).toBe(8);
  });

  it('holds more byte strings than a call holds arguments', () => {
    const many = Array.from({ length: 300_000 }, () => bytes(1));
    expect(unpack(pack(many))).toHaveLength(many.length);
  });
});
