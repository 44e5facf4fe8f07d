import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainRoundingKernel, type RoundingKernel, roundingKernel, wasmRoundingKernel } from '../kernels/rounding.ts';
import type { Random } from '../ports.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { addModulo } from '../vectors.ts';
import { EncodedSum } from './encoded-sum.ts';
import { chooseEncoding, type Encoding, encodingOn } from './grid.ts';
import type { Vectors } from './layout.ts';
import { encode } from './pipeline.ts';
import type { Rounding } from './stage.ts';

const kernels: readonly [string, () => RoundingKernel][] = [
  ['WebAssembly', () => wasmRoundingKernel()!],
  ['plain JavaScript', plainRoundingKernel],
];

type Device = { readonly vectors: Vectors<string>; readonly seed: number };
type How = { readonly rounding?: Rounding; readonly noiseVariance?: bigint };

/** What `encode` gives, added up one by one, beside what the sum under test makes of the same draws. */
function both(sum: EncodedSum, encoding: Encoding<string>, devices: readonly Device[], how: How = {}) {
  const { rounding = 'stochastic', noiseVariance = 0n } = how;
  const expected = new Uint32Array(encoding.dimension);
  sum.begin(encoding);
  for (const { vectors, seed } of devices) {
    addModulo(expected, encode(vectors, encoding, { random: seededRandom(seed), noiseVariance, rounding }));
    sum.add(vectors, { random: () => seededRandom(seed), noiseVariance, rounding });
  }
  return { expected, words: sum.words() };
}

const layoutOf = (lengths: readonly number[], clipNorm: number) =>
  lengths.map((length, i) => ({ name: `s${i}`, length, clipNorm, weight: 1 + i / 2 }));

function normals(length: number, random: { normal(): number }): Float32Array {
  return Float32Array.from({ length }, () => random.normal());
}

describe.each(kernels)('a sum of encoded vectors in %s', (_, kernel) => {
  it('has the very words of encoding and adding one by one', () => {
    const sum = new EncodedSum(kernel());
    const number = fc.oneof(
      fc.float({ min: -8, max: 8, noNaN: true }),
      fc.constantFrom(0, 1, -0, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 3e38),
    );
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
        fc.float({ min: 0.5, max: 20, noNaN: true }),
        fc.array(fc.tuple(fc.array(number, { minLength: 27, maxLength: 27 }), fc.nat()), { maxLength: 4 }),
        (lengths, clipNorm, people) => {
          const layout = layoutOf(lengths, clipNorm);
          const encoding = chooseEncoding(layout, { mechanism: 'none', maxDevices: 10 });
          const devices = people.map(([numbers, seed]) => ({
            seed,
            vectors: Object.fromEntries(layout.map(({ name, length }, i) => [name, cut(numbers, 9 * i, length)])),
          }));
          const { expected, words } = both(sum, encoding, devices);
          expect(words).toEqual(expected);
        },
      ),
    );
  });

  it('draws again where a draw left the ball, as encoding does', () => {
    const random = seededRandom('redraws');
    const layout = layoutOf([401], 1);
    // No room but the vector's own length: about half of all draws leave it.
    const encoding = encodingOn(layout, 1000, 1000n ** 2n + 67n);
    const drawsOf = new Map<number, number>();
    const sum = new EncodedSum(kernel());
    sum.begin(encoding);
    const devices = Array.from({ length: 20 }, (_, seed) => ({ vectors: { s0: normals(401, random) }, seed }));
    for (const { vectors, seed } of devices) {
      const counting = (): Random => {
        const own = seededRandom(seed);
        return {
          bytes(length) {
            drawsOf.set(seed, (drawsOf.get(seed) ?? 0) + 1);
            return own.bytes(length);
          },
        };
      };
      sum.add(vectors, { random: counting, noiseVariance: 0n, rounding: 'stochastic' });
    }
    expect(Math.max(...drawsOf.values())).toBeGreaterThan(1);
    const { expected, words } = both(new EncodedSum(kernel()), encoding, devices);
    expect(words).toEqual(expected);
    expect(sum.words()).toEqual(expected);
  });

  it('gives up like encoding where no draw can fit', () => {
    const layout = layoutOf([64], 1);
    // Each of 64 coordinates rounds up almost always: no draw is so short.
    const encoding = { ...encodingOn(layout, 8), sensitivitySquared: 1n };
    const devices = [{ vectors: { s0: new Float32Array(64).fill(0.12) }, seed: 3 }];
    const { expected, words } = both(new EncodedSum(kernel()), encoding, devices);
    expect(words).toEqual(expected);
  });

  it('takes squares beyond 2^53 on no trust', () => {
    const encoding = encodingOn(layoutOf([3], 1), 2 ** 30);
    const devices = [1, 2, 3].map((seed) => ({ vectors: { s0: Float32Array.of(0.3, -0.4, 0.7 / seed) }, seed }));
    const { expected, words } = both(new EncodedSum(kernel()), encoding, devices);
    expect(words).toEqual(expected);
  });

  it.each([
    ['rounding to the nearest', { rounding: 'nearest' }],
    ['noise', { noiseVariance: 10_000n }],
  ] as const)('leaves %s to encoding', (_, how) => {
    const random = seededRandom('others');
    const encoding = chooseEncoding(layoutOf([7, 5], 2), { mechanism: 'none', maxDevices: 10 });
    const devices = [1, 2].map((seed) => ({ vectors: { s0: normals(7, random), s1: normals(5, random) }, seed }));
    const { expected, words } = both(new EncodedSum(kernel()), encoding, devices, how);
    expect(words).toEqual(expected);
  });

  it('begins again from nothing, larger or smaller', () => {
    const sum = new EncodedSum(kernel());
    for (const length of [5, 40_000, 3]) {
      sum.begin(chooseEncoding(layoutOf([length], 1), { mechanism: 'none', maxDevices: 10 }));
      expect(sum.words()).toEqual(new Uint32Array(length));
      sum.addWords(new Uint32Array(length).fill(2 ** 32 - 1));
      sum.addWords(new Uint32Array(length).fill(3));
      expect(sum.words()).toEqual(new Uint32Array(length).fill(2));
    }
  });

  it('refuses a vector of another length', () => {
    const sum = new EncodedSum(kernel());
    const add = () => {
      const options = { random: () => seededRandom(1), noiseVariance: 0n, rounding: 'stochastic' } as const;
      sum.add({ s0: new Float32Array(4) }, options);
    };
    expect(add).toThrow('begun');
    sum.begin(chooseEncoding(layoutOf([5], 1), { mechanism: 'none', maxDevices: 10 }));
    expect(add).toThrow('length of its layout');
  });
});

it('is WebAssembly where these tests run', () => {
  expect(roundingKernel().name).toBe('wasm-simd');
});

function cut(numbers: readonly number[], from: number, length: number): Float32Array {
  return Float32Array.from(numbers.slice(from, from + length));
}
