/**
 * Mask keystreams: AES-128 in counter mode (NIST SP 800-38A, 6.5), read as little-endian 32-bit words.
 *
 * A seed is 28 bytes, key 16 ‖ nonce 12; the first counter block is nonce ‖ u32 0, and the nonce never changes because a
 * keystream ends after 2^30 bytes, well before the 2^32 blocks at which the count would reach it.
 */

import { ctr } from '@noble/ciphers/aes.js';
import { type Bytes, bytes } from '../bytes.ts';
import { bytesToWords } from '../vectors.ts';

export const seedBytes = 28;
export const maximalWords = 2 ** 28;

const keyBytes = 16;

/** One AES-128-CTR encryption: key and counter block 16 bytes each, the block counts up as a big-endian number. */
export type CounterMode = { readonly key: Bytes; readonly counterBlock: Bytes; readonly plain: Bytes };

/** The encryption whose result is the keystream of a seed: `zeros` has the length of the keystream. */
export function keystreamOf(seed: Bytes, zeros: Bytes): CounterMode {
  const counterBlock = bytes(16);
  for (let i = keyBytes; i < seedBytes; i++) counterBlock[i - keyBytes] = seed[i]!;
  return { key: seed.slice(0, keyBytes), counterBlock, plain: zeros };
}

/** AES-128-CTR wherever JavaScript runs; a platform's own is some fifty times faster. */
export function portableCounterMode({ key, counterBlock, plain }: CounterMode): Bytes {
  return ctr(key, counterBlock).encrypt(plain);
}

/**
 * The first `length` little-endian words of a seed's keystream, without a provider: for vectors of a few words.
 *
 * @throws RangeError unless the seed has 28 bytes and there are at most 2^28 words
 */
export function portableKeystream(seed: Bytes, length: number): Uint32Array<ArrayBuffer> {
  if (seed.length !== seedBytes) throw new RangeError(`a keystream seed has ${seedBytes} bytes`);
  if (length > maximalWords) throw new RangeError(`a keystream has at most ${maximalWords} words`);
  return bytesToWords(portableCounterMode(keystreamOf(seed, bytes(4 * length))));
}
