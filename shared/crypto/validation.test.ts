import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bytes, fromHex } from '../bytes.ts';
import { isAgreementKey, isSharedSecret, isSignedText, isSigningKey } from './validation.ts';

const prime = 2n ** 255n - 19n;
const modulo = (value: bigint) => ((value % prime) + prime) % prime;
const power = (base: bigint, exponent: bigint): bigint =>
  exponent === 0n ? 1n : modulo((exponent & 1n ? base : 1n) * power(modulo(base * base), exponent >> 1n));
const inverse = (value: bigint) => power(value, prime - 2n);
const d = modulo(-121665n * inverse(121666n));

type Point = readonly [x: bigint, y: bigint];

/** The addition law of RFC 8032, 5.1.4, in plain coordinates. */
function add([x1, y1]: Point, [x2, y2]: Point): Point {
  const product = d * modulo(x1 * x2) * modulo(y1 * y2);
  return [
    modulo((x1 * y2 + x2 * y1) * inverse(modulo(1n + product))),
    modulo((y1 * y2 + x1 * x2) * inverse(modulo(1n - product))),
  ];
}

function littleEndian(value: bigint): ReturnType<typeof bytes> {
  return Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 255n));
}

const encode = ([x, y]: Point) => littleEndian(y | ((x & 1n) << 255n));

/** A point of order 8, x = 26e8…'s; its multiples are all the points of small order. */
function smallOrderPoints(): Point[] {
  const y = fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05').reduceRight(
    (value, byte) => (value << 8n) | BigInt(byte),
    0n,
  );
  const square = modulo((y * y - 1n) * inverse(modulo(d * y * y + 1n)));
  const candidate = power(square, (prime + 3n) / 8n);
  const root = modulo(candidate * candidate) === square ? candidate : modulo(candidate * power(2n, (prime - 1n) / 4n));
  const multiples: Point[] = [[root, y]];
  while (multiples.length < 8) multiples.push(add(multiples.at(-1)!, multiples[0]!));
  return multiples;
}

describe('a signing key', () => {
  it('is none of the 8 points of small order', () => {
    const points = smallOrderPoints();
    expect(points.at(-1)).toEqual([0n, 1n]);
    expect(new Set(points.map(String)).size).toBe(8);
    expect(points.map((point) => isSigningKey(encode(point)))).toEqual(Array(8).fill(false));
  });

  it('has y below p, whatever its sign', () => {
    for (let y = prime; y < 2n ** 255n; y++) {
      expect(isSigningKey(littleEndian(y))).toBe(false);
      expect(isSigningKey(littleEndian(y | (1n << 255n)))).toBe(false);
    }
    expect(isSigningKey(littleEndian(prime - 2n))).toBe(true);
    expect(isSigningKey(littleEndian((prime - 2n) | (1n << 255n)))).toBe(true);
  });
});

describe('an agreement key', () => {
  it('does not share the u of a point of small order: u = (1 + y) / (1 − y)', () => {
    for (const [, y] of smallOrderPoints().slice(0, 7)) {
      const u = modulo((1n + y) * inverse(modulo(1n - y)));
      expect(isAgreementKey(littleEndian(u))).toBe(false);
    }
  });

  it('is a number from 2 to p − 2 of 32 bytes', () => {
    for (const u of [2n, 9n, prime - 2n]) expect(isAgreementKey(littleEndian(u))).toBe(true);
    for (const u of [0n, 1n, prime - 1n, prime, prime + 9n, 9n | (1n << 255n)]) {
      expect(isAgreementKey(littleEndian(u))).toBe(false);
    }
    for (const length of [0, 31, 33]) expect(isAgreementKey(bytes(length).fill(9))).toBe(false);
  });

  it('never leads to a shared secret of zero', () => {
    expect(isSharedSecret(bytes(32))).toBe(false);
    expect(isSharedSecret(bytes(31).fill(1))).toBe(false);
    expect(isSharedSecret(bytes(32).fill(1))).toBe(true);
  });
});

describe('a signed text', () => {
  const file = new URL('./vectors/rfc8032.json', import.meta.url);
  const [{ publicKey, signature }] = JSON.parse(readFileSync(file, 'utf8')).cases;
  const signedText = (changed: bigint) => {
    const text = { publicKey: fromHex(publicKey), message: bytes(0), signature: fromHex(signature) };
    text.signature.set(littleEndian(changed), 32);
    return text;
  };
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;

  it('has S below the group order', () => {
    for (const s of [0n, 1n, order - 1n]) expect(isSignedText(signedText(s))).toBe(true);
    for (const s of [order, order + 1n, 2n ** 253n, 2n ** 256n - 1n]) expect(isSignedText(signedText(s))).toBe(false);
  });

  it('has a canonical R, which no provider needs to look at', () => {
    const withR = (r: bigint) => {
      const text = { publicKey: fromHex(publicKey), message: bytes(0), signature: fromHex(signature) };
      text.signature.set(littleEndian(r));
      return text;
    };
    const sign = 1n << 255n;
    for (const r of [1n, prime - 1n, 5n, 5n | sign]) expect(isSignedText(withR(r))).toBe(true);
    for (const r of [1n | sign, (prime - 1n) | sign, prime, prime + 1n, prime | sign]) {
      expect(isSignedText(withR(r))).toBe(false);
    }
  });

  it('has 64 bytes, and a key of 32', () => {
    const text = { publicKey: fromHex(publicKey), message: bytes(0), signature: fromHex(signature) };
    expect(isSignedText({ ...text, signature: bytes(63) })).toBe(false);
    expect(isSignedText({ ...text, signature: bytes(65) })).toBe(false);
    expect(isSignedText({ ...text, publicKey: bytes(31).fill(5) })).toBe(false);
  });
});
