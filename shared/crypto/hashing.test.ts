import { createHash, createHmac, hkdfSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes, concat, fromHex, hex, utf8 } from '../bytes.ts';
import { hkdf, hkdfMany, hmacSha256, sha256 } from './hashing.ts';

type Derivation = { name: string; secret: string; salt: string; info: string; length: number; output: string };

const file = new URL('./vectors/rfc5869.json', import.meta.url);
const { cases }: { cases: Derivation[] } = JSON.parse(readFileSync(file, 'utf8'));
const text = (maxLength: number) => fc.uint8Array({ maxLength }).map((value) => new Uint8Array(value));

describe('SHA-256', () => {
  it.each([
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
  ])('gives the known answer of FIPS 180-4 for %j', (message, digest) => {
    expect(hex(sha256(utf8(message)))).toBe(digest);
  });

  it('hashes the parts as one text', () => {
    fc.assert(
      fc.property(fc.array(text(150), { maxLength: 5 }), (parts) => {
        expect(hex(sha256(...parts))).toBe(
          createHash('sha256')
            .update(concat(...parts))
            .digest('hex'),
        );
      }),
    );
  });
});

describe('HMAC-SHA-256', () => {
  it('agrees with an independent implementation for keys shorter and longer than a block', () => {
    fc.assert(
      fc.property(text(130), text(200), text(20), (key, first, second) => {
        const expected = createHmac('sha256', key).update(first).update(second).digest('hex');
        expect(hex(hmacSha256(key, first, second))).toBe(expected);
      }),
    );
  });
});

describe('HKDF-SHA-256', () => {
  it.each(cases)('gives the answer of RFC 5869 $name', ({ secret, salt, info, length, output }) => {
    expect(hex(hkdf(fromHex(secret), fromHex(salt), fromHex(info), length))).toBe(output);
  });

  it('agrees with an independent implementation while salts alternate', () => {
    const derivation = fc.tuple(text(80), fc.constantFrom(bytes(0), bytes(32), bytes(90), utf8('salt')), text(60));
    fc.assert(
      fc.property(fc.array(derivation), fc.integer({ min: 1, max: 200 }), (derivations, length) => {
        for (const [secret, salt, info] of derivations) {
          const expected = new Uint8Array(hkdfSync('sha256', secret, salt, info, length));
          expect(hex(hkdf(secret, salt, info, length))).toBe(hex(expected));
        }
      }),
    );
  });

  it('gives for many infos what it gives for each', () => {
    fc.assert(
      fc.property(
        text(80),
        text(40),
        fc.array(text(60), { maxLength: 4 }),
        fc.nat(100),
        (secret, salt, infos, length) => {
          const each = infos.map((info) => hex(hkdf(secret, salt, info, length)));
          expect(hkdfMany(secret, salt, infos, length).map(hex)).toEqual(each);
        },
      ),
    );
  });

  it('remembers the salt by value, so that a caller may overwrite its own copy', () => {
    const salt = bytes(32);
    const before = hex(hkdf(bytes(32), salt, bytes(0), 28));
    salt.fill(1);
    const after = hex(hkdf(bytes(32), salt, bytes(0), 28));
    expect(after).toBe(hex(hkdf(bytes(32), bytes(32).fill(1), bytes(0), 28)));
    expect(after).not.toBe(before);
  });

  it('gives no bytes and all 8,160 bytes, and refuses more', () => {
    expect(hkdf(bytes(32), bytes(0), bytes(0), 0)).toHaveLength(0);
    const all = new Uint8Array(hkdfSync('sha256', bytes(32), '', '', 8160));
    expect(hex(hkdf(bytes(32), bytes(0), bytes(0), 8160))).toBe(hex(all));
    expect(() => hkdf(bytes(32), bytes(0), bytes(0), 8161)).toThrow(RangeError);
  });
});
