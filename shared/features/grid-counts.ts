/** What can be read off the counts of a grid: shares, quantiles, medians and bin edges, without noise or under it. */

import { consistentCounts } from './consistent-counts.ts';
import { cellOf, cellStart, type FeatureGrid } from './feature-grid.ts';

/** Everybody's rows over a grid, as one secure sum decodes: `countsLength(grid)` numbers, which noise may bring below 0. */
export type GridCounts = { readonly grid: FeatureGrid; readonly counts: ArrayLike<number> };

/** Rows counted. Every feature counts the same rows, so the mean over features keeps the least noise. */
export function rowCount({ grid, counts }: GridCounts): number {
  return Math.max(0, sum(Float64Array.from(counts)) / grid.bounds.lower.length);
}

/** Share of a feature's rows in each cell and, after the cells, the share whose value is missing; NaN without rows. */
export function cellShares(table: GridCounts, feature: number): Float64Array {
  const counts = countsOf(table, feature);
  const rows = sum(counts);
  return counts.map((count) => count / rows);
}

/**
 * The value that a share `quantile` of a feature's known values does not exceed; within a cell of the exact one without
 * noise. Rows are taken to lie evenly in their cell, but for the outermost two: there the bound itself stands for all,
 * since values beyond it were moved there and a count's zeros lie on it.
 *
 * @returns NaN if no value is known
 */
export function quantileOf(table: GridCounts, feature: number, quantile: number): number {
  const cells = countsOf(table, feature).subarray(0, -1);
  const target = quantile * sum(cells);
  let below = 0;
  for (let cell = 0; cell < cells.length; cell++) {
    const count = cells[cell]!;
    if (count > 0 && below + count >= target) return valueWithin(table.grid, feature, cell, (target - below) / count);
    below += count;
  }
  // Only rounding can leave a target above the sum of all cells.
  return below > 0 ? cellStart(table.grid, feature, cells.length) : Number.NaN;
}

/** Per feature the middle of its known values, as rows hold it; NaN where nothing is known. */
export function mediansOf(table: GridCounts): number[] {
  return table.grid.bounds.lower.map((_, feature) => quantileOf(table, feature, 0.5));
}

/**
 * Per feature at most `bins` − 1 ascending edges, between which about as many rows lie; a value is in the bin whose number
 * is how many edges it reaches. Edges lie between cells, so that counts of cells add up to counts of bins. Where many rows
 * lie in the lowest cell, as of a count that is mostly zero, they are a bin of their own. Rows whose value is missing count
 * where the constant for it lies, as they do when a model reads them.
 *
 * @param bins at least 2
 */
export function binEdgesOf(table: GridCounts, bins: number): number[][] {
  return table.grid.bounds.lower.map((_, feature) =>
    binStarts(countsAsRead(table, feature), bins).map((cell) => cellStart(table.grid, feature, cell)),
  );
}

function valueWithin(grid: FeatureGrid, feature: number, cell: number, share: number): number {
  if (cell === 0) return grid.bounds.lower[feature]!;
  if (cell === grid.cells - 1) return grid.bounds.upper[feature]!;
  const start = cellStart(grid, feature, cell);
  return start + share * (cellStart(grid, feature, cell + 1) - start);
}

/** The cells at whose start a bin begins, ascending. */
function binStarts(cells: Float64Array, bins: number): number[] {
  const total = sum(cells);
  const hasZeroBin = cells[0]! >= total / (2 * bins) && cells[0]! < total;
  const starts = hasZeroBin ? [1] : [];
  let [inBin, left] = [0, hasZeroBin ? total - cells[0]! : total];
  for (let cell = starts.length; cell < cells.length && starts.length + 1 < bins; cell++) {
    const count = cells[cell]!;
    const share = left / (bins - starts.length);
    // A bin ends where it comes nearer to its share of what is left without the next rows than with them.
    if (count > 0 && inBin > 0 && share - inBin <= inBin + count - share) {
      starts.push(cell);
      left -= inBin;
      inBin = 0;
    }
    inBin += count;
  }
  return starts;
}

/** A feature's cells as a model meets them, in which a missing value is a constant like any other. */
export function countsAsRead(table: GridCounts, feature: number): Float64Array {
  const counts = countsOf(table, feature);
  const cells = counts.subarray(0, -1);
  const constant = table.grid.missing?.[feature] ?? null;
  if (constant !== null) cells[cellOf(table.grid, feature, constant)]! += counts.at(-1)!;
  return cells;
}

/** A feature's own counts, mended where noise made them impossible: its cells, then its missing values. */
function countsOf(table: GridCounts, feature: number): Float64Array {
  const length = table.grid.cells + 1;
  const counts = Float64Array.from({ length }, (_, cell) => table.counts[feature * length + cell]!);
  return consistentCounts(counts, rowCount(table));
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}
