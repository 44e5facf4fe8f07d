/**
 * The suite on `node:crypto`; secretbox on TweetNaCl.
 *
 * Raw keys enter as JSON Web Keys, which Node reads some ten times faster than DER.
 */

import {
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hash,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { type Bytes, bytes } from '../bytes.ts';
import type { CounterMode } from '../crypto/keystream.ts';
import { providerOf } from '../crypto/perform.ts';
import { openPortably, sealPortably } from '../crypto/portable.ts';
import type { AgreementPair, Primitives, SigningPair } from '../crypto/primitives.ts';
import type { CryptoProvider, SignedText } from '../crypto/provider.ts';

type Curve = 'X25519' | 'Ed25519';

export function nodeCrypto(): CryptoProvider {
  return providerOf(nodePrimitives);
}

/** All of it at once, on this very thread: no result is a promise. */
export const nodePrimitives = {
  name: 'node',
  concurrency: 1,
  agreementPair,
  signingPair,
  verify: ({ publicKey, message, signature }: SignedText): boolean =>
    verify(null, message, importPublic('Ed25519', publicKey), signature),
  encryptCounterMode,
  seal: sealPortably,
  open: openPortably,
  hash: (text: Bytes) => own(hash('sha256', text, 'buffer')),
} satisfies Primitives;

function agreementPair(secretKey: Bytes) {
  const privateKey = importSecret('X25519', secretKey);
  return {
    publicKey: () => publicKeyOf(privateKey),
    agree: (publicKey: Bytes) => own(diffieHellman({ privateKey, publicKey: importPublic('X25519', publicKey) })),
  } satisfies AgreementPair;
}

function signingPair(seed: Bytes) {
  const key = importSecret('Ed25519', seed);
  return {
    publicKey: () => publicKeyOf(key),
    sign: (message: Bytes) => own(sign(null, message, key)),
  } satisfies SigningPair;
}

function encryptCounterMode({ key, counterBlock, plain }: CounterMode): Bytes {
  const stream = createCipheriv('aes-128-ctr', key, counterBlock).update(plain);
  return new Uint8Array(stream.buffer as ArrayBuffer, stream.byteOffset, stream.length); // no copy: it may be megabytes
}

/** Node wants a public half beside the secret one, but computes its own and never looks at this. */
const unreadPublicKey = base64url(bytes(32));

function importSecret(curve: Curve, secretKey: Bytes): KeyObject {
  const key = { kty: 'OKP', crv: curve, d: base64url(secretKey), x: unreadPublicKey };
  return createPrivateKey({ format: 'jwk', key });
}

/** Public keys that were read lately: a round agrees with the same ones, and verifies under them, again and again. */
const known: Readonly<Record<Curve, Map<string, KeyObject>>> = { X25519: new Map(), Ed25519: new Map() };
/** More than a cohort has members. */
const mostKnown = 4096;

function importPublic(curve: Curve, publicKey: Bytes): KeyObject {
  const [keys, x] = [known[curve], base64url(publicKey)];
  const found = keys.get(x);
  if (found !== undefined) return found;
  const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: curve, x } });
  if (keys.size === mostKnown) keys.clear();
  keys.set(x, key);
  return key;
}

function publicKeyOf(key: KeyObject): Bytes {
  return own(Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x!, 'base64url'));
}

/** Node's own encoder: a round reads keys by the hundred. */
function base64url(value: Bytes): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64url');
}

/** Node's buffers may be windows into a pool: those are copied. */
function own(buffer: Uint8Array): Bytes {
  const memory = buffer.buffer as ArrayBuffer; // Node shares none of its own.
  return memory.byteLength === buffer.length ? new Uint8Array(memory) : new Uint8Array(buffer);
}
