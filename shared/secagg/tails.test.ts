import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { binomial, type Draw, isRare, leastRareCount, type Rarity } from './tails.ts';

const draws = fc.integer({ min: 1, max: 60 }).chain((population) =>
  fc.record({
    population: fc.constant(population),
    marked: fc.nat({ max: population }),
    drawn: fc.nat({ max: population }),
  }),
);
const rarities: fc.Arbitrary<Rarity> = fc.record({
  times: fc.integer({ min: 1, max: 50 }),
  bits: fc.integer({ min: 1, max: 30 }),
});

/** The definition itself: times · ΣC(K,i)·C(N−K,n−i) · 2^bits ≤ C(N,n), term by term from Pascal's triangle. */
function isRareByDefinition({ population, marked, drawn }: Draw, count: number, { times, bits }: Rarity): boolean {
  let ways = 0n;
  for (let i = Math.max(0, count); i <= drawn; i++) ways += pascal(marked, i) * pascal(population - marked, drawn - i);
  return BigInt(times) * ways * 2n ** BigInt(bits) <= pascal(population, drawn);
}

const rows: bigint[][] = [[1n]];
function pascal(from: number, chosen: number): bigint {
  for (let i = rows.length; i <= from; i++) {
    const above = rows[i - 1]!;
    rows.push(Array.from({ length: i + 1 }, (_, j) => (above[j - 1] ?? 0n) + (above[j] ?? 0n)));
  }
  return rows[from]![chosen] ?? 0n;
}

describe('hypergeometric tails', () => {
  it('count as enumerating every draw does', () => {
    const [population, marked, drawn] = [10, 4, 5];
    const counts = Array.from({ length: 2 ** population }, (_, set) => set)
      .filter((set) => ones(set) === drawn)
      .map((set) => ones(set & (2 ** marked - 1)));
    for (let count = 0; count <= drawn + 1; count++) {
      const tail = counts.filter((inSet) => inSet >= count).length;
      for (const bits of [1, 2, 3, 5, 8])
        expect(isRare({ population, marked, drawn }, count, { times: 1, bits }), `${count} ${bits}`).toBe(
          tail * 2 ** bits <= counts.length,
        );
    }
  });

  it('are rare exactly where the definition says so', () => {
    fc.assert(
      fc.property(draws, rarities, fc.nat({ max: 62 }), (draw, rarity, count) => {
        expect(isRare(draw, count, rarity)).toBe(isRareByDefinition(draw, count, rarity));
      }),
      { numRuns: 2000 },
    );
  });

  it('find the same least count as trying one count after the other', () => {
    fc.assert(
      fc.property(draws, rarities, (draw, rarity) => {
        let count = 0;
        while (!isRareByDefinition(draw, count, rarity)) count++;
        expect(leastRareCount(draw, rarity)).toBe(count);
      }),
      { numRuns: 1000 },
    );
  });

  it('hold at equality, and no longer one event further', () => {
    // One device of 64 is marked, one is drawn: 2^-6.
    const draw = { population: 64, marked: 1, drawn: 1 };
    expect(isRare(draw, 1, { times: 1, bits: 6 })).toBe(true);
    expect(isRare(draw, 1, { times: 2, bits: 6 })).toBe(false);
    expect(isRare(draw, 1, { times: 1, bits: 7 })).toBe(false);
  });

  it('give nothing beyond what can be drawn, and everything from zero on', () => {
    expect(isRare({ population: 9, marked: 3, drawn: 5 }, 4, { times: 1_000_000, bits: 255 })).toBe(true);
    expect(isRare({ population: 9, marked: 3, drawn: 5 }, 0, { times: 1, bits: 1 })).toBe(false);
    // Seven drawn of nine cannot avoid one of three.
    expect(isRare({ population: 9, marked: 3, drawn: 7 }, 1, { times: 1, bits: 1 })).toBe(false);
  });
});

describe('binomial', () => {
  it("equals Pascal's triangle", () => {
    for (let from = 0; from <= 40; from++)
      for (let chosen = -1; chosen <= from + 1; chosen++) expect(binomial(from, chosen)).toBe(pascal(from, chosen));
  });
});

function ones(set: number): number {
  return set.toString(2).replaceAll('0', '').length;
}
