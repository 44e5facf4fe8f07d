import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../bytes.ts';
import type { Random } from '../ports.ts';
import { sampleDiscreteGaussian } from '../privacy/discrete-gaussian.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { addModulo } from '../vectors.ts';
import type { EncodedVector } from './encoded-vector.ts';
import { chooseEncoding, type Encoding, encodingOn } from './grid.ts';
import type { Layout, Vectors } from './layout.ts';
import { decode, type EncodeOptions, encode, isPlausible } from './pipeline.ts';
import { squaredNorm } from './quantize.ts';

type Name = 'a' | 'b';
const layout: Layout<Name> = [
  { name: 'a', length: 20, clipNorm: 2 },
  { name: 'b', length: 1, clipNorm: 1, weight: 0.5 },
];
const plain: EncodeOptions & { random: Random } = { noiseVariance: 0n, random: seededRandom(1) };

const uniform = (random: Random) => random.bytes(1)[0]! / 127.5 - 1;
const vectorsOf = (random: Random, scale: number): Vectors<Name> => ({
  a: Float32Array.from({ length: 20 }, () => scale * uniform(random)),
  b: Float32Array.of(scale * uniform(random)),
});

function norm(values: ArrayLike<number>): number {
  return Math.hypot(...Array.from(values));
}

function clipped(values: Float32Array, clipNorm: number): Float64Array {
  const factor = Math.min(1, clipNorm / norm(values));
  return Float64Array.from(values, (value) => value * factor);
}

function sumOf(encodings: readonly EncodedVector[]): Uint32Array {
  const sum = new Uint32Array(encodings[0]!.length);
  for (const one of encodings) addModulo(sum, one);
  return sum;
}

const signed = (words: Uint32Array) => new Int32Array(words);

describe('the law', () => {
  it('the decoded sum of encoded vectors is the sum of the clipped vectors, within rounding', () => {
    // Each coordinate's error is a sum of 200 independent errors of width one step: Hoeffding gives
    // P[|error| > 70 steps] ≤ 2·exp(−2·70²/200) < 2^-69. Seeds are fixed, so it cannot flake either.
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed);
      const encoding = encodingOn(layout, 500);
      const people = Array.from({ length: 200 }, (_, i) => vectorsOf(random, i % 2 === 0 ? 0.1 : 3));
      const sum = sumOf(people.map((vectors) => encode(vectors, encoding, { noiseVariance: 0n, random })));
      const decoded = decode(sum, encoding, { contributors: 200, noiseVariance: 0n });
      for (const { name, length, clipNorm, weight = 1 } of layout) {
        const clippedPeople = people.map((vectors) => clipped(vectors[name], clipNorm));
        for (let i = 0; i < length; i++) {
          const exact = clippedPeople.reduce((total, values) => total + values[i]!, 0);
          const steps = ((decoded.sums[name][i]! - exact) * 500 * weight) / clipNorm;
          expect(Math.abs(steps), `seed ${seed}, ${name}[${i}]`).toBeLessThan(70);
        }
      }
    }
  });

  it('rounding has no bias: the mean over many draws is the number', () => {
    // 160,000 draws of a Bernoulli(.7) have a standard deviation of .00115; 6 of them are a chance of 2e-9.
    const encoding: Encoding<'x'> = encodingOn([{ name: 'x', length: 160_000, clipNorm: 1000 }], 1000);
    const x = new Float32Array(160_000).fill(-1.3);
    const mean = signed(encode({ x }, encoding, plain)).reduce((sum, value) => sum + value, 0) / x.length;
    expect(Math.abs(mean + 1.3)).toBeLessThan(6 * 0.00115);
  });

  it('numbers that stand on the grid come back exactly, whatever the draws', () => {
    const encoding = chooseEncoding<'x'>([{ name: 'x', length: 4, clipNorm: 64 }], {
      mechanism: 'none',
      maxDevices: 100,
    });
    const people = Array.from({ length: 100 }, (_, i) => Float32Array.of(i % 7, -i % 5, 0.25, -32));
    const sum = sumOf(people.map((x, i) => encode({ x }, encoding, { noiseVariance: 0n, random: seededRandom(i) })));
    const exact = [0, 1, 2, 3].map((i) => people.reduce((total, x) => total + x[i]!, 0));
    expect([...decode(sum, encoding, { contributors: 100, noiseVariance: 0n }).sums.x]).toEqual(exact);
  });

  it('negative sums survive the wrap-around', () => {
    const encoding = encodingOn<'x'>([{ name: 'x', length: 2, clipNorm: 1 }], 2 ** 20);
    const sum = sumOf([
      encode({ x: Float32Array.of(-0.5, 0.25) }, encoding, plain),
      encode({ x: Float32Array.of(-0.25, -0.75) }, encoding, plain),
    ]);
    expect(sum[0]).toBeGreaterThan(2 ** 31);
    expect([...decode(sum, encoding, { contributors: 2, noiseVariance: 0n }).sums.x]).toEqual([-0.75, -0.5]);
  });
});

describe('what every vector obeys', () => {
  const wild = fc.oneof(fc.float(), fc.constantFrom(Number.NaN, Infinity, -Infinity, 3e38, -1e-40, 0));
  const arbitrary = fc.record({
    a: fc.array(wild, { minLength: 20, maxLength: 20 }).map((values) => Float32Array.from(values)),
    b: fc.array(wild, { minLength: 1, maxLength: 1 }).map((values) => Float32Array.from(values)),
  });

  it('its norm stays within the sensitivity, on coarse grids and fine ones, for any input', () => {
    fc.assert(
      fc.property(arbitrary, fc.integer({ min: 2, max: 2 ** 21 }), fc.nat(), (vectors, inverseGrid, seed) => {
        const encoding = encodingOn(layout, inverseGrid);
        const integers = signed(encode(vectors, encoding, { noiseVariance: 0n, random: seededRandom(seed) }));
        expect(squaredNorm(integers)).toBeLessThanOrEqual(encoding.sensitivitySquared);
      }),
      { numRuns: 300 },
    );
  });

  it('its norm stays within a sensitivity that leaves rounding no room', () => {
    const x = new Float32Array(100).fill(0.0999);
    const tight = encodingOn<'x'>([{ name: 'x', length: 100, clipNorm: 1 }], 10, 100n);
    for (let seed = 1; seed < 20; seed++) {
      const integers = signed(encode({ x }, tight, { noiseVariance: 0n, random: seededRandom(seed) }));
      expect(squaredNorm(integers)).toBeLessThanOrEqual(100n);
    }
  });

  it('truncates where no draw fits, and is zero where that does not help either', () => {
    const everythingUp: Random = { bytes: (length) => new Uint8Array(length) as Bytes };
    const x = new Float32Array(100).fill(0.1);
    const half = { ...encodingOn<'x'>([{ name: 'x', length: 100, clipNorm: 1 }], 15, 300n), sensitivitySquared: 100n };
    expect([...new Set(signed(encode({ x }, half, { noiseVariance: 0n, random: everythingUp })))]).toEqual([1]);
    const none = { ...half, sensitivitySquared: 99n };
    expect([...new Set(encode({ x }, none, { noiseVariance: 0n, random: everythingUp }))]).toEqual([0]);
  });

  it('a segment with a number that is not finite is zero, and the others are untouched', () => {
    const encoding = encodingOn(layout, 2 ** 20);
    for (const bad of [Number.NaN, Infinity, -Infinity]) {
      const a = new Float32Array(20).fill(0.25);
      a[7] = bad;
      const integers = signed(encode({ a, b: Float32Array.of(1) }, encoding, plain));
      expect([...integers]).toEqual([...new Array(20).fill(0), 2 ** 19]);
    }
  });

  it('a longer segment keeps its direction and gets the clip norm', () => {
    const encoding = encodingOn<'x'>([{ name: 'x', length: 2, clipNorm: 10 }], 2 ** 20);
    const sum = encode({ x: Float32Array.of(300, -400) }, encoding, plain);
    const { x } = decode(sum, encoding, { contributors: 1, noiseVariance: 0n }).sums;
    expect(x[0]).toBeCloseTo(6, 4);
    expect(x[1]).toBeCloseTo(-8, 4);
  });
});

describe('randomness', () => {
  const encoding = encodingOn(layout, 100);

  it('the same seed gives the same integers, another seed others', () => {
    const vectors = vectorsOf(seededRandom(5), 0.3);
    const encodeWith = (seed: number) => encode(vectors, encoding, { noiseVariance: 0n, random: seededRandom(seed) });
    expect(encodeWith(1)).toEqual(encodeWith(1));
    expect(encodeWith(1)).not.toEqual(encodeWith(2));
  });

  it('rounding to the nearest needs none', () => {
    const none: Random = { bytes: () => expect.unreachable('no randomness is needed') };
    const vectors = { a: new Float32Array(20).fill(0.033), b: Float32Array.of(-0.037) };
    const integers = signed(encode(vectors, encoding, { noiseVariance: 0n, random: none, rounding: 'nearest' }));
    expect([...integers]).toEqual([...new Array(20).fill(2), -2]);
  });
});

describe('noise', () => {
  const encoding = encodingOn(layout, 100);
  const zeros = { a: new Float32Array(20), b: new Float32Array(1) };

  it('is added to the integers by the lent sampler', () => {
    const sampler = (variance: bigint, length: number) => new Int32Array(length).fill(-Number(variance));
    const words = encode(zeros, encoding, { noiseVariance: 16n, random: seededRandom(1), sampler });
    expect([...new Set(signed(words))]).toEqual([-16]);
  });

  it('is discrete Gaussian unless a sampler is lent', () => {
    const words = encode(zeros, encoding, { noiseVariance: 16n, random: seededRandom(1), rounding: 'nearest' });
    expect(signed(words)).toEqual(sampleDiscreteGaussian(16n, 21, seededRandom(1)));
  });

  it('of a sum is reported in each segment’s own unit', () => {
    const { noiseStd } = decode(new Uint32Array(21), encoding, { contributors: 4, noiseVariance: 25n });
    expect(noiseStd).toEqual({ a: 0.2, b: 0.2 });
  });
});

describe('forbidden', () => {
  it('a vector that does not fit its layout', () => {
    expect(() => encode({ a: new Float32Array(19), b: new Float32Array(1) }, encodingOn(layout, 9), plain)).toThrow();
    expect(() => decode(new Uint32Array(20), encodingOn(layout, 9), { contributors: 1, noiseVariance: 0n })).toThrow();
  });

  it('a sum that honest devices cannot reach is not plausible', () => {
    const encoding = encodingOn(layout, 100);
    const sum = (value: number) => new Uint32Array(21).fill(value);
    const ten = { contributors: 10, noiseVariance: 0n };
    expect(isPlausible(sum(1010), encoding, ten)).toBe(true);
    expect(isPlausible(sum(-1010), encoding, ten)).toBe(true);
    expect(isPlausible(sum(1011), encoding, ten)).toBe(false);
    expect(isPlausible(sum(1011), encoding, { ...ten, noiseVariance: 1n })).toBe(true);
    expect(isPlausible(sum(1011), encoding, { ...ten, centralVariance: 1n })).toBe(true);
  });

  it('words that did not come through the pipeline do not type-check as encoded', () => {
    // @ts-expect-error: the brand is made only by `encode`
    const forged: EncodedVector = new Uint32Array(21);
    // @ts-expect-error: a person's own numbers are not an encoded vector
    const raw: EncodedVector = new Float32Array(21);
    expect(forged.length + raw.length).toBe(42);
  });
});

it('whole steps come through as they are, and no randomness is spent on them', () => {
  const encoding = chooseEncoding([{ name: 'counts', length: 4, clipNorm: 64 }], {
    mechanism: 'none',
    maxDevices: 100,
  });
  const random: Random = { bytes: () => expect.unreachable('there is nothing to round') };
  const counts = Float32Array.of(0, 3, -40, 0.5);
  const perUnit = encoding.inverseGrid / 64;
  expect([...signed(encode({ counts }, encoding, { noiseVariance: 0n, random }))]).toEqual(
    Array.from(counts, (count) => count * perUnit),
  );
  const between = Float32Array.of(0, 3, -40, 0.3 / perUnit);
  expect(() => encode({ counts: between }, encoding, { noiseVariance: 0n, random })).toThrow('nothing to round');
});
