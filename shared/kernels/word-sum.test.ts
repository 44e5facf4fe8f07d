import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../testing/seeded-random.ts';
import { addModulo, bytesToWords, subtractModulo } from '../vectors.ts';
import { plainWordSum, type WordSum, wasmWordSum, wordSum } from './word-sum.ts';

const kinds: readonly [string, (start: Uint32Array) => WordSum | undefined][] = [
  ['WebAssembly', wasmWordSum],
  ['plain JavaScript', plainWordSum],
];

describe.each(kinds)('a word sum in %s', (_, create) => {
  it('adds and subtracts mod 2^32, for every length around its block and window sizes', () => {
    const random = seededRandom('word-sum');
    for (const length of [0, 1, 3, 4, 15, 16, 17, 8191, 8192, 8193, 20_001]) {
      const [start, a, b] = [0, 1, 2].map(() => bytesToWords(random.bytes(4 * length)));
      const expected = start!.slice();
      addModulo(expected, a!);
      subtractModulo(expected, b!);
      const sum = create(start!)!;
      sum.add(new Uint8Array(a!.buffer));
      sum.subtract(new Uint8Array(b!.buffer));
      expect(sum.words()).toEqual(expected);
    }
  });

  it('takes terms that do not lie on a word boundary', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 40, maxLength: 40 }), fc.integer({ min: 0, max: 7 }), (memory, offset) => {
        const term = new Uint8Array(memory.buffer.slice(0)).subarray(offset, offset + 32);
        const sum = create(new Uint32Array(8))!;
        sum.add(term);
        expect(sum.words()).toEqual(bytesToWords(term));
      }),
    );
  });

  it('leaves the start as it was, hands out copies, and refuses terms of another length', () => {
    const start = Uint32Array.of(1, 2);
    const sum = create(start)!;
    const before = sum.words();
    sum.add(new Uint8Array(8).fill(1));
    expect([start, before]).toEqual([Uint32Array.of(1, 2), Uint32Array.of(1, 2)]);
    expect(() => sum.add(new Uint8Array(7))).toThrow(RangeError);
    expect(() => sum.subtract(new Uint8Array(12))).toThrow(RangeError);
  });
});

describe('where WebAssembly is forbidden', () => {
  it('plain JavaScript does the work', async () => {
    vi.resetModules();
    vi.stubGlobal('WebAssembly', {
      Module: class {
        constructor() {
          throw new Error('refused by the content security policy');
        }
      },
    });
    const fresh = await import('./word-sum.ts');
    const wasm = fresh.wasmWordSum(new Uint32Array(1));
    vi.unstubAllGlobals();
    expect(wasm).toBeUndefined();
    const sum = fresh.wordSum(Uint32Array.of(7));
    sum.add(Uint8Array.of(1, 0, 0, 0));
    expect(sum.words()).toEqual(Uint32Array.of(8));
  });

  it('is not where these tests run', () => {
    expect(wasmWordSum(new Uint32Array(1))).toBeDefined();
    expect(wordSum(Uint32Array.of(7)).words()).toEqual(Uint32Array.of(7));
  });
});
