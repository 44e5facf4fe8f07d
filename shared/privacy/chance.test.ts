import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Bytes } from '../bytes.ts';
import type { Random } from '../ports.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { Chance } from './chance.ts';

/** These bytes, then zeros for ever. */
function reading(...first: readonly number[]): Chance {
  let used = 0;
  const random: Random = { bytes: () => Uint8Array.of(first[used++] ?? 0) as Bytes };
  return new Chance(random, { blockBytes: 1 });
}

const everyByte = Array.from({ length: 256 }, (_, byte) => byte);
const fraction = fc
  .tuple(fc.integer({ min: 1, max: 2 ** 44 - 1 }), fc.nat())
  .map(([denominator, seed]) => ({ numerator: seed % (denominator + 1), denominator }));

describe('a coin', () => {
  it('has exactly its bias: of all first bytes, as many say yes as the fraction holds 256ths', () => {
    fc.assert(
      fc.property(fraction, ({ numerator, denominator }) => {
        const heads = everyByte.filter((byte) => reading(byte).happens(numerator, denominator)).length;
        // A tie goes on to further bytes, and zeros are below any fraction that is left.
        expect(BigInt(heads)).toBe((256n * BigInt(numerator) + BigInt(denominator) - 1n) / BigInt(denominator));
      }),
    );
  });

  it('settles a tie by the next digit', () => {
    const thirds = everyByte.filter((byte) => reading(0x55, byte).happens(1, 3)).length;
    expect([thirds, reading(0x54, 255).happens(1, 3), reading(0x56).happens(1, 3)]).toEqual([0x56, true, false]);
  });

  it('reads the same bytes in small numbers and in big ones', () => {
    fc.assert(
      fc.property(fraction, fc.nat(), ({ numerator, denominator }, seed) => {
        const [small, big] = [new Chance(seededRandom(seed)), new Chance(seededRandom(seed))];
        const scaled = { numerator: BigInt(numerator) << 70n, denominator: BigInt(denominator) << 70n };
        for (let i = 0; i < 20; i++) expect(small.happens(numerator, denominator)).toBe(big.happensExactly(scaled));
        expect(small.byte()).toBe(big.byte());
      }),
      { numRuns: 50 },
    );
  });

  it('of bias 0 or 1 needs no byte', () => {
    const none = new Chance({ bytes: () => expect.unreachable('no byte is needed') });
    expect([none.happens(0, 7), none.happens(7, 7)]).toEqual([false, true]);
    expect(none.happensExactly({ numerator: 0n, denominator: 7n })).toBe(false);
  });
});

describe('a die', () => {
  it('is fair: every side has as many bytes as any other, and the rest are drawn again', () => {
    for (const sides of [1, 2, 3, 10, 100, 255, 256]) {
      const counts = new Map<number, number>();
      const fair = 256 - (256 % sides);
      for (const byte of everyByte.slice(0, fair)) {
        const side = reading(byte).below(sides);
        counts.set(side, (counts.get(side) ?? 0) + 1);
      }
      expect([counts.size, ...new Set(counts.values())]).toEqual([sides, fair / sides]);
      if (fair < 256) expect(reading(fair, 1).below(sides)).toBe(1);
    }
  });

  it('takes as many bytes as it has digits', () => {
    expect(reading(1, 2).below(65_536)).toBe(258);
    expect(reading(1, 2, 3).below(2 ** 24)).toBe(66_051);
  });
});
