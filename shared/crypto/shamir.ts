/**
 * Shamir's secret sharing (Communications of the ACM, 1979) over GF(2^16) = GF(2)[x]/(x^16 + x^12 + x^3 + x + 1).
 *
 * A secret of 32 bytes is 16 little-endian symbols, each the value at 0 of a polynomial of degree threshold − 1; a share
 * is the 16 values at the holder's point. Products are sums of logarithms to the base x, which generates the field. The
 * tables are read at addresses that depend on secrets, so the time is not constant.
 */

import { type Bytes, bytes, tag } from '../bytes.ts';
import { hkdf } from './hashing.ts';
import { seedBytes } from './keystream.ts';
import type { SharedSecret } from './provider.ts';

export const secretBytes = 32;

const symbols = 16;
const order = 65535;
const reduction = 0x1100b;
const context = tag('chorale/shamir/v1');

/** The logarithm of zero: so large that every sum which contains it meets a zero of `powers`. */
const logOfZero = 2 * order;
const powers = new Uint16Array(logOfZero + order);
const logs = new Int32Array(order + 1).fill(logOfZero);
for (let exponent = 0, power = 1; exponent < order; exponent++) {
  powers[exponent] = powers[exponent + order] = power;
  logs[power] = exponent;
  power = power & 0x8000 ? (power << 1) ^ reduction : power << 1;
}

/** How to split: distinct points in 1..65535, and at least as many of them as the threshold. */
export type Sharing = { readonly threshold: number; readonly points: readonly number[] };

/**
 * The keystream seed whose stream holds the coefficients: HKDF(randomness, no salt, tag "chorale/shamir/v1", 28 bytes).
 * The same randomness for other secrets would reveal their difference, so it serves one job only.
 */
export function coefficientSeed(randomness: Bytes): Bytes {
  return hkdf(randomness, bytes(0), context, seedBytes);
}

/** The length of the coefficient stream, in bytes. */
export function coefficientBytes(secretCount: number, threshold: number): number {
  return secretCount * (threshold - 1) * secretBytes;
}

/**
 * Splits 32-byte secrets; `shares[i][j]` belongs to secret i and point j.
 *
 * @param stream the coefficients of x^1, x^2, … for the first secret (32 bytes each, a symbol for each of the secret's),
 * then for the second, …
 */
export function splitSecrets(secrets: readonly Bytes[], { threshold, points }: Sharing, stream: Bytes): Bytes[][] {
  const polynomials = secrets.map((secret, i) => {
    const length = coefficientBytes(1, threshold);
    return transposedLogs([secret, ...rows(stream.subarray(i * length, (i + 1) * length))]);
  });
  const monomials = points.map((point) => Int32Array.from({ length: threshold }, (_, k) => (k * logs[point]!) % order));
  return polynomials.map((polynomial) => monomials.map((powersOfPoint) => products(polynomial, powersOfPoint)));
}

/**
 * Interpolates each secret at 0. undefined where the shares are malformed, fewer than the threshold, twice at one point,
 * or do not all lie on one polynomial of degree < threshold.
 *
 * Secrets with the same points share their Lagrange weights.
 */
export function reconstructSecrets(secrets: readonly SharedSecret[]): (Bytes | undefined)[] {
  const found: (Bytes | undefined)[] = secrets.map(() => undefined);
  for (const group of alike(secrets).values()) {
    const { threshold, shares } = secrets[group[0]!]!;
    const interpolation = interpolationOf(threshold, pointsOf(shares));
    for (const i of group) found[i] = interpolate(sharesOf(secrets[i]!), interpolation);
  }
  return found;
}

/** The indices of the well-formed secrets, by threshold and points. */
function alike(secrets: readonly SharedSecret[]): Map<string, number[]> {
  const groups = new Map<string, number[]>();
  for (const [i, secret] of secrets.entries()) {
    if (!isReconstructible(secret)) continue;
    const key = `${secret.threshold}:${pointsOf(secret.shares)}`;
    const group = groups.get(key);
    if (group) group.push(i);
    else groups.set(key, [i]);
  }
  return groups;
}

function pointsOf(shares: SharedSecret['shares']): number[] {
  return shares.map(({ point }) => point);
}

function sharesOf({ shares }: SharedSecret): Bytes[] {
  return shares.map(({ share }) => share);
}

/** Distinct points in 1..65535: 0 would hand out the secret itself. */
export function areHolders(points: readonly number[]): boolean {
  const inField = points.every((point) => Number.isInteger(point) && point >= 1 && point <= order);
  return inField && new Set(points).size === points.length;
}

function isReconstructible({ threshold, shares }: SharedSecret): boolean {
  const enough = Number.isInteger(threshold) && threshold >= 1 && shares.length >= threshold;
  return enough && shares.every(({ share }) => share.length === secretBytes) && areHolders(pointsOf(shares));
}

/** Logarithms of the Lagrange weights that lead from the first `threshold` shares to 0 and to each further point. */
type Interpolation = { readonly toZero: Int32Array; readonly toFurther: readonly Int32Array[] };

function interpolationOf(threshold: number, points: readonly number[]): Interpolation {
  const base = points.slice(0, threshold);
  const denominators = base.map((point) => logOfProduct(base, point));
  return {
    toZero: weightsAt(0, base, denominators),
    toFurther: points.slice(threshold).map((target) => weightsAt(target, base, denominators)),
  };
}

function weightsAt(target: number, base: readonly number[], denominators: readonly number[]): Int32Array {
  const weights = new Int32Array(base.length);
  const numerator = logOfProduct(base, target) + 2 * order;
  for (let i = 0; i < base.length; i++) {
    weights[i] = (numerator - logs[base[i]! ^ target]! - denominators[i]!) % order;
  }
  return weights;
}

/** log Π (target − point) over the points other than the target; − is ^ in this field. */
function logOfProduct(points: readonly number[], target: number): number {
  let sum = 0;
  for (const point of points) if (point !== target) sum += logs[point ^ target]!;
  return sum % order;
}

function interpolate(shares: readonly Bytes[], { toZero, toFurther }: Interpolation): Bytes | undefined {
  const base = transposedLogs(shares.slice(0, toZero.length));
  const further = shares.slice(toZero.length);
  const agree = toFurther.every((weights, i) => isSame(products(base, weights), further[i]!));
  return agree ? products(base, toZero) : undefined;
}

function isSame(a: Bytes, b: Bytes): boolean {
  return a.every((byte, i) => byte === b[i]);
}

/** Row s: the logarithms of symbol s of every vector. */
function transposedLogs(vectors: readonly Bytes[]): Int32Array[] {
  const rowsOfLogs = Array.from({ length: symbols }, () => new Int32Array(vectors.length));
  for (const [i, vector] of vectors.entries()) {
    for (let s = 0; s < symbols; s++) rowsOfLogs[s]![i] = logs[vector[2 * s]! | (vector[2 * s + 1]! << 8)]!;
  }
  return rowsOfLogs;
}

/** For each of the 16 rows the inner product with the weights, all given as logarithms. */
function products(rowsOfLogs: readonly Int32Array[], weights: Int32Array): Bytes {
  const out = bytes(secretBytes);
  for (let s = 0; s < symbols; s++) {
    const value = innerProduct(rowsOfLogs[s]!, weights);
    out[2 * s] = value & 0xff;
    out[2 * s + 1] = value >>> 8;
  }
  return out;
}

/** Four at a time: the tables are larger than a processor's nearest cache, and so its waits overlap. */
function innerProduct(a: Int32Array, b: Int32Array): number {
  let first = 0;
  let second = 0;
  let third = 0;
  let fourth = 0;
  let i = 0;
  for (; i + 3 < a.length; i += 4) {
    first ^= powers[a[i]! + b[i]!]!;
    second ^= powers[a[i + 1]! + b[i + 1]!]!;
    third ^= powers[a[i + 2]! + b[i + 2]!]!;
    fourth ^= powers[a[i + 3]! + b[i + 3]!]!;
  }
  for (; i < a.length; i++) first ^= powers[a[i]! + b[i]!]!;
  return first ^ second ^ third ^ fourth;
}

function rows(stream: Bytes): Bytes[] {
  return Array.from({ length: stream.length / secretBytes }, (_, i) =>
    stream.subarray(i * secretBytes, (i + 1) * secretBytes),
  );
}
