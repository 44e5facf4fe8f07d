import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, bytes, hex } from '../bytes.ts';
import { portableKeystream } from './keystream.ts';
import { areHolders, coefficientBytes, coefficientSeed, reconstructSecrets, splitSecrets } from './shamir.ts';

/** The field once more, bit by bit and without tables: slow, and wrong in other ways if it is wrong. */
function slowMultiply(a: number, b: number): number {
  let product = 0;
  for (let bit = 15; bit >= 0; bit--) {
    product <<= 1;
    if (product & 0x10000) product ^= 0b1_0001_0000_0000_1011;
    if ((b >>> bit) & 1) product ^= a;
  }
  return product;
}

/** a^(2^16 − 2) by repeated squaring. */
function slowInverse(a: number): number {
  let result = 1;
  for (let square = slowMultiply(a, a), i = 1; i < 16; i++, square = slowMultiply(square, square)) {
    result = slowMultiply(result, square);
  }
  return result;
}

type Share = { point: number; share: Bytes };

/** The polynomial through all the shares, at `target`, by Lagrange's formula as it stands in the books. */
function slowInterpolate(shares: readonly Share[], target: number): Bytes {
  const out = new DataView(new ArrayBuffer(32));
  for (const { point, share } of shares) {
    const others = shares.filter((other) => other.point !== point).map((other) => other.point);
    const weight = others.reduce(
      (w, other) => slowMultiply(w, slowMultiply(target ^ other, slowInverse(point ^ other))),
      1,
    );
    const symbols = new DataView(share.buffer, share.byteOffset);
    for (let s = 0; s < 32; s += 2) {
      out.setUint16(s, out.getUint16(s, true) ^ slowMultiply(weight, symbols.getUint16(s, true)), true);
    }
  }
  return new Uint8Array(out.buffer);
}

function split(secrets: readonly Bytes[], threshold: number, points: readonly number[], randomness: Bytes): Bytes[][] {
  const words = portableKeystream(coefficientSeed(randomness), coefficientBytes(secrets.length, threshold) / 4);
  return splitSecrets(secrets, { threshold, points }, new Uint8Array(words.buffer));
}

const secret = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((value) => new Uint8Array(value));
const sharing = fc
  .uniqueArray(fc.integer({ min: 1, max: 65535 }), { minLength: 2, maxLength: 9 })
  .chain((points) => fc.record({ points: fc.constant(points), threshold: fc.integer({ min: 2, max: points.length }) }));

/** One secret split as generated, with its shares in a random order. */
const dealt = fc.tuple(secret, sharing, secret).chain(([value, { points, threshold }, randomness]) => {
  const shares = split([value], threshold, points, randomness)[0]!.map((share, i) => ({ point: points[i]!, share }));
  const shuffled = fc.shuffledSubarray(shares, { minLength: shares.length });
  return fc.record({ value: fc.constant(value), threshold: fc.constant(threshold), shares: shuffled });
});

describe('GF(2^16)', () => {
  it('agrees with multiplication bit by bit, through one symbol of a split', () => {
    fc.assert(
      fc.property(fc.nat(65535), fc.nat(65535), fc.integer({ min: 1, max: 65535 }), (constant, slope, point) => {
        const stream = new Uint8Array(Uint16Array.of(slope, ...new Uint16Array(15)).buffer);
        const value = new Uint8Array(Uint16Array.of(constant, ...new Uint16Array(15)).buffer);
        const [[share]] = splitSecrets([value], { threshold: 2, points: [point] }, stream) as [[Bytes]];
        expect(share[0]! | (share[1]! << 8)).toBe(constant ^ slowMultiply(slope, point));
      }),
      { numRuns: 2000 },
    );
  });

  it('has an inverse for every element but zero', () => {
    for (let a = 1; a <= 65535; a += 101) expect(slowMultiply(a, slowInverse(a))).toBe(1);
  });
});

describe('shares', () => {
  it('reconstruct the secret from any `threshold` of them', () => {
    fc.assert(
      fc.property(dealt, ({ value, threshold, shares }) => {
        const some = shares.slice(0, threshold);
        expect(reconstructSecrets([{ threshold, shares: some }])).toEqual([value]);
        expect(slowInterpolate(some, 0)).toEqual(value);
      }),
    );
  });

  it('reconstruct the secret from all of them', () => {
    fc.assert(
      fc.property(dealt, ({ value, threshold, shares }) => {
        expect(reconstructSecrets([{ threshold, shares }])).toEqual([value]);
      }),
    );
  });

  it('are consistent with every secret when one is missing', () => {
    fc.assert(
      fc.property(dealt, secret, ({ threshold, shares }, other) => {
        const seen = shares.slice(0, threshold - 1);
        const { point } = shares[threshold - 1]!;
        const forged = { point, share: slowInterpolate([{ point: 0, share: other }, ...seen], point) };
        expect(reconstructSecrets([{ threshold, shares: [...seen, forged] }])).toEqual([other]);
      }),
    );
  });

  it('lie on no polynomial of a lower degree', () => {
    fc.assert(
      fc.property(dealt, ({ value, threshold, shares }) => {
        const seen = shares.slice(0, threshold - 1);
        expect(slowInterpolate(seen, 0)).not.toEqual(value);
        expect(reconstructSecrets([{ threshold: threshold - 1, shares: shares.slice(0, threshold) }])).toEqual([
          undefined,
        ]);
      }),
    );
  });

  it('reveal one that is wrong in any bit as soon as there are more than the threshold', () => {
    fc.assert(
      fc.property(
        dealt.filter(({ threshold, shares }) => shares.length > threshold),
        fc.nat(),
        fc.nat(255),
        ({ threshold, shares }, which, bit) => {
          const wrong = shares.map(({ point, share }) => ({ point, share: share.slice() }));
          wrong[which % wrong.length]!.share[bit >>> 3]! ^= 1 << (bit & 7);
          expect(reconstructSecrets([{ threshold, shares: wrong }])).toEqual([undefined]);
        },
      ),
    );
  });

  it('of a secret with threshold 1 are the secret', () => {
    const value = bytes(32).fill(3);
    expect(split([value], 1, [1, 9], bytes(32))[0]!.map(hex)).toEqual([hex(value), hex(value)]);
    expect(reconstructSecrets([{ threshold: 1, shares: [{ point: 9, share: value }] }])).toEqual([value]);
  });
});

describe('many secrets at once', () => {
  it('are independent: equal secrets get different shares', () => {
    const value = bytes(32).fill(7);
    const [first, second] = split([value, value], 2, [1, 2], bytes(32)) as [Bytes[], Bytes[]];
    expect(hex(first[0]!)).not.toBe(hex(second[0]!));
  });

  it('each keep their own points, threshold and verdict', () => {
    const values = [1, 2, 3, 4].map((fill) => bytes(32).fill(fill));
    const holders = [
      [1, 2, 3],
      [1, 2, 3],
      [3, 2, 1],
      [1, 2, 4],
    ] as const;
    const jobs = values.map((value, i) => {
      const shares = split([value], 2, holders[i]!, bytes(32).fill(i))[0]!;
      return { threshold: 2, shares: shares.map((share, j) => ({ point: holders[i]![j]!, share })) };
    });
    jobs[1]!.shares[2]!.share[0]! ^= 1;
    expect(reconstructSecrets(jobs)).toEqual([values[0], undefined, values[2], values[3]]);
    expect(reconstructSecrets([jobs[0]!, { ...jobs[0]!, threshold: 1 }])).toEqual([values[0], undefined]);
  });
});

describe('malformed shares', () => {
  const good = split([bytes(32).fill(9)], 2, [1, 2], bytes(32))[0]!.map((share, i) => ({ point: i + 1, share }));
  const [first, second] = good as [Share, Share];

  it.each<[string, number, Share[]]>([
    ['too few', 2, [first]],
    ['none', 1, []],
    ['a threshold of zero', 0, good],
    ['a broken threshold', 1.5, good],
    ['one point twice', 2, [first, { ...first }]],
    ['one point twice, with enough others', 2, [first, second, { ...second }]],
    ['point zero', 2, [first, { ...second, point: 0 }]],
    ['a point outside the field', 2, [first, { ...second, point: 65536 }]],
    ['a broken point', 2, [first, { ...second, point: 1.5 }]],
    ['a short share', 2, [first, { ...second, share: second.share.slice(1) }]],
    ['a long share', 2, [first, { ...second, share: bytes(33) }]],
  ])('give no secret: %s', (_, threshold, shares) => {
    expect(reconstructSecrets([{ threshold, shares }])).toEqual([undefined]);
  });

  it('do not keep good ones from reconstructing', () => {
    expect(reconstructSecrets([{ threshold: 2, shares: good }])).toEqual([bytes(32).fill(9)]);
  });

  it('hold the points of holders to 1..65535', () => {
    expect(areHolders([1, 65535])).toBe(true);
    for (const points of [[0], [65536], [-1], [1.5], [Number.NaN], [2, 2]]) expect(areHolders(points)).toBe(false);
  });
});
