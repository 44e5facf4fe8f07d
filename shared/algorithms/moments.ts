/** Mean and spread of every feature over everybody's rows, from one secure sum of (n, Σx, Σx²). */

import * as z from 'zod/mini';
import { invariant } from '../errors.ts';
import { type FeatureBounds, featureBounds } from '../features/feature-bounds.ts';
import { type Standardization, standardizationOf } from '../models/standardize.ts';
import { defineAlgorithm } from './algorithm.ts';
import { hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';

const config = z.strictObject({
  bounds: featureBounds,
  /** Rows that one device may add; of more, it adds a random choice. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 50),
  rounds: z._default(z.int().check(z.positive()), 1),
});
const broadcast = z.omit(config, { rounds: true });
const state = z.strictObject({
  config,
  round: z.int().check(z.nonnegative()),
  count: z.number(),
  /** Of features scaled to [−1, 1] by their bounds. */
  sums: z.array(z.number()),
  squares: z.array(z.number()),
});

export type MomentsConfig = z.infer<typeof config>;
export type MomentsBroadcast = z.infer<typeof broadcast>;
export type MomentsState = z.infer<typeof state>;

/** Only the features of a row matter here. */
export type FeatureRow = Pick<LabelledRow, 'features'>;
type Name = 'count' | 'sums' | 'squares';

export const moments = defineAlgorithm<MomentsConfig, MomentsState, MomentsBroadcast, FeatureRow, Name>({
  name: 'moments/1',
  config,
  state,
  broadcast,

  init(config) {
    const zeros = config.bounds.lower.map(() => 0);
    return { config, round: 0, count: 0, sums: zeros, squares: zeros };
  },

  publish: ({ config: { bounds, maxRows } }) => ({ bounds, maxRows }),

  layout({ bounds, maxRows }) {
    const width = bounds.lower.length;
    // Scaled features are at most 1 in size, so neither sum is longer than maxRows·√width: nothing honest is clipped.
    const vector = { length: width, clipNorm: maxRows * Math.sqrt(width), isExact: true };
    return [
      { name: 'count', length: 1, clipNorm: maxRows, isExact: true },
      { name: 'sums', ...vector },
      { name: 'squares', ...vector },
    ];
  },

  async contribute({ bounds, maxRows }, examples, { random }) {
    const rows = sampleRows(examples.filter(hasFiniteFeatures), maxRows, random);
    const scaled = rows.map(({ features }) => scaleToBounds(features, bounds));
    const sum = (of: (value: number) => number) =>
      Float32Array.from(bounds.lower, (_, i) => scaled.reduce((total, row) => total + of(row[i]!), 0));
    return { count: Float32Array.of(rows.length), sums: sum((x) => x), squares: sum((x) => x * x) };
  },

  update(state, { sums }) {
    return {
      ...state,
      round: state.round + 1,
      count: state.count + sums.count[0]!,
      sums: state.sums.map((sum, i) => sum + sums.sums[i]!),
      squares: state.squares.map((sum, i) => sum + sums.squares[i]!),
    };
  },

  isDone: ({ config, round }) => round >= config.rounds,

  summary: ({ round, count }) => ({ round, rows: count }),
});

/** Scaled spreads below this are what rounding leaves of a feature that never varies. */
const leastSpread = 1e-3;

/**
 * How to standardise with what was learned. A feature whose spread is below a two-thousandth of its declared range gets 0:
 * nothing is known about it.
 *
 * @param clip largest absolute standardised value
 * @throws RangeError if no row was counted
 */
export function standardizationOfMoments({ config, ...state }: MomentsState, clip = 4): Standardization {
  const scaled = standardizationOf({ count: state.count, sums: state.sums, sumsOfSquares: state.squares }, clip);
  const { lower, upper } = config.bounds;
  const half = lower.map((low, i) => (upper[i]! - low) / 2);
  return {
    mean: scaled.mean.map((mean, i) => lower[i]! + half[i]! * (mean + 1)),
    std: scaled.std.map((std, i) => (std < leastSpread ? 0 : half[i]! * std)),
    clip,
  };
}

/** Each feature moved into its bounds, then to [−1, 1]: of that size, sums of features are equally precise. */
function scaleToBounds(features: Float32Array, { lower, upper }: FeatureBounds): Float64Array {
  invariant(features.length === lower.length, 'a row has one number per declared feature');
  return Float64Array.from(features, (value, i) => {
    const share = (value - lower[i]!) / (upper[i]! - lower[i]!);
    return 2 * Math.max(0, Math.min(1, share)) - 1;
  });
}
