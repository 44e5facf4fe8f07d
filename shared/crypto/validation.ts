/**
 * What keys and signatures must look like before any provider sees them.
 *
 * Implementations differ on malformed input: some take a signature with S ≥ L, some return an all-zero shared secret,
 * some accept points of small order. Whoever disagrees about a signature disagrees about a roster, so the doubtful cases
 * are refused here, alike for everyone. Encodings are little-endian (RFC 7748, section 5; RFC 8032, section 5.1).
 */

import { type Bytes, compare, fromHex, isZero } from '../bytes.ts';
import type { SignedText } from './provider.ts';

export const keyBytes = 32;
export const signatureBytes = 64;

/** An X25519 public key: canonical (top bit 0, below p), and not of small order on the curve or on its twist. */
export function isAgreementKey(publicKey: Bytes): boolean {
  return publicKey.length === keyBytes && isBelow(publicKey, prime) && !isAmong(publicKey, smallOrderU);
}

/** A shared secret of zero says that the peer's key had small order, whatever it looked like. */
export function isSharedSecret(secret: Bytes): boolean {
  return secret.length === keyBytes && !isZero(secret);
}

/** An Ed25519 public key: canonical and not one of the 8 points of small order. That it is on the curve shows later. */
export function isSigningKey(publicKey: Bytes): boolean {
  return isCanonicalPoint(publicKey) && !isAmong(withoutSign(publicKey), smallOrderY);
}

/** A signature R ‖ S with S below the group order and R canonical, under a key as above. */
export function isSignedText({ publicKey, signature }: SignedText): boolean {
  if (signature.length !== signatureBytes || !isSigningKey(publicKey)) return false;
  return isCanonicalPoint(signature.subarray(0, keyBytes)) && isBelow(signature.subarray(keyBytes), groupOrder);
}

/** y below p, and the sign bit 0 where x is 0, that is where y is 1 or −1. */
function isCanonicalPoint(point: Bytes): boolean {
  if (point.length !== keyBytes) return false;
  const isNegative = point[31]! >>> 7 === 1;
  if (!isNegative) return isBelow(point, prime);
  const y = withoutSign(point);
  return isBelow(y, prime) && !isAmong(y, rootsOfOne);
}

function withoutSign(point: Bytes): Bytes {
  const y = point.slice();
  y[31]! &= 0x7f;
  return y;
}

/** Compares public little-endian numbers, the last byte first. */
function isBelow(value: Bytes, bound: Bytes): boolean {
  for (let i = value.length - 1; i >= 0; i--) if (value[i] !== bound[i]) return value[i]! < bound[i]!;
  return false;
}

function isAmong(value: Bytes, candidates: readonly Bytes[]): boolean {
  return candidates.some((candidate) => compare(candidate, value) === 0);
}

/** p = 2^255 − 19. */
const prime = fromHex('edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');
/** L = 2^252 + 27742317777372353535851937790883648493. */
const groupOrder = fromHex('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');

const zero = fromHex('0000000000000000000000000000000000000000000000000000000000000000');
const one = fromHex('0100000000000000000000000000000000000000000000000000000000000000');
const minusOne = fromHex('ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f');

const rootsOfOne = [one, minusOne];

/** Orders 2, 4 and 8 on the curve, 2 and 4 on the twist; non-canonical forms of them are not below p. */
const smallOrderU = [
  zero,
  one,
  minusOne,
  fromHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'),
  fromHex('5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'),
];

/** Orders 4, 1, 2 and twice 8; with both signs of x where it is not 0 these are the 8 points. */
const smallOrderY = [
  zero,
  one,
  minusOne,
  fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'),
  fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a'),
];
