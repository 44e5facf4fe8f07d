import { describe, expect, it } from 'vitest';
import { imputeFromNeighbours } from '../features/imputation.ts';
import { nearestCentroid, squaredDistances } from '../models/centroids.ts';
import { predict } from '../models/predict.ts';
import { standardize } from '../models/standardize.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { toJson } from './algorithm.ts';
import { centersOf, type KMeansConfig, type KMeansState, kMeans } from './k-means.ts';
import { spherePacking } from './sphere-packing.ts';

/** The third feature says nothing, and is not asked about. */
const bounds = { lower: [0, -10, 0], upper: [8, 10, 1] };
const planted = [
  [1, -6],
  [6, -5],
  [4, 7],
];
/** Such as last month's segments: each in the right part of the space, and none in the right place. */
const roughly = [
  [2, -3],
  [7, -2],
  [5, 3],
];
const configOf = (more: object = {}) =>
  kMeans.config.parse({ bounds, columns: [0, 1], segments: 3, rounds: 12, ...more });

type Row = { features: Float32Array };

function people(seed: number, count: number, spread = 0.4): { devices: Row[][]; truth: number[] } {
  const random = seededRandom(seed);
  const truth = Array.from({ length: count }, () => random.below(planted.length));
  const devices = truth.map((segment) => {
    const [x, y] = planted[segment] as [number, number];
    const features = Float32Array.of(
      x + spread * random.normal(),
      y + 2 * spread * random.normal(),
      50 * random.uniform(),
    );
    return [{ features }];
  });
  return { devices, truth };
}

async function trained(
  config: KMeansConfig,
  devices: readonly Row[][],
  { seed, noise }: { seed: number; noise?: { numerator: number; denominator: number } },
): Promise<KMeansState> {
  const terms = { cohort: devices.length, noiseMultiplier: noise ? noise.numerator / noise.denominator : 0 };
  let state = kMeans.init(config, seededRandom(seed), terms);
  while (!kMeans.isDone(state)) {
    // Through JSON, as between two rounds of a coordinator.
    const stored = kMeans.state.parse(JSON.parse(JSON.stringify(toJson(kMeans.state, state))));
    const round = { seed: `${seed}, ${state.round}`, ...(noise && { noise }) };
    state = await algorithmRound(kMeans, stored, devices, round);
  }
  return state;
}

/** Lloyd as textbooks have it, over one table of whole numbers: no sums, no devices, no floating point until the division. */
function lloyd(rows: readonly Row[], start: Float32Array, rounds: number): { centers: number[][]; sizes: number[] } {
  const steps = 2 ** 19; // per unit: the sums are at most √2 long, so their clip norm is 2 and its 2^20th part a step
  const points = rows.map(({ features }) =>
    [0, 1].map((i) => {
      const [low, high] = [bounds.lower[i]!, bounds.upper[i]!];
      return Math.round(Math.max(-1, Math.min(1, (2 * (features[i]! - low)) / (high - low) - 1)) * steps);
    }),
  );
  let centers = [0, 1, 2].map((segment) => [start[2 * segment]!, start[2 * segment + 1]!]);
  let sizes: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const members: number[][][] = centers.map(() => []);
    for (const point of points) {
      const away = centers.map(([x, y]) => (point[0]! / steps - x!) ** 2 + (point[1]! / steps - y!) ** 2);
      members[away.indexOf(Math.min(...away))]!.push(point);
    }
    const mean = (own: number[][], i: number) =>
      Math.fround(own.reduce((sum, point) => sum + point[i]!, 0) / steps / own.length);
    const largest = members.reduce((best, own) => (own.length > best.length ? own : best));
    centers = centers.map((center, segment) => {
      const own = members[segment]!;
      return [0, 1].map((i) => (own.length > 0 ? mean(own, i) : Math.fround((center[i]! + mean(largest, i)) / 2)));
    });
    sizes = members.map((own) => own.length);
  }
  return { centers, sizes };
}

describe('k-means', () => {
  it('over sums is bit for bit Lloyd over one table of the same integers', async () => {
    for (const seed of [1, 2, 3, 4]) {
      const { devices } = people(seed, 200, 3);
      const config = configOf();
      const start = kMeans.init(config, seededRandom(seed)).centers;
      const state = await trained(config, devices, { seed });
      const central = lloyd(devices.flat(), start, state.round);
      expect([...state.centers], `seed ${seed}`).toEqual(central.centers.flat());
      expect(state.sizes, `seed ${seed}`).toEqual(central.sizes);
    }
  });

  it('finds segments that were planted, from the best of a few starts', async () => {
    for (const seed of [5, 6, 7]) {
      const { devices, truth } = people(seed, 300);
      // A start can end in a worse optimum, as everywhere with Lloyd; the inertia tells which.
      const states = await Promise.all([1, 2, 3, 4].map((start) => trained(configOf(), devices, { seed: start })));
      const state = states.reduce((best, other) => (other.inertia < best.inertia ? other : best));
      const found = centersOf(state);
      for (const [segment, center] of planted.entries()) {
        const at = found.findIndex(([x, y]) => Math.hypot(x! - center[0]!, y! - center[1]!) < 0.5);
        expect(at, `seed ${seed}, ${JSON.stringify(found)}`).toBeGreaterThanOrEqual(0);
        expect(state.sizes[at], `seed ${seed}`).toBe(truth.filter((one) => one === segment).length);
      }
    }
  });

  it('finds them under noise too', async () => {
    for (const seed of [8, 9]) {
      const { devices } = people(seed, 600);
      // Over 8 rounds ε = 2.3 at δ = 1e-5.
      const noise = { numerator: 5, denominator: 1 };
      const state = await trained(configOf({ rounds: 8, start: roughly }), devices, { seed, noise });
      const found = centersOf(state);
      for (const center of planted) {
        const nearest = Math.min(...found.map(([x, y]) => Math.hypot(x! - center[0]!, (y! - center[1]!) / 2)));
        expect(nearest, `seed ${seed}, ${JSON.stringify(found)}`).toBeLessThan(1);
      }
    }
  });

  it('gives a model with which a device finds its own segment in its whole row', async () => {
    const { devices } = people(10, 200);
    const state = await trained(configOf({ start: roughly }), devices, { seed: 10 });
    const { spec, parameters, standardization } = kMeans.model(state)!;
    if (spec.family !== 'centroids') throw new Error('not centroids');
    const centers = centersOf(state);
    for (const [{ features }] of devices as [Row][]) {
      const away = centers.map(([x, y]) => ((features[0]! - x!) / 4) ** 2 + ((features[1]! - y!) / 10) ** 2);
      const own = away.indexOf(Math.min(...away));
      const row = standardize(features, standardization!);
      expect(nearestCentroid(spec, parameters, row)).toBe(own);
      expect(predict(spec, parameters, row)[own]).toBeGreaterThan(0.9);
    }
    // Its unit is the spread of people: their mean squared distance to the nearest centre is one per column.
    const squares = devices.flat().map(({ features }) => {
      const row = standardize(features, standardization!);
      return Math.min(...squaredDistances(spec, parameters, row));
    });
    expect(squares.reduce((sum, square) => sum + square, 0) / (2 * squares.length)).toBeCloseTo(1, 2);
  });

  it('gives centres from which a device fills in what it does not know', async () => {
    const { devices } = people(17, 200);
    const state = await trained(configOf({ start: roughly }), devices, { seed: 17 });
    // A centre knows nothing of the column that was not asked about.
    const shared = centersOf(state).map(([x, y]) => Float32Array.of(x!, y!, Number.NaN));
    const options = { missing: [null, null, null], scales: [1, 1, 1], count: 1 };
    const filled = imputeFromNeighbours(Float32Array.of(6.2, Number.NaN, 3), shared, options);
    expect([...filled]).toEqual([Math.fround(6.2), expect.closeTo(-5, 0), 3]);
  });

  it('leaves no segment where nobody is', async () => {
    for (const seed of [11, 12, 13]) {
      // Everybody in one corner: most starting points are far from all of them.
      const random = seededRandom(seed);
      const devices = Array.from({ length: 150 }, () => [
        { features: Float32Array.of(0.8 * random.uniform(), -10 + 2 * random.uniform(), 0) },
      ]);
      const state = await trained(configOf({ segments: 4, rounds: 20 }), devices, { seed });
      expect(Math.min(...state.sizes), `seed ${seed}`).toBeGreaterThan(0);
    }
  });

  it('ends where centres stay', async () => {
    const { devices } = people(14, 60);
    const start = planted.map((center) => [...center]);
    const state = await trained(configOf({ rounds: 50, start }), devices, { seed: 14 });
    expect(state.round).toBeLessThan(5);
    expect(state.moved).toBe(0);
  });

  it('clips nothing that a device adds, with noise or without', async () => {
    const far = { features: Float32Array.of(800, -900, 0) };
    const broken = { features: Float32Array.of(Number.NaN, 0, 0) };
    for (const noiseMultiplier of [0, 4]) {
      const terms = { cohort: 100, noiseMultiplier };
      const state = kMeans.init(configOf({ maxRows: 5 }), seededRandom(15), terms);
      const broadcast = kMeans.publish({ ...state, centers: Float32Array.of(1, 1, 1, 1, 1, 1) });
      const tools = { trainer: undefined as never, random: seededRandom(16), signal: new AbortController().signal };
      const vectors = await kMeans.contribute(broadcast, [...new Array(9).fill(far), broken], tools);
      const layout = kMeans.layout(broadcast);
      expect(layout.map(({ name }) => name)).toEqual(
        noiseMultiplier ? ['counts', 'sums'] : ['counts', 'sums', 'inertia'],
      );
      for (const { name, length, clipNorm } of layout) {
        expect(vectors[name]).toHaveLength(length);
        expect(Math.hypot(...vectors[name]), name).toBeLessThanOrEqual(clipNorm);
      }
      expect(vectors.counts[0]).toBe(5);
    }
  });

  it('refuses columns that rows do not have, and starting points of another shape', () => {
    const base = { bounds, segments: 2 };
    expect(kMeans.config.safeParse({ ...base, columns: [0, 2] }).success).toBe(true);
    expect(kMeans.config.safeParse({ ...base, columns: [0, 3] }).success).toBe(false);
    expect(kMeans.config.safeParse({ ...base, columns: [0, 0] }).success).toBe(false);
    expect(kMeans.config.safeParse({ ...base, columns: [0], start: [[1], [2]] }).success).toBe(true);
    expect(kMeans.config.safeParse({ ...base, columns: [0], start: [[1]] }).success).toBe(false);
  });
});

it('starting points keep their distance from each other and from the border', () => {
  for (const [count, width] of [
    [4, 3],
    [8, 2],
    [5, 1],
  ] as const) {
    const points = spherePacking(count, width, seededRandom(count));
    const point = (i: number) => [...points.subarray(i * width, (i + 1) * width)];
    const apart = (i: number, j: number) => Math.hypot(...point(i).map((value, k) => value - point(j)[k]!));
    const distances = Array.from({ length: count }, (_, i) => Array.from({ length: i }, (_, j) => apart(i, j))).flat();
    const radius = Math.min(...distances) / 2;
    // Centres drawn at random without regard for each other come much nearer than the best packing's half.
    expect(radius).toBeGreaterThan(0.5 / count ** (1 / width));
    expect(Math.max(...points.map(Math.abs))).toBeLessThanOrEqual(1 - 0.9 * radius + 1e-6);
  }
});
