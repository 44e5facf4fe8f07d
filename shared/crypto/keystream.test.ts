import { createCipheriv } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { bytes, concat, fromHex, hex } from '../bytes.ts';
import { bytesToWords } from '../vectors.ts';
import { maximalWords, portableCounterMode, portableKeystream } from './keystream.ts';

function vectors<File>(name: string): File {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), 'utf8'));
}

const nist = vectors<Record<'key' | 'counterBlock' | 'plain' | 'encrypted', string>>('sp800-38a');
const { keystreams } = vectors<{ keystreams: { seed: string; words: number[] }[] }>('golden');

describe('AES-128 in counter mode', () => {
  it('gives the answer of SP 800-38A F.5.1', () => {
    const encryption = {
      key: fromHex(nist.key),
      counterBlock: fromHex(nist.counterBlock),
      plain: fromHex(nist.plain),
    };
    expect(hex(portableCounterMode(encryption))).toBe(nist.encrypted);
    expect(hex(encryption.counterBlock)).toBe(nist.counterBlock);
  });
});

describe('a keystream', () => {
  it.each(keystreams)('of $words.length words equals the golden one', ({ seed, words }) => {
    expect([...portableKeystream(fromHex(seed), words.length)]).toEqual(words);
  });

  it('starts with the block nonce ‖ 0 and counts on across a byte', () => {
    const seed = fromHex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b');
    const cipher = createCipheriv('aes-128-ecb', seed.subarray(0, 16), null).setAutoPadding(false);
    const blockAt = (count: number) => cipher.update(concat(seed.subarray(16), Uint8Array.of(0, 0, count >> 8, count)));
    const words = portableKeystream(seed, 4 * 258);
    for (const count of [0, 1, 255, 256, 257]) {
      expect(words.slice(4 * count, 4 * count + 4)).toEqual(bytesToWords(blockAt(count)));
    }
  });

  it('has a prefix that does not depend on its length', () => {
    const seed = bytes(28).fill(5);
    expect(portableKeystream(seed, 7)).toEqual(portableKeystream(seed, 100).slice(0, 7));
    expect(portableKeystream(seed, 0)).toHaveLength(0);
  });

  it('refuses other seeds and more than 2^28 words', () => {
    expect(() => portableKeystream(bytes(27), 1)).toThrow(RangeError);
    expect(() => portableKeystream(bytes(29), 1)).toThrow(RangeError);
    expect(() => portableKeystream(bytes(28), maximalWords + 1)).toThrow(RangeError);
  });
});
