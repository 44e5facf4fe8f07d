import { expect, it } from 'vitest';
import { countRows } from '../features/feature-grid.ts';
import { binEdgesOf, mediansOf } from '../features/grid-counts.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { type SeededRandom, seededRandom } from '../testing/seeded-random.ts';
import { type ClientTools, toJson } from './algorithm.ts';
import { gridCountsOf, histogram } from './histogram.ts';
import type { LabelledRow } from './labelled-row.ts';
import { quantiles } from './quantiles.ts';

const grid = { bounds: { lower: [0, -4, 0], upper: [8, 4, 1] }, missing: [7, null, null], cells: 64 };
const begin = (changes: Record<string, unknown> = {}) =>
  histogram.init(histogram.config.parse({ grid, maxRows: 20, ...changes }), seededRandom(0));
const tools: ClientTools = {
  trainer: { backend: 'none', train: () => expect.unreachable('a histogram trains nothing') },
  random: seededRandom(1),
  signal: new AbortController().signal,
};

/** Mostly zero, normal, and a share; the first is missing in one row of ten. */
function people(random: SeededRandom, size: number): LabelledRow[][] {
  const row = (): LabelledRow => {
    const count = random.uniform() < 0.6 ? 0 : Math.log1p(random.below(40));
    const features = Float32Array.of(random.uniform() < 0.1 ? 7 : count, random.normal(), random.uniform());
    return { features, label: random.below(2) };
  };
  return Array.from({ length: size }, () => Array.from({ length: random.below(21) }, row));
}

it('the sum over devices is the histogram of all rows in one place, to the very count', async () => {
  for (const seed of [1, 2, 3]) {
    const given = people(seededRandom(seed), 60);
    const state = await algorithmRound(histogram, begin(), given, { seed });
    expect(state.counts, `seed ${seed}`).toEqual([...countRows(grid, given.flat())]);
    expect(histogram.summary(state)).toEqual({ round: 1, devices: 60, rows: given.flat().length });
    const central = { grid, counts: countRows(grid, given.flat()) };
    expect(binEdgesOf(gridCountsOf(state), 8), `seed ${seed}`).toEqual(binEdgesOf(central, 8));
    expect(mediansOf(gridCountsOf(state)), `seed ${seed}`).toEqual(mediansOf(central));
  }
});

it('labels can be counted apart', async () => {
  const given = people(seededRandom(4), 30);
  const state = await algorithmRound(histogram, begin({ perLabel: true }), given, { seed: 4 });
  const of = (label: number) => [
    ...countRows(
      grid,
      given.flat().filter((row) => row.label === label),
    ),
  ];
  expect(gridCountsOf(state, 1).counts).toEqual(of(1));
  expect(gridCountsOf(state, 0).counts).toEqual(of(0));
  expect(gridCountsOf(state).counts).toEqual([...countRows(grid, given.flat())]);
  expect(histogram.summary(state).rows).toBe(given.flat().length);
});

it('nothing that a device adds is clipped, even where all its rows are the same', async () => {
  for (const perLabel of [false, true]) {
    const broadcast = histogram.publish(begin({ perLabel }));
    const same = Array.from({ length: 50 }, () => ({ features: Float32Array.of(0, 0, 0), label: 1 }));
    const { counts } = await histogram.contribute(broadcast, same, tools);
    const [segment] = histogram.layout(broadcast);
    expect(counts).toHaveLength(segment!.length);
    expect(Math.max(...counts)).toBe(20);
    expect(Math.hypot(...counts)).toBeLessThanOrEqual(segment!.clipNorm);
  }
});

it('quantiles of all rows are within a cell of the exact ones, and near them under noise', async () => {
  for (const seed of [5, 6]) {
    const given = people(seededRandom(seed), 300);
    const config = quantiles.config.parse({ grid, maxRows: 20, quantiles: [0.1, 0.5, 0.8], names: ['a', 'b', 'c'] });
    const start = quantiles.init(config, seededRandom(0));
    const exact = await algorithmRound(quantiles, start, given, { seed });
    const noisy = await algorithmRound(quantiles, start, given, { seed, noise: { numerator: 1, denominator: 2 } });
    const known = given.flat().map(({ features }) => features[1]!);
    for (const share of [0.1, 0.5, 0.8]) {
      const central = known.toSorted((a, b) => a - b)[Math.ceil(share * known.length) - 1]!;
      const error = (state: typeof exact) => Math.abs(quantiles.summary(state)[`b q${share}`]! - central);
      expect(error(exact), `seed ${seed}, ${share}`).toBeLessThanOrEqual(8 / 64);
      // The noise of 32 rows in each cell, where 47 lie on average.
      expect(error(noisy), `seed ${seed}, ${share} under noise`).toBeLessThan(0.3);
    }
  }
});

it('figures that cannot be known are left out', () => {
  const start = quantiles.init(quantiles.config.parse({ grid }), seededRandom(0));
  expect(quantiles.summary(start)).toEqual({ round: 0, devices: 0, rows: 0 });
});

it('states survive JSON, rounds add up, and only then are they done', async () => {
  const given = people(seededRandom(7), 5);
  const once = await algorithmRound(histogram, begin({ rounds: 2 }), given, { seed: 7 });
  const restored = histogram.state.parse(JSON.parse(JSON.stringify(toJson(histogram.state, once))));
  expect(restored).toEqual(once);
  const twice = await algorithmRound(histogram, restored, given, { seed: 8 });
  expect(twice.counts).toEqual(once.counts.map((count) => 2 * count));
  expect([histogram.isDone(once), histogram.isDone(twice)]).toEqual([false, true]);
});

it('names that are not one per feature are refused', () => {
  expect(quantiles.config.safeParse({ grid, names: ['a', 'b', 'c'] }).success).toBe(true);
  expect(quantiles.config.safeParse({ grid, names: ['a'] }).success).toBe(false);
  expect(quantiles.config.safeParse({ grid, quantiles: [1.5] }).success).toBe(false);
});
