/** The suite in plain JavaScript: TweetNaCl and noble. Slow, but the same bytes wherever JavaScript runs. */

import nacl from 'tweetnacl';
import { type Bytes, bytes } from '../bytes.ts';
import { sha256 } from './hashing.ts';
import { portableCounterMode } from './keystream.ts';
import { providerOf } from './perform.ts';
import type { AgreementPair, Primitives, SigningPair } from './primitives.ts';
import type { CryptoProvider } from './provider.ts';

const zeroNonce = bytes(nacl.secretbox.nonceLength);

export function portableCrypto(): CryptoProvider {
  return providerOf(primitives);
}

const primitives: Primitives = {
  name: 'portable',
  concurrency: 1,
  agreementPair,
  signingPair,
  verify: ({ publicKey, message, signature }) => nacl.sign.detached.verify(message, signature, publicKey),
  encryptCounterMode: portableCounterMode,
  seal: sealPortably,
  open: openPortably,
  hash: (text) => sha256(text),
};

/** `nacl.secretbox` with a zero nonce. */
export function sealPortably(key: Bytes, plain: Bytes): Bytes {
  return own(nacl.secretbox(plain, zeroNonce, key));
}

export function openPortably(key: Bytes, sealed: Bytes): Bytes | undefined {
  const plain = nacl.secretbox.open(sealed, zeroNonce, key);
  return plain === null ? undefined : own(plain);
}

function agreementPair(secretKey: Bytes): AgreementPair {
  return {
    publicKey: () => own(nacl.scalarMult.base(secretKey)),
    agree: (publicKey) => own(nacl.scalarMult(secretKey, publicKey)),
  };
}

function signingPair(seed: Bytes): SigningPair {
  const pair = nacl.sign.keyPair.fromSeed(seed);
  return {
    publicKey: () => own(pair.publicKey),
    sign: (message) => own(nacl.sign.detached(message, pair.secretKey)),
  };
}

/** A copy that is as long as its memory: TweetNaCl returns windows into larger buffers. */
function own(value: Uint8Array): Bytes {
  return new Uint8Array(value);
}
