import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { neighbourPlaces } from './graph.ts';
import { decodeBitmap, encodeBitmap, weakestWindow } from './survivors.ts';

describe('bitmaps', () => {
  it('come back as the same places', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 99 })), fc.integer({ min: 100, max: 140 }), (places, length) => {
        const decoded = decodeBitmap(encodeBitmap(places, length), length);
        expect([...decoded!]).toEqual([...places].sort((a, b) => a - b));
      }),
    );
  });

  it('put place p at bit p mod 8, least significant first, of byte ⌊p/8⌋', () => {
    expect([...encodeBitmap([0, 3, 8, 17], 18)]).toEqual([0b1001, 0b1, 0b10]);
    expect([...encodeBitmap([], 9)]).toEqual([0, 0]);
    expect([...encodeBitmap([], 0)]).toEqual([]);
  });

  it('decode to one set only from one byte string: no other length, no padding', () => {
    expect(decodeBitmap(Uint8Array.of(0xff, 0x01), 9)?.size).toBe(9);
    expect(decodeBitmap(Uint8Array.of(0xff, 0x03), 9)).toBeUndefined();
    expect(decodeBitmap(Uint8Array.of(0xff, 0x80), 9)).toBeUndefined();
    expect(decodeBitmap(Uint8Array.of(0xff), 9)).toBeUndefined();
    expect(decodeBitmap(Uint8Array.of(0xff, 0x01, 0x00), 9)).toBeUndefined();
    expect(decodeBitmap(Uint8Array.of(0xff), 8)?.size).toBe(8);
  });

  it('hold no place that is not theirs', () => {
    expect(() => encodeBitmap([9], 9)).toThrow('invariant');
    expect(() => encodeBitmap([-1], 9)).toThrow('invariant');
    expect(() => encodeBitmap([0.5], 9)).toThrow('invariant');
  });
});

const rings = fc.integer({ min: 4, max: 40 }).chain((devices) =>
  fc.record({
    devices: fc.constant(devices),
    neighbours: fc.integer({ min: 1, max: Math.floor((devices - 1) / 2) }).map((reach) => 2 * reach),
    survives: fc.array(fc.boolean(), { minLength: devices, maxLength: devices }),
    isCorrupt: fc.array(
      fc.integer({ min: 0, max: 3 }).map((dice) => dice === 0),
      { minLength: devices, maxLength: devices },
    ),
  }),
);

describe('the weakest window', () => {
  it('is the least count over all windows, each counted by hand', () => {
    fc.assert(
      fc.property(rings, ({ devices, neighbours, survives }) => {
        const counts = survives.map(
          (_, start) =>
            Array.from({ length: neighbours / 2 }, (_, i) => survives[(start + i) % devices]).filter(Boolean).length,
        );
        expect(weakestWindow(placesOf(survives), devices, neighbours)).toBe(Math.min(...counts));
      }),
    );
  });

  it('keeps honest survivors connected while it holds more survivors than any window holds corrupt devices', () => {
    let held = 0;
    fc.assert(
      fc.property(rings, ({ devices, neighbours, survives, isCorrupt }) => {
        const survivors = placesOf(survives);
        const honestPlaces = placesOf(isCorrupt.map((corrupt) => !corrupt));
        const mostCorrupt = neighbours / 2 - weakestWindow(honestPlaces, devices, neighbours);
        if (weakestWindow(survivors, devices, neighbours) <= mostCorrupt) return;
        held++;
        const honest = [...survivors].filter((place) => honestPlaces.has(place));
        expect(reachable(new Set(honest), devices, neighbours)).toBe(honest.length);
      }),
      // About one draw in seventeen holds: 230 of 4000, give or take 20.
      { numRuns: 4000 },
    );
    expect(held).toBeGreaterThan(100);
  });

  it('shows a cut: two gaps of k/2 places part the ring however many survive', () => {
    const gaps = new Set([10, 11, 12, 13, 60, 61, 62, 63]);
    const survivors = new Set(Array.from({ length: 100 }, (_, place) => place).filter((place) => !gaps.has(place)));
    expect(reachable(survivors, 100, 8)).toBeLessThan(survivors.size);
    expect(weakestWindow(survivors, 100, 8)).toBe(0);
  });

  it('sees a gap across the end of the list', () => {
    const survivors = new Set(Array.from({ length: 18 }, (_, i) => i + 1));
    expect(weakestWindow(survivors, 20, 4)).toBe(0);
    expect(weakestWindow(survivors, 20, 6)).toBe(1);
  });

  it('does not exist in a complete graph with an odd number of neighbours', () => {
    expect(() => weakestWindow(new Set(), 10, 9)).toThrow('invariant');
  });
});

function placesOf(claims: readonly boolean[]): Set<number> {
  return new Set(claims.flatMap((claim, place) => (claim ? [place] : [])));
}

/** How many of these places the first one reaches along edges of the graph. */
function reachable(places: ReadonlySet<number>, devices: number, neighbours: number): number {
  const found = new Set([...places].slice(0, 1));
  for (const place of found)
    for (const other of neighbourPlaces(place, devices, neighbours)) if (places.has(other)) found.add(other);
  return found.size;
}
