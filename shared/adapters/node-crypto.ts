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

function importPublic(curve: Curve, publicKey: Bytes): KeyObject {
  return createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: curve, x: base64url(publicKey) } });
}

function publicKeyOf(key: KeyObject): Bytes {
  return own(Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x!, 'base64url'));
}

/** Node's own encoder: a round reads keys by the hundred. */
function base64url(value: Bytes): string {
  return Buffer.from(value.buffer, value.byteOffset, value.length).toString('base64url');
}

/** Node's buffers may be windows into a pool. */
function own(buffer: Uint8Array): Bytes {
  return new Uint8Array(buffer);
}
