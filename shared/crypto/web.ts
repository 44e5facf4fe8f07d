/**
 * The suite on WebCrypto (X25519, Ed25519, AES-CTR), in browsers and in Node; secretbox on noble.
 *
 * Secret keys enter as PKCS #8, which asks for no public key, and public keys raw.
 */

import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';
import { type Bytes, bytes, concat, fromBase64url, fromHex } from '../bytes.ts';
import { sha256 } from './hashing.ts';
import type { CounterMode } from './keystream.ts';
import { providerOf } from './perform.ts';
import type { AgreementPair, Primitives, SigningPair } from './primitives.ts';
import type { CryptoProvider, SignedText } from './provider.ts';

type Curve = 'X25519' | 'Ed25519';

/** RFC 8410: everything before the 32 secret bytes; the curves differ in the last byte of their object identifier. */
const pkcs8Prefix = {
  X25519: fromHex('302e020100300506032b656e04220420'),
  Ed25519: fromHex('302e020100300506032b657004220420'),
} satisfies Record<Curve, Bytes>;

const zeroNonce = bytes(24);

export function webCrypto(): CryptoProvider {
  return providerOf(primitives);
}

/** Whether this platform has all of it: insecure contexts have no WebCrypto, older browsers no X25519 or Ed25519. */
export async function hasWebCrypto(): Promise<boolean> {
  try {
    await Promise.all([importSecret('X25519', bytes(32)), importSecret('Ed25519', bytes(32))]);
    return true;
  } catch {
    return false;
  }
}

const primitives: Primitives = {
  name: 'web',
  concurrency: 16,
  agreementPair,
  signingPair,
  verify,
  encryptCounterMode,
  seal: (key, plain) => xsalsa20poly1305(key, zeroNonce).encrypt(plain),
  open,
  hash: (text) => sha256(text),
};

async function agreementPair(secretKey: Bytes): Promise<AgreementPair> {
  const key = await importSecret('X25519', secretKey);
  return {
    publicKey: () => publicKeyOf(key),
    async agree(publicKey) {
      const peer = await subtle().importKey('raw', publicKey, 'X25519', false, []);
      return new Uint8Array(await subtle().deriveBits({ name: 'X25519', public: peer }, key, 256));
    },
  };
}

async function signingPair(seed: Bytes): Promise<SigningPair> {
  const key = await importSecret('Ed25519', seed);
  return {
    publicKey: () => publicKeyOf(key),
    sign: async (message) => new Uint8Array(await subtle().sign('Ed25519', key, message)),
  };
}

async function verify({ publicKey, message, signature }: SignedText): Promise<boolean> {
  const key = await importVerifier(publicKey);
  return key !== undefined && subtle().verify('Ed25519', key, signature, message);
}

/** undefined where the platform finds at once that the key is not a point of the curve; others find it on use. */
async function importVerifier(publicKey: Bytes): Promise<CryptoKey | undefined> {
  try {
    return await subtle().importKey('raw', publicKey, 'Ed25519', false, ['verify']);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'DataError') return undefined;
    throw error;
  }
}

async function encryptCounterMode({ key, counterBlock, plain }: CounterMode): Promise<Bytes> {
  const aes = await subtle().importKey('raw', key, 'AES-CTR', false, ['encrypt']);
  return new Uint8Array(await subtle().encrypt({ name: 'AES-CTR', counter: counterBlock, length: 32 }, aes, plain));
}

function open(key: Bytes, sealed: Bytes): Bytes | undefined {
  try {
    return xsalsa20poly1305(key, zeroNonce).decrypt(sealed);
  } catch {
    return undefined; // noble throws on a wrong tag, and on nothing else once the lengths are right
  }
}

function importSecret(curve: Curve, secretKey: Bytes): Promise<CryptoKey> {
  const usages: KeyUsage[] = curve === 'X25519' ? ['deriveBits'] : ['sign'];
  return subtle().importKey('pkcs8', concat(pkcs8Prefix[curve], secretKey), curve, true, usages);
}

/** WebCrypto derives no public keys, but an exported pair has both halves. */
async function publicKeyOf(key: CryptoKey): Promise<Bytes> {
  const { x } = await subtle().exportKey('jwk', key);
  if (x === undefined) throw new Error('invariant: an exported key pair has its public key');
  return fromBase64url(x);
}

function subtle(): SubtleCrypto {
  return globalThis.crypto.subtle;
}
