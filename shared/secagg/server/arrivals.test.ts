import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../testing/seeded-random.ts';
import { type Arrivals, arrivalsOf, hasArrived, noArrivals, withArrival, withoutArrivals } from './arrivals.ts';

const grown = (keys: readonly string[]) =>
  keys.reduce((arrivals: Arrivals<string, number>, key, i) => withArrival(arrivals, key, i), noArrivals);

describe('arrivals', () => {
  it('are a map in the order in which they came, of however many', () => {
    for (let size = 0; size < 130; size++) {
      const keys = Array.from({ length: size }, (_, i) => `key ${i}`);
      const arrivals = grown(keys);
      expect(arrivals.size).toBe(size);
      expect(arrivalsOf(arrivals)).toEqual(keys.map((key, i) => [key, i]));
      expect(keys.every((key) => hasArrived(arrivals, key))).toBe(true);
      expect(hasArrived(arrivals, `key ${size}`)).toBe(false);
    }
  });

  it('stay as they were in every earlier version', () => {
    const random = seededRandom('versions');
    const versions: Arrivals<string, number>[] = [noArrivals];
    for (let i = 0; i < 60; i++) {
      const from = versions[Math.floor(versions.length * random.uniform())]!;
      versions.push(withArrival(from, `from ${i}`, from.size));
    }
    for (const version of versions) {
      expect(arrivalsOf(version).map(([, before]) => before)).toEqual(
        Array.from({ length: version.size }, (_, i) => i),
      );
    }
  });

  it('are copied a few times each, not once for everybody who comes after', () => {
    const arrivals = grown(Array.from({ length: 1000 }, (_, i) => String(i)));
    // 1000 in binary has six ones: so many parts, each at least twice the size of the next.
    expect(arrivals.parts.map(({ size }) => size)).toEqual([512, 256, 128, 64, 32, 8]);
  });

  it('leave out who has gone', () => {
    const arrivals = grown(['a', 'b', 'c', 'd', 'e']);
    const left = withoutArrivals(arrivals, new Set(['b', 'e', 'x']));
    expect(arrivalsOf(left)).toEqual([
      ['a', 0],
      ['c', 2],
      ['d', 3],
    ]);
    expect(left.size).toBe(3);
    expect(withoutArrivals(left, new Set(['a', 'c', 'd']))).toEqual(noArrivals);
  });
});
