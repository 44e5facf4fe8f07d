/** The door to the ciphers: hashing for the machines, jobs and their providers for everything heavier. */

export { hkdf, hkdfMany, hmacSha256, sha256 } from './hashing.ts';
export { type CounterMode, keystreamOf, portableCounterMode, portableKeystream } from './keystream.ts';
export { perform, providerOf } from './perform.ts';
export { portableCrypto } from './portable.ts';
export type { AgreementPair, Awaitable, Primitives, SigningPair } from './primitives.ts';
export type {
  CryptoJob,
  CryptoProvider,
  CryptoResult,
  ResultOf,
  SharedSecret,
  SignedText,
  Stream,
} from './provider.ts';
export { isAgreementKey, isSignedText, isSigningKey } from './validation.ts';
export { hasWebCrypto, webCrypto } from './web.ts';
