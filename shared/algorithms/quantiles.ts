/**
 * Quantiles of every feature over everybody's rows, read off the grid that a histogram counts in one secure sum. Medians
 * for imputation and edges for bins come from the same counts (`gridCountsOf(state.counted)`).
 */

import * as z from 'zod/mini';
import { featureGrid } from '../features/feature-grid.ts';
import { quantileOf } from '../features/grid-counts.ts';
import { defineAlgorithm, type Summary } from './algorithm.ts';
import { gridCountsOf, type HistogramBroadcast, histogram } from './histogram.ts';
import type { LabelledRow } from './labelled-row.ts';

const share = z.number().check(z.minimum(0), z.maximum(1));
const asked = {
  /** Shares of rows that shall lie at or below the values sought. */
  quantiles: z._default(z.array(share).check(z.minLength(1), z.maxLength(100)), [0.25, 0.5, 0.75]),
  /** What figures call the features; their numbers from 0 unless given. */
  names: z.optional(z.array(z.string().check(z.minLength(1), z.maxLength(64)))),
};
const config = z
  .strictObject({
    ...asked,
    grid: featureGrid,
    /** Rows that one device may add; of more, it adds a random choice. */
    maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 50),
    rounds: z._default(z.int().check(z.positive()), 1),
  })
  .check(
    z.refine(({ names, grid }) => !names || names.length === grid.bounds.lower.length, 'names: not one per feature'),
  );
const state = z.strictObject({ ...asked, counted: histogram.state });

export type QuantilesConfig = z.infer<typeof config>;
export type QuantilesState = z.infer<typeof state>;

export const quantiles = defineAlgorithm<QuantilesConfig, QuantilesState, HistogramBroadcast, LabelledRow, 'counts'>({
  name: 'quantiles/1',
  config,
  state,
  broadcast: histogram.broadcast,

  init: ({ quantiles, names, ...question }, random) => ({
    quantiles,
    ...(names && { names }),
    counted: histogram.init({ ...question, perLabel: false }, random),
  }),

  publish: ({ counted }) => histogram.publish(counted),
  layout: histogram.layout,
  contribute: histogram.contribute,
  update: (state, aggregate) => ({ ...state, counted: histogram.update(state.counted, aggregate) }),
  isDone: ({ counted }) => histogram.isDone(counted),
  summary: summarize,
});

/** A feature of which nothing is known has no figures. */
function summarize({ quantiles, names, counted }: QuantilesState): Summary {
  const table = gridCountsOf(counted);
  const figures = counted.config.grid.bounds.lower.flatMap((_, feature) =>
    quantiles.map((share) => [`${names?.[feature] ?? feature} q${share}`, quantileOf(table, feature, share)] as const),
  );
  const known = figures.filter(([, value]) => Number.isFinite(value));
  return { ...histogram.summary(counted), ...Object.fromEntries(known) };
}
