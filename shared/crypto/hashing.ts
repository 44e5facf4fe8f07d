/**
 * SHA-256, HMAC-SHA-256 (RFC 2104) and HKDF-SHA-256 (RFC 5869), synchronous, for the pure machines.
 *
 * A round derives thousands of keys from texts of a few dozen bytes, where setting up hash objects costs more than
 * hashing. So a few states are kept and overwritten, and the state that a salt leaves behind is remembered: one ctx salts
 * every key of a round. This halves the time of a derivation and changes no byte.
 */

import { sha256 as algorithm } from '@noble/hashes/sha2.js';
import { type Bytes, bytes, equal } from '../bytes.ts';

const hashBytes = 32;
const blockBytes = 64;

type State = ReturnType<typeof algorithm.create>;
/** What a key leaves behind in the inner and in the outer hash of HMAC, ready to be continued. */
type Keyed = { readonly inner: State; readonly outer: State };

const fresh = algorithm.create();
const worker = algorithm.create();
const pad = bytes(blockBytes);
const callerKey = keyed();
const saltKey = { salt: bytes(0), ...keyInto(bytes(0), keyed()) };

/** SHA-256 of the parts as one text: 32 bytes. */
export function sha256(...parts: readonly Uint8Array[]): Bytes {
  return finish(absorb(start(fresh, worker), parts));
}

/** HMAC-SHA-256 of the parts as one text: 32 bytes. */
export function hmacSha256(key: Uint8Array, ...parts: readonly Uint8Array[]): Bytes {
  return authenticate(keyInto(key, callerKey), parts);
}

/**
 * HKDF-SHA-256, extract and expand.
 *
 * @param length of the output, in bytes, up to 255 × 32
 * @throws RangeError if more is asked for
 */
export function hkdf(secret: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Bytes {
  return expand(keyInto(authenticate(salted(salt), [secret]), callerKey), info, length);
}

/** The outputs of `hkdf` for several infos, all of one length: what is extracted serves them all. */
export function hkdfMany(
  secret: Uint8Array,
  salt: Uint8Array,
  infos: readonly Uint8Array[],
  length: number,
): readonly Bytes[] {
  const key = keyInto(authenticate(salted(salt), [secret]), callerKey);
  return infos.map((info) => expand(key, info, length));
}

function expand(key: Keyed, info: Uint8Array, length: number): Bytes {
  if (!Number.isInteger(length) || length < 0 || length > 255 * hashBytes) {
    throw new RangeError(`HKDF-SHA-256 gives 0 to ${255 * hashBytes} bytes`);
  }
  const blocks = bytes(Math.ceil(length / hashBytes) * hashBytes);
  for (let offset = 0; offset < length; offset += hashBytes) {
    const previous = blocks.subarray(Math.max(0, offset - hashBytes), offset);
    blocks.set(authenticate(key, [previous, info, Uint8Array.of(offset / hashBytes + 1)]), offset);
  }
  return blocks.length === length ? blocks : blocks.slice(0, length);
}

function keyed(): Keyed {
  return { inner: algorithm.create(), outer: algorithm.create() };
}

function salted(salt: Uint8Array): Keyed {
  if (!equal(salt, saltKey.salt)) {
    keyInto(salt, saltKey);
    saltKey.salt = salt.slice();
  }
  return saltKey;
}

function keyInto(key: Uint8Array, states: Keyed): Keyed {
  const short = key.length > blockBytes ? sha256(key) : key;
  absorbPadded(short, 0x36, states.inner);
  absorbPadded(short, 0x5c, states.outer);
  return states;
}

function absorbPadded(key: Uint8Array, filler: number, state: State): void {
  pad.fill(filler);
  for (let i = 0; i < key.length; i++) pad[i]! ^= key[i]!;
  start(fresh, state).update(pad);
  pad.fill(0);
}

function authenticate(key: Keyed, parts: readonly Uint8Array[]): Bytes {
  const inner = finish(absorb(start(key.inner, worker), parts));
  return finish(start(key.outer, worker).update(inner));
}

function start(from: State, into: State): State {
  return from._cloneInto(into);
}

function absorb(state: State, parts: readonly Uint8Array[]): State {
  for (const part of parts) state.update(part);
  return state;
}

/** Also wipes the state; the next start writes all of it anew. */
function finish(state: State): Bytes {
  return state.digest() as Bytes; // Its own copy: typed more loosely than it is.
}
