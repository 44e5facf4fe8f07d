import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.ts';
import { consistentCounts } from './consistent-counts.ts';
import { cellOf, cellStart, countRows, countsLength, type FeatureGrid, featureGrid, gridOf } from './feature-grid.ts';
import { binEdgesOf, cellShares, type GridCounts, mediansOf, quantileOf, rowCount } from './grid-counts.ts';
import { transactions1 } from './transactions.ts';

const gridFor = (lower: number, upper: number, cells: number, missing: number | null = null): FeatureGrid => ({
  bounds: { lower: [lower], upper: [upper] },
  missing: [missing],
  cells,
});
const rowsOf = (values: Iterable<number>) => Array.from(values, (value) => ({ features: Float32Array.of(value) }));
const counted = (grid: FeatureGrid, values: Iterable<number>): GridCounts => ({
  grid,
  counts: countRows(grid, rowsOf(values)),
});
/** How many edges a value reaches: the number of its bin. */
const binOf = (edges: readonly number[], value: number) => edges.filter((edge) => value >= edge).length;

/** The value at or below which a share of the values lies, as the inverse of their distribution function. */
function exactQuantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
}

describe('the grid', () => {
  it('counts every row once per feature, whatever its values', () => {
    const anyValue = fc.oneof(fc.float({ noNaN: false }), fc.constantFrom(999, -2, 3, Number.POSITIVE_INFINITY));
    fc.assert(
      fc.property(fc.array(fc.tuple(anyValue, anyValue), { maxLength: 30 }), (rows) => {
        const grid = { bounds: { lower: [-2, 0], upper: [3, 1] }, missing: [999, null], cells: 7 };
        const counts = countRows(
          grid,
          rows.map((row) => ({ features: Float32Array.from(row) })),
        );
        expect(counts).toHaveLength(countsLength(grid));
        for (const part of [counts.subarray(0, 8), counts.subarray(8)]) {
          expect(part.reduce((sum, count) => sum + count, 0)).toBe(rows.length);
        }
      }),
    );
  });

  it('puts a value into the cell whose ends it lies between, and what is beyond the bounds into the outermost', () => {
    const grid = gridFor(-1, 1, 8);
    expect([-1, -0.76, -0.75, 0, 0.99, 1].map((value) => cellOf(grid, 0, value))).toEqual([0, 0, 1, 4, 7, 7]);
    expect([-50, 50].map((value) => cellOf(grid, 0, value))).toEqual([0, 7]);
    expect([0, 4, 8].map((cell) => cellStart(grid, 0, cell))).toEqual([-1, 0, 1]);
  });

  it('counts what is missing apart: the declared constant as float32 holds it, and what is no number', () => {
    const constant = Math.log1p(999);
    const counts = countRows(gridFor(0, 8, 4, constant), rowsOf([constant, Number.NaN, 6.5, 1]));
    expect([...counts]).toEqual([1, 0, 0, 1, 2]);
  });

  it('of a schema has its bounds, and the constants of features that can be missing', () => {
    const grid = gridOf(transactions1);
    const gap = transactions1.features.findIndex(({ name }) => name === 'gapMean');
    expect(featureGrid.parse(grid)).toEqual(grid);
    expect(grid.cells).toBe(256);
    expect(grid.bounds.upper[gap]).toBeCloseTo(Math.log1p(3650));
    expect(grid.missing?.[gap]).toBeCloseTo(Math.log1p(999));
    expect(grid.missing?.[0]).toBeNull();
  });

  it('of too many cells is refused, and so are constants that are not one per feature', () => {
    const accepts = (changes: object) => featureGrid.safeParse({ ...gridFor(0, 1, 8), ...changes }).success;
    expect(accepts({})).toBe(true);
    expect(accepts({ missing: [null, 1] })).toBe(false);
    const wide = { lower: Array.from({ length: 100 }, () => 0), upper: Array.from({ length: 100 }, () => 1) };
    expect(accepts({ bounds: wide, missing: undefined, cells: 65_536 })).toBe(false);
  });
});

describe('a quantile', () => {
  it('is within a cell of the exact one, for values of any distribution', () => {
    const values = fc.array(fc.integer({ min: -400, max: 600 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, fc.constantFrom(0, 0.01, 0.25, 0.5, 0.9, 1), (all, share) => {
        const error = quantileOf(counted(gridFor(-400, 600, 64), all), 0, share) - exactQuantile(all, share);
        expect(Math.abs(error)).toBeLessThanOrEqual(1000 / 64);
      }),
    );
  });

  it('is interpolated inside a cell', () => {
    const even = Array.from({ length: 10_000 }, (_, i) => (i + 0.5) / 1000);
    const table = counted(gridFor(0, 10, 5), even);
    for (const share of [0.3, 0.4771, 0.62]) expect(quantileOf(table, 0, share)).toBeCloseTo(10 * share, 2);
  });

  it('in an outermost cell is the bound, where the zeros of a count are', () => {
    const table = counted(gridFor(0, Math.log1p(1000), 256), [0, 0, 0, Math.log1p(3)]);
    expect(quantileOf(table, 0, 0.5)).toBe(0);
    expect(quantileOf(table, 0, 0.7)).toBe(0);
    expect(quantileOf(table, 0, 0.9)).toBeCloseTo(Math.log1p(3), 1);
  });

  it('is of the values that are known, and does not exist where none is', () => {
    const grid = gridFor(0, 8, 16, 7);
    expect(mediansOf(counted(grid, [7, 7, 7, 7, 2.2]))[0]).toBeCloseTo(2.2, 0);
    expect(mediansOf(counted(grid, [7, 7]))).toEqual([Number.NaN]);
    expect(mediansOf(counted(grid, []))).toEqual([Number.NaN]);
  });
});

describe('bin edges', () => {
  it('ascend strictly, lie between cells, and leave no bin without rows', () => {
    const values = fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 120 });
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 12 }), (all, bins) => {
        const grid = gridFor(0, 40, 80);
        const [edges] = binEdgesOf(counted(grid, all), bins);
        expect(edges!.length).toBeLessThan(bins);
        expect(edges!.every((edge, i) => i === 0 || edge > edges![i - 1]!)).toBe(true);
        for (const edge of edges!) expect(edge).toBe(cellStart(grid, 0, cellOf(grid, 0, edge)));
        const filled = new Set(all.map((value) => binOf(edges!, value)));
        expect(filled.size).toBe(edges!.length + 1);
      }),
    );
  });

  it('divide evenly spread rows into bins of the same size', () => {
    const even = Array.from({ length: 4000 }, (_, i) => (i + 0.5) / 40);
    const [edges] = binEdgesOf(counted(gridFor(0, 100, 256), even), 8);
    const sizes = new Array<number>(8).fill(0);
    for (const value of even) sizes[binOf(edges!, value)]! += 1;
    for (const size of sizes) expect(Math.abs(size - 500)).toBeLessThan(20);
  });

  it('give zeros a bin of their own where they are many, and share the others out', () => {
    const values = [...new Array<number>(900).fill(0), ...Array.from({ length: 100 }, (_, i) => 1 + i / 25)];
    const grid = gridFor(0, 5, 256);
    const [edges] = binEdgesOf(counted(grid, values), 6);
    expect(edges![0]).toBe(cellStart(grid, 0, 1));
    expect(edges).toHaveLength(5);
    const sizes = new Array<number>(6).fill(0);
    for (const value of values) sizes[binOf(edges!, value)]! += 1;
    expect(sizes[0]).toBe(900);
    for (const size of sizes.slice(1)) expect(Math.abs(size - 20)).toBeLessThanOrEqual(2);
  });

  it('keep missing values apart from the known ones, where a model reads them', () => {
    const values = [...Array.from({ length: 300 }, (_, i) => i / 100), ...new Array<number>(300).fill(6)];
    const [edges] = binEdgesOf(counted(gridFor(0, 8, 64, 6), values), 4);
    const bins = new Set(values.filter((value) => value < 6).map((value) => binOf(edges!, value)));
    expect(bins.has(binOf(edges!, 6))).toBe(false);
  });

  it('are none where a feature never varies or nobody has a row', () => {
    expect(binEdgesOf(counted(gridFor(0, 1, 8), [0.5, 0.5]), 4)).toEqual([[]]);
    expect(binEdgesOf(counted(gridFor(0, 1, 8), [0, 0]), 4)).toEqual([[]]);
    expect(binEdgesOf(counted(gridFor(0, 1, 8), []), 4)).toEqual([[]]);
  });
});

describe('noisy counts', () => {
  it('become counts that could be true: none negative, and as many as there are rows', () => {
    const anyCounts = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(anyCounts, fc.double({ min: 1, max: 500, noNaN: true }), (noisy, total) => {
        const mended = consistentCounts(Float64Array.of(-1, ...noisy), total);
        expect(mended.every((count) => count >= 0)).toBe(true);
        expect(mended.reduce((sum, count) => sum + count, 0)).toBeCloseTo(total, 6);
      }),
    );
  });

  it('lose ups and downs that cancel, and nothing else', () => {
    expect([...consistentCounts(Float64Array.of(4, 3, -3, 3, -3, 6), 10)]).toEqual([4, 1.5, 0, 0, 0, 4.5]);
  });

  it('are left alone where nothing is impossible', () => {
    const counts = Float64Array.of(0, 3, 7);
    expect(consistentCounts(counts, 9)).toBe(counts);
  });

  it('still tell rows, shares and quantiles, though most cells are empty', () => {
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed);
      const values = Array.from({ length: 4000 }, () => 3 + random.normal() / 2);
      const { grid, counts } = counted(gridFor(0, 10, 256), values);
      const table = { grid, counts: Array.from(counts, (count) => count + 8 * random.normal()) };
      expect(Math.abs(rowCount(table) - 4000), `seed ${seed}`).toBeLessThan(600);
      expect(cellShares(table, 0).reduce((sum, share) => sum + share, 0)).toBeCloseTo(1);
      for (const share of [0.1, 0.25, 0.5, 0.75, 0.9]) {
        const error = quantileOf(table, 0, share) - exactQuantile(values, share);
        // Cutting off what is negative would be wrong by a third.
        expect(Math.abs(error), `seed ${seed}, quantile ${share}`).toBeLessThan(0.1);
      }
    }
  });
});
