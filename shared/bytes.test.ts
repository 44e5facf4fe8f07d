import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  base64url,
  bytes,
  compare,
  concat,
  equal,
  fromBase64url,
  fromHex,
  fromUtf8,
  hex,
  isZero,
  readU32,
  readU64,
  tag,
  u16,
  u32,
  u64,
  utf8,
} from './bytes.ts';

const anyBytes = fc.uint8Array({ maxLength: 40 });
const seed = { seed: 20_240_101 };

describe('comparing', () => {
  it('finds equal exactly what has the same bytes', () => {
    expect(equal(utf8('abc'), utf8('abc'))).toBe(true);
    expect(equal(utf8('abc'), utf8('abd'))).toBe(false);
    expect(equal(utf8('abc'), utf8('ab'))).toBe(false);
    expect(equal(bytes(0), bytes(0))).toBe(true);
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => equal(a, b) === (hex(a) === hex(b))),
      seed,
    );
  });

  it('sees a difference in any single bit', () => {
    const value = Uint8Array.from({ length: 33 }, (_, i) => i);
    for (let bit = 0; bit < 8 * value.length; bit++) {
      const other = value.slice();
      other[bit >> 3]! ^= 1 << (bit & 7);
      expect(equal(value, other)).toBe(false);
    }
  });

  it('orders like hexadecimal texts, a prefix first', () => {
    fc.assert(
      fc.property(anyBytes, anyBytes, (a, b) => {
        const [x, y] = [hex(a), hex(b)];
        expect(Math.sign(compare(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0);
      }),
      seed,
    );
    expect(compare(Uint8Array.of(1), Uint8Array.of(1, 0))).toBeLessThan(0);
    expect(compare(Uint8Array.of(255), Uint8Array.of(1, 2, 3))).toBeGreaterThan(0);
  });

  it('knows zeros', () => {
    expect([isZero(bytes(32)), isZero(bytes(0)), isZero(Uint8Array.of(0, 0, 1))]).toEqual([true, true, false]);
  });
});

describe('joining', () => {
  it('copies its parts one after the other', () => {
    const part = utf8('ab');
    const joined = concat(part, bytes(0), utf8('c'), part.subarray(1));
    part.fill(0);
    expect(joined).toEqual(utf8('abcb'));
    expect(concat()).toEqual(bytes(0));
  });

  it('makes of tags no prefixes of each other', () => {
    expect(tag('mask')).toEqual(Uint8Array.of(0x6d, 0x61, 0x73, 0x6b, 0));
    expect(equal(tag('mask'), tag('masks').subarray(0, 5))).toBe(false);
  });
});

describe('hexadecimal texts', () => {
  it('come back as the bytes they were made from', () => {
    fc.assert(
      fc.property(anyBytes, (value) => equal(fromHex(hex(value)), value)),
      seed,
    );
    expect(hex(Uint8Array.of(0, 15, 16, 255))).toBe('000f10ff');
    expect(fromHex('00FFaB')).toEqual(Uint8Array.of(0, 255, 171));
  });

  it('are refused when they are not whole bytes of digits', () => {
    for (const text of ['0', 'abc', 'zz', '0x00', ' 00', '00\n', '-1']) expect(() => fromHex(text)).toThrow(RangeError);
  });
});

describe('base64url texts', () => {
  it('come back as the bytes they were made from', () => {
    fc.assert(
      fc.property(anyBytes, (value) => equal(fromBase64url(base64url(value)), value)),
      seed,
    );
    const long = Uint8Array.from({ length: 100_000 }, (_, i) => (i * 7919) & 255);
    expect(equal(fromBase64url(base64url(long)), long)).toBe(true);
  });

  it('are those of RFC 4648 in its URL alphabet, unpadded', () => {
    const known = { '': '', f: 'Zg', fo: 'Zm8', foo: 'Zm9v', foob: 'Zm9vYg', fooba: 'Zm9vYmE', foobar: 'Zm9vYmFy' };
    for (const [plain, text] of Object.entries(known)) expect(base64url(utf8(plain))).toBe(text);
    expect(base64url(Uint8Array.of(0xfb, 0xff, 0xbf))).toBe('-_-_');
  });

  it('have one form only: no padding, no other alphabet, no stray bits', () => {
    const refused = ['Zg==', 'Zm8=', 'Zh', 'Zm9', '+/+/', 'Z', 'Zm9vY', 'Zg\n', ' Zg', 'Zé'];
    for (const text of refused) expect(() => fromBase64url(text), text).toThrow(RangeError);
  });
});

describe('texts', () => {
  it('travel as UTF-8', () => {
    expect(utf8('é€😀')).toEqual(fromHex('c3a9e282acf09f9880'));
    expect(fromUtf8(fromHex('c3a9e282acf09f9880'))).toBe('é€😀');
  });

  it('are refused when ill-formed', () => {
    for (const wrong of ['ff', 'c3', 'eda080', 'c080', 'f4908080']) {
      expect(() => fromUtf8(fromHex(wrong)), wrong).toThrow(TypeError);
    }
  });
});

describe('numbers', () => {
  it('are written most significant byte first', () => {
    expect(hex(u16(0x0102))).toBe('0102');
    expect(hex(u32(0x01020304))).toBe('01020304');
    expect(hex(u64(0x0102030405060708n))).toBe('0102030405060708');
  });

  it('are read where they stand, within a view too', () => {
    const view = concat(utf8('xyz'), u32(2 ** 32 - 1), u64(2n ** 64n - 1n)).subarray(3);
    expect(readU32(view, 0)).toBe(2 ** 32 - 1);
    expect(readU64(view, 4)).toBe(2n ** 64n - 1n);
    expect(() => readU32(view, 9)).toThrow(RangeError);
    expect(() => readU64(view, 5)).toThrow(RangeError);
  });
});
