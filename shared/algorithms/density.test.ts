import { describe, expect, it } from 'vitest';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { type SeededRandom, seededRandom } from '../testing/seeded-random.ts';
import { toJson } from './algorithm.ts';
import { clusterAt, type DensityState, denseFrom, density, densityMap, densityMapOf } from './density.ts';

/** A column that nobody asks about stands between the two that count. */
const bounds = { lower: [-2, 0, -2], upper: [2, 1, 2] };
const configOf = (more: object = {}) =>
  density.config.parse({ bounds, columns: [0, 2], cells: 16, minPoints: 4, ...more });
const side = 4 / 16;

type Row = { features: Float32Array };
const rowAt = (x: number, y: number) => ({ features: Float32Array.of(x, 0.5, y) });

/** Two half circles that hold each other, which no centre can tell apart, and a few who stand alone. */
function moons(random: SeededRandom, count: number): { devices: Row[][]; truth: number[] } {
  const truth = Array.from({ length: count }, () => random.below(2));
  const devices = truth.map((moon) => {
    const angle = Math.PI * random.uniform();
    const blur = () => 0.03 * random.normal();
    const [x, y] =
      moon === 0 ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.5 - 1.2 * Math.sin(angle) - 0.1];
    return [rowAt(x + blur(), y + blur())];
  });
  return { devices, truth };
}

const begin = (more: object = {}) => density.init(configOf(more), seededRandom(0));
const trained = (devices: readonly Row[][], seed: number, more: object = {}, noise?: object) =>
  algorithmRound(density, begin(more), devices, { seed, ...noise });

/** By definition: cells of rows counted in a map, and from every dense cell all that is reached over cells that touch. */
function clustersByDefinition(rows: readonly Row[], minPoints: number): Map<string, Set<string>> {
  const placeOf = (value: number) => Math.min(15, Math.max(0, Math.floor((value + 2) / side)));
  const counts = new Map<string, number>();
  for (const { features } of rows) {
    const key = `${placeOf(features[0]!)},${placeOf(features[2]!)}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const dense = [...counts].filter(([, count]) => count >= minPoints).map(([key]) => key);
  const touch = (a: string, b: string) => {
    const [[x, y], [u, v]] = [a.split(',').map(Number), b.split(',').map(Number)] as [number[], number[]];
    return Math.max(Math.abs(x! - u!), Math.abs(y! - v!)) <= 1;
  };
  const reached = new Map(dense.map((key) => [key, new Set([key])]));
  for (let again = true; again; ) {
    again = false;
    for (const own of reached.values())
      for (const key of dense)
        if (!own.has(key) && [...own].some((other) => touch(key, other))) {
          own.add(key);
          again = true;
        }
  }
  return reached;
}

const cellKey = (cell: number) => `${Math.floor(cell / 16)},${cell % 16}`;

describe('density', () => {
  it('finds the clusters of the definition, cell for cell', async () => {
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed);
      const { devices } = moons(random, 200);
      const strewn = Array.from({ length: 60 }, () => [rowAt(5 * random.uniform() - 2.5, 5 * random.uniform() - 2.5)]);
      const everybody = [...devices, ...strewn];
      const { clusters } = densityMapOf(await trained(everybody, seed));
      const expected = clustersByDefinition(everybody.flat(), 4);
      expect(clusters.flat().length, `seed ${seed}`).toBe(expected.size);
      for (const cluster of clusters)
        for (const cell of cluster)
          expect(new Set(cluster.map(cellKey)), `seed ${seed}`).toEqual(expected.get(cellKey(cell)));
    }
  });

  it('tells shapes apart that no centre can, and a device finds its own on its own', async () => {
    for (const seed of [4, 5]) {
      const { devices, truth } = moons(seededRandom(seed), 600);
      // The map travels as JSON.
      const map = densityMap.parse(JSON.parse(JSON.stringify(densityMapOf(await trained(devices, seed)))));
      const labels = devices.map(([row]) => clusterAt(map, row!.features));
      const clusterOf = (moon: number) =>
        new Set(labels.filter((label, i) => label !== undefined && truth[i] === moon));
      expect([map.clusters.length, clusterOf(0).size, clusterOf(1).size], `seed ${seed}`).toEqual([2, 1, 1]);
      expect(clusterOf(0), `seed ${seed}`).not.toEqual(clusterOf(1));
      expect(labels.filter((label) => label !== undefined).length).toBeGreaterThan(0.9 * devices.length);
      expect(clusterAt(map, Float32Array.of(-1.9, 0.5, 1.9))).toBeUndefined();
    }
  });

  it('fits as a map into the 4 MB that a device reads, also where every cell is dense', () => {
    const cells = 724;
    const bounds = { lower: [-2, -2], upper: [2, 2] };
    const clusters = [Array.from({ length: cells ** 2 }, (_, cell) => cell)];
    const map = densityMap.parse({ bounds, columns: [0, 1], cells, clusters });
    expect(JSON.stringify(map).length).toBeLessThan(4 * 2 ** 20);
  });

  it('lets no cell surface by noise alone', async () => {
    let strays = 0;
    for (let seed = 0; seed < 40; seed++) {
      const noise = { numerator: 3, denominator: 1 };
      const state = await trained([[rowAt(0, 0)], [rowAt(1, 1)]], seed, {}, { noise });
      expect(denseFrom(state)).toBeGreaterThan(4 + 3 * 4);
      if (densityMapOf(state).clusters.length > 0) strays += 1;
    }
    // Each has a chance of at most 1 in 100: of 40, more than three once in 1,500 times.
    expect(strays).toBeLessThanOrEqual(3);
  });

  it('still finds large clusters under noise, and where they reach', async () => {
    const random = seededRandom(6);
    const blob = (x: number, y: number) => Array.from({ length: 300 }, () => [rowAt(x + side * random.uniform(), y)]);
    const noise = { numerator: 3, denominator: 1 };
    const state = await trained([...blob(-1, -1), ...blob(1, 1)], 7, {}, { noise });
    const { clusters, ...figures } = density.summary(state);
    expect(clusters).toBe(2);
    for (const i of [0, 1]) {
      const [from, to] = [figures[`cluster ${i} feature 0 from`]!, figures[`cluster ${i} feature 0 to`]!];
      const start = from < 0 ? -1 : 1;
      expect([from, to]).toEqual([start, start + side]);
    }
  });

  it('joins no cells across the border of the space', async () => {
    // The last cell of one line and the first of the next have adjacent numbers.
    const ends = [...new Array(5).fill([rowAt(0, 1.99)]), ...new Array(6).fill([rowAt(0.3, -1.99)])];
    const state = await trained(ends, 8);
    expect(density.summary(state)).toMatchObject({ clusters: 2, 'cluster 0 size': 6, 'cluster 1 size': 5, within: 11 });
  });

  it('adds up rounds, clips nothing, and leaves out what is no number', async () => {
    const devices = [[rowAt(0, 0), rowAt(0.1, 0), rowAt(Number.NaN, 0)], [rowAt(9, 9)]];
    const once = await trained(devices, 9, { rounds: 2, maxRows: 4 });
    const stored = density.state.parse(JSON.parse(JSON.stringify(toJson(density.state, once))));
    const twice: DensityState = await algorithmRound(density, stored, devices, { seed: 10 });
    expect(twice.counts).toEqual(once.counts.map((count) => 2 * count));
    expect(once.counts.reduce((sum, count) => sum + count, 0)).toBe(3);
    expect([density.isDone(once), density.isDone(twice)]).toEqual([false, true]);
    const clipNorm = density.layout(density.publish(once))[0]!.clipNorm;
    const tools = { trainer: undefined as never, random: seededRandom(1), signal: new AbortController().signal };
    const vectors = await density.contribute(density.publish(once), new Array(9).fill(rowAt(0, 0)), tools);
    expect(Math.hypot(...vectors.counts)).toBeLessThanOrEqual(clipNorm);
    expect(Math.max(...vectors.counts)).toBe(4);
  });

  it('refuses more cells than devices can send', () => {
    const ask = (cells: number, columns: number[]) =>
      density.config.safeParse({ bounds, columns, cells, minPoints: 1 }).success;
    expect(ask(80, [0, 1, 2])).toBe(true);
    expect(ask(81, [0, 1, 2])).toBe(false);
    expect(ask(80, [0, 1, 3])).toBe(false);
  });
});
