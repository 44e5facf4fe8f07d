/**
 * For sums under noise, what `moments/1` is for exact ones: where features lie and how far they spread, asked so that a little noise suffices: every device counts the same and
 * sends means over its own rows, as distances from centres that are known already. The first asking knows only the declared
 * bounds and finds centres; the second measures spreads around them, which are short vectors and so need little noise.
 */

import * as z from 'zod/mini';
import { invariant } from '../errors.ts';
import type { Standardization } from '../models/standardize.ts';
import { defineAlgorithm } from './algorithm.ts';
import { hasFiniteFeatures, type LabelledRow } from './labelled-row.ts';

const column = z.array(z.number()).check(z.minLength(1), z.maxLength(65_536));

const shared = {
  /** Declared, never learned. Columns are the features and, last, the label. */
  lower: column,
  upper: column,
  /** In [−1, 1], the scale to which the bounds bring every column. */
  centers: column,
  /** Longest mean distance and longest mean square of one device; without the second, squares are not asked for. */
  clipNorms: z.strictObject({
    distances: z.number().check(z.positive()),
    squares: z.optional(z.number().check(z.positive())),
  }),
};
type Shared = { lower: number[]; upper: number[]; centers: number[] };
const columnsFit = z.refine<Shared>(
  ({ lower, upper, centers }) =>
    upper.length === lower.length && centers.length === lower.length && lower.every((low, i) => low < upper[i]!),
  'lower, upper and centers: one of each per column, and every range from the lower to the upper',
);
const config = z.strictObject({ ...shared, rounds: z._default(z.int().check(z.positive()), 1) }).check(columnsFit);
const broadcast = z.strictObject(shared).check(columnsFit);
const state = z.strictObject({
  config,
  round: z.int().check(z.nonnegative()),
  contributors: z.int().check(z.nonnegative()),
  distances: z.array(z.number()),
  squares: z.array(z.number()),
  /** Of the noise in each sum of squares. */
  squaresVariance: z.number(),
});

export type DeviceMomentsConfig = z.infer<typeof config>;
export type DeviceMomentsBroadcast = z.infer<typeof broadcast>;
export type DeviceMomentsState = z.infer<typeof state>;
type Name = 'distances' | 'squares';

export const deviceMoments = defineAlgorithm<
  DeviceMomentsConfig,
  DeviceMomentsState,
  DeviceMomentsBroadcast,
  LabelledRow,
  Name
>({
  name: 'device-moments/1',
  config,
  state,
  broadcast,

  init(config) {
    const zeros = config.centers.map(() => 0);
    return { config, round: 0, contributors: 0, distances: zeros, squares: zeros, squaresVariance: 0 };
  },

  publish: ({ config: { rounds: _, ...shared } }) => shared,

  layout({ centers: { length }, clipNorms: { distances, squares } }) {
    const first = { name: 'distances', length, clipNorm: distances } as const;
    return squares === undefined ? [first] : [first, { name: 'squares', length, clipNorm: squares }];
  },

  async contribute(broadcast, rows) {
    const { centers, clipNorms } = broadcast;
    const scaled = rows.filter(hasFiniteFeatures).map((row) => scaledColumns(row, broadcast));
    const mean = (of: (distance: number) => number) =>
      Float32Array.from(centers, (center, i) => meanOf(scaled, (row) => of(row[i]! - center)));
    return {
      distances: mean((distance) => distance),
      squares: clipNorms.squares === undefined ? new Float32Array(0) : mean((distance) => distance * distance),
    };
  },

  update(state, { sums, contributors, noiseStd }) {
    const hasSquares = state.config.clipNorms.squares !== undefined;
    return {
      ...state,
      round: state.round + 1,
      contributors: state.contributors + contributors,
      distances: state.distances.map((sum, i) => sum + sums.distances[i]!),
      squares: hasSquares ? state.squares.map((sum, i) => sum + sums.squares[i]!) : state.squares,
      squaresVariance: state.squaresVariance + (hasSquares ? noiseStd.squares ** 2 : 0),
    };
  },

  isDone: ({ config, round }) => round >= config.rounds,

  summary: ({ round, contributors }) => ({ round, devices: contributors }),
});

/** Means of all columns as far as they are known now, in [−1, 1]: centres for the next asking. */
export function columnCentersOf({ config, contributors, distances }: DeviceMomentsState): number[] {
  return config.centers.map((center, i) => clamp(center + distances[i]! / contributors, -1, 1));
}

export type Preparation = {
  /** Of the features. */
  readonly standardization: Standardization;
  /** Mean label; noise can bring it to 0 or 1, so it is kept a hundredth away from them. */
  readonly baseRate: number;
};

/**
 * What training starts from. A spread below what the noise alone would show is raised to it: nobody can tell it from less,
 * and features blown up by a spread of chance would drown the others.
 */
export function preparationOf(state: DeviceMomentsState, clip = 4): Preparation {
  const { config, contributors, distances, squares, squaresVariance } = state;
  invariant(config.clipNorms.squares !== undefined, 'spreads come from squares');
  const leastVariance = Math.sqrt(squaresVariance) / contributors;
  const half = config.lower.map((low, i) => (config.upper[i]! - low) / 2);
  const mean = columnCentersOf(state).map((center, i) => config.lower[i]! + half[i]! * (center + 1));
  const std = half.map((unit, i) => {
    const variance = squares[i]! / contributors - (distances[i]! / contributors) ** 2;
    return unit * Math.sqrt(Math.max(0, leastVariance, variance));
  });
  return {
    standardization: { mean: mean.slice(0, -1), std: std.slice(0, -1), clip },
    baseRate: clamp(mean.at(-1)!, 0.01, 0.99),
  };
}

function scaledColumns({ features, label }: LabelledRow, { lower, upper }: DeviceMomentsBroadcast): Float64Array {
  invariant(features.length + 1 === lower.length, 'a row has one number per declared feature');
  return Float64Array.from(lower, (low, i) => {
    const value = i < features.length ? features[i]! : label;
    return 2 * clamp((value - low) / (upper[i]! - low), 0, 1) - 1;
  });
}

function meanOf(rows: readonly Float64Array[], of: (row: Float64Array) => number): number {
  return rows.length === 0 ? 0 : rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
}

function clamp(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
