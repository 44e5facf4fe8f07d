import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromHex, hex } from './bytes.ts';
import { addModulo, bytesToFloats, bytesToWords, floatsToBytes, subtractModulo, wordsToBytes } from './vectors.ts';

describe('vectors as bytes', () => {
  it('are little-endian, four bytes a number', () => {
    expect(hex(wordsToBytes(Uint32Array.of(0x01020304, 0xfffffffe)))).toBe('04030201feffffff');
    expect(bytesToWords(fromHex('04030201feffffff'))).toEqual(Uint32Array.of(0x01020304, 0xfffffffe));
    expect(hex(floatsToBytes(Float32Array.of(1, -2)))).toBe('0000803f000000c0');
    expect(bytesToFloats(fromHex('0000803f000000c0'))).toEqual(Float32Array.of(1, -2));
  });

  it('come back bit for bit, infinities and signed zeros too', () => {
    const floats = Float32Array.of(0, -0, 1e-45, 3.4028235e38, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    expect(bytesToFloats(floatsToBytes(floats))).toEqual(floats);
    expect(Object.is(bytesToFloats(floatsToBytes(floats))[1], -0)).toBe(true);
  });

  it('are read from any offset of a larger packet', () => {
    const packet = fromHex('aa0403020100000000bb');
    expect(bytesToWords(packet.subarray(1, 9))).toEqual(Uint32Array.of(0x01020304, 0));
    expect(hex(wordsToBytes(Uint32Array.of(7, 8, 9).subarray(1, 2)))).toBe('08000000');
    expect(hex(floatsToBytes(Float32Array.of(7, 1, 9).subarray(1, 2)))).toBe('0000803f');
  });

  it('share no memory with their bytes', () => {
    const words = Uint32Array.of(5);
    const value = wordsToBytes(words);
    words[0] = 6;
    expect(hex(value)).toBe('05000000');
    const read = bytesToWords(value);
    value.fill(0);
    expect(read).toEqual(Uint32Array.of(5));
  });

  it('are refused when a number is cut', () => {
    for (const length of [1, 2, 3, 5]) {
      expect(() => bytesToWords(new Uint8Array(length))).toThrow(RangeError);
      expect(() => bytesToFloats(new Uint8Array(length))).toThrow(RangeError);
    }
  });
});

describe('sums of vectors', () => {
  it('wrap at 2^32, exactly', () => {
    const sum = Uint32Array.of(0xffffffff, 0x80000000, 1);
    addModulo(sum, Uint32Array.of(2, 0x80000000, 1));
    expect(sum).toEqual(Uint32Array.of(1, 0, 2));
    subtractModulo(sum, Uint32Array.of(2, 1, 2));
    expect(sum).toEqual(Uint32Array.of(0xffffffff, 0xffffffff, 0));
  });

  it('are undone by subtraction', () => {
    const word = fc.integer({ min: 0, max: 2 ** 32 - 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(word, word), { maxLength: 20 }), (pairs) => {
        const [a, b] = [Uint32Array.from(pairs, ([x]) => x), Uint32Array.from(pairs, ([, y]) => y)];
        const sum = a.slice();
        addModulo(sum, b);
        expect([...sum]).toEqual(pairs.map(([x, y]) => Number((BigInt(x) + BigInt(y)) % 2n ** 32n)));
        subtractModulo(sum, b);
        expect(sum).toEqual(a);
      }),
      { seed: 20_240_101 },
    );
  });

  it('are refused for different lengths, and nothing is added', () => {
    const sum = Uint32Array.of(1, 2);
    expect(() => addModulo(sum, Uint32Array.of(1))).toThrow(RangeError);
    expect(() => subtractModulo(sum, Uint32Array.of(1, 1, 1))).toThrow(RangeError);
    expect(sum).toEqual(Uint32Array.of(1, 2));
  });
});
