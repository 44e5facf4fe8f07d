/**
 * How every feature is spread over everybody's rows, from one secure sum of a fixed grid of all features at once; of each
 * label by itself where that is asked for.
 */

import * as z from 'zod/mini';
import { invariant } from '../errors.ts';
import { countRows, countsLength, type FeatureGrid, featureGrid } from '../features/feature-grid.ts';
import type { GridCounts } from '../features/grid-counts.ts';
import { defineAlgorithm } from './algorithm.ts';
import { type LabelledRow, sampleRows } from './labelled-row.ts';

const question = {
  grid: featureGrid,
  /** Whether rows with label 0 and with label 1 are counted apart. */
  perLabel: z._default(z.boolean(), false),
  /** Rows that one device may add; of more, it adds a random choice. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 50),
};
const broadcast = z.strictObject(question);
const config = z.strictObject({ ...question, rounds: z._default(z.int().check(z.positive()), 1) });
const state = z.strictObject({
  config,
  round: z.int().check(z.nonnegative()),
  devices: z.int().check(z.nonnegative()),
  /** Counts of the whole grid; where labels are counted apart, of label 0 and then of label 1. */
  counts: z.array(z.number()),
});

export type HistogramConfig = z.infer<typeof config>;
export type HistogramBroadcast = z.infer<typeof broadcast>;
export type HistogramState = z.infer<typeof state>;

export const histogram = defineAlgorithm<HistogramConfig, HistogramState, HistogramBroadcast, LabelledRow, 'counts'>({
  name: 'histogram/1',
  config,
  state,
  broadcast,

  init: (config) => ({ config, round: 0, devices: 0, counts: new Array<number>(lengthOf(config)).fill(0) }),

  publish: ({ config: { rounds: _, ...question } }) => question,

  layout(broadcast) {
    const width = broadcast.grid.bounds.lower.length;
    // At the longest all rows of a device lie in one cell of every feature.
    const clipNorm = broadcast.maxRows * Math.sqrt(width);
    return [{ name: 'counts', length: lengthOf(broadcast), clipNorm, isExact: true }];
  },

  async contribute({ grid, perLabel, maxRows }, examples, { random }) {
    const rows = sampleRows(examples, maxRows, random);
    if (!perLabel) return { counts: countRows(grid, rows) };
    const counts = [0, 1].map((label) =>
      countRows(
        grid,
        rows.filter((row) => (row.label === 1 ? 1 : 0) === label),
      ),
    );
    return { counts: Float32Array.from(counts.flatMap((part) => [...part])) };
  },

  update: (state, { sums, contributors }) => ({
    ...state,
    round: state.round + 1,
    devices: state.devices + contributors,
    counts: state.counts.map((count, i) => count + sums.counts[i]!),
  }),

  isDone: ({ config, round }) => round >= config.rounds,

  summary: ({ config: { grid }, round, devices, counts }) => ({
    round,
    devices,
    rows: counts.reduce((sum, count) => sum + count, 0) / grid.bounds.lower.length,
  }),
});

/**
 * What was counted, ready to be read.
 *
 * @param label 0 or 1 for rows of that label alone, where labels were counted apart; all rows unless given
 */
export function gridCountsOf({ config: { grid, perLabel }, counts }: HistogramState, label?: 0 | 1): GridCounts {
  if (!perLabel) {
    invariant(label === undefined, 'labels were not counted apart');
    return { grid, counts };
  }
  const length = countsLength(grid);
  const [negatives, positives] = [counts.slice(0, length), counts.slice(length)];
  if (label !== undefined) return { grid, counts: label === 1 ? positives : negatives };
  return { grid, counts: negatives.map((count, i) => count + positives[i]!) };
}

function lengthOf({ grid, perLabel }: { readonly grid: FeatureGrid; readonly perLabel: boolean }): number {
  return countsLength(grid) * (perLabel ? 2 : 1);
}
