/** What a platform must be able to do so that `perform` can do every job; each either at once or as a promise. */

import type { Bytes } from '../bytes.ts';
import type { CounterMode } from './keystream.ts';
import type { SignedText } from './provider.ts';

export type Awaitable<Value> = Value | Promise<Value>;

/** The callers' lengths and forms have been checked; keys have 32 bytes, an Ed25519 secret is the seed of RFC 8032. */
export interface Primitives {
  readonly name: string;
  /** How many operations to start before waiting for them: 1 where they run on this very thread. */
  readonly concurrency: number;
  agreementPair(secretKey: Bytes): Awaitable<AgreementPair>;
  signingPair(secretKey: Bytes): Awaitable<SigningPair>;
  verify(signed: SignedText): Awaitable<boolean>;
  encryptCounterMode(encryption: CounterMode): Awaitable<Bytes>;
  /** XSalsa20-Poly1305 with a zero nonce: tag 16 ‖ ciphertext. */
  seal(key: Bytes, plain: Bytes): Awaitable<Bytes>;
  /** undefined where the tag is wrong; `sealed` has at least 16 bytes. */
  open(key: Bytes, sealed: Bytes): Awaitable<Bytes | undefined>;
  hash(text: Bytes): Awaitable<Bytes>;
}

/** X25519 with a secret key that has been made ready once for many peers. */
export interface AgreementPair {
  publicKey(): Awaitable<Bytes>;
  agree(publicKey: Bytes): Awaitable<Bytes>;
}

export interface SigningPair {
  publicKey(): Awaitable<Bytes>;
  sign(message: Bytes): Awaitable<Bytes>;
}
