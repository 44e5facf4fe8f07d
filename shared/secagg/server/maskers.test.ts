import { describe, expect, it } from 'vitest';
import { chooseMaskers } from './maskers.ts';
import type { Members } from './run.ts';

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

/** Complete: everyone is everyone's neighbour. c = 1, minSurvivors = 4. */
const complete = membersOf({
  neighbourhoods: range(6).map((place) => range(6).filter((other) => other !== place)),
  windowSurvivors: 0,
});
/** A ring in which each place has its two neighbours on both sides; s = 1, so 2s = 2 good bits are needed. */
const ring = membersOf({
  neighbourhoods: range(8).map((place) => [-2, -1, 1, 2].map((step) => (place + step + 8) % 8).sort((a, b) => a - b)),
  windowSurvivors: 1,
});

function membersOf(graph: { neighbourhoods: number[][]; windowSurvivors: number }): Members {
  const header = { windowSurvivors: graph.windowSurvivors, minSurvivors: 4 };
  // Only what the choice looks at.
  return {
    neighbourhoods: graph.neighbourhoods,
    parameters: { leastThreshold: 2 },
    cohort: { header },
  } as unknown as Members;
}

/** Everyone who acknowledges finds everyone good, but for the (holder, dealer) pairs that are refused. */
function goodBits(
  { neighbourhoods }: Members,
  present: readonly number[],
  refused: readonly (readonly [number, number])[],
) {
  const isRefused = (holder: number, dealer: number) => refused.some(([h, d]) => h === holder && d === dealer);
  return new Map(
    present.map((holder) => {
      const indices = [...neighbourhoods[holder]!.keys()];
      return [holder, new Set(indices.filter((index) => !isRefused(holder, neighbourhoods[holder]![index]!)))];
    }),
  );
}

describe('U1', () => {
  it('is everyone when everyone finds everyone good', () => {
    const good = goodBits(complete, range(6), []);
    expect([...chooseMaskers(complete, new Set(range(6)), good)]).toEqual(range(6));
  });

  it('leaves out who did not acknowledge, and its silence refuses nobody', () => {
    const good = goodBits(complete, [0, 1, 2, 3, 4], []);
    expect([...chooseMaskers(complete, new Set(range(6)), good)]).toEqual([0, 1, 2, 3, 4]);
  });

  it('keeps a dealer with c refusals and leaves out one with more', () => {
    const dealers = new Set(range(6));
    const once = goodBits(complete, range(6), [[0, 5]]);
    expect(chooseMaskers(complete, dealers, once)).toContain(5);
    const twice = goodBits(complete, range(6), [
      [0, 5],
      [1, 5],
    ]);
    expect([...chooseMaskers(complete, dealers, twice)]).toEqual([0, 1, 2, 3, 4]);
  });

  it('drops those with too few helpers until nothing changes', () => {
    // Without 1, 2 and 3 place 4 keeps the helpers 5 and 6; place 0 keeps 6 and 7: a chain that stays.
    const present = [0, 4, 5, 6, 7];
    expect([...chooseMaskers(ring, new Set(range(8)), goodBits(ring, present, []))]).toEqual(present);
    // Once 5 refuses 4, 4 has one helper left; when it goes, 5 and 6 still have two.
    const refused = goodBits(ring, present, [[5, 4]]);
    expect([...chooseMaskers(ring, new Set(range(8)), refused)]).toEqual([0, 5, 6, 7]);
    // Without 0 and 7, the rest of the chain falls one by one.
    expect(chooseMaskers(ring, new Set(range(8)), goodBits(ring, [4, 5, 6], [[5, 4]])).size).toBe(0);
  });
});
