/**
 * Segments of people by Lloyd's iteration over secure sums: each round, everybody adds their point to the centre nearest to
 * it, and a centre moves to the mean of what was added. With noise this is DP-Lloyd (A. Blum et al., Practical Privacy: The SuLQ
 * Framework, PODS 2005; D. Su et al., Differentially Private k-Means Clustering, CODASPY 2016, for starting points
 * and for how counts and sums share the noise).
 *
 * What comes of it is a `centroids` model: a device finds its own segment, and nobody else learns which that is. Without
 * noise points are counted in whole steps of the grid, so centres are, bit for bit, those of a Lloyd that has all rows.
 */

import * as z from 'zod/mini';
import { exactClipNorm } from '../encoding/layout.ts';
import { nearestCentroid } from '../models/centroids.ts';
import type { CentroidsSpec } from '../models/spec.ts';
import type { Standardization } from '../models/standardize.ts';
import { defineAlgorithm, type LearnedModel, type Summary } from './algorithm.ts';
import { floatVector } from './float-vector.ts';
import { hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';
import { noiseReach } from './noise-tail.ts';
import { exactStep } from './row-gradients.ts';
import { columnsFit, scaleColumns, scaledColumns } from './scaled-columns.ts';
import { spherePacking } from './sphere-packing.ts';

const shared = {
  ...scaledColumns,
  /** Rows that one device may add; of more, it adds a random choice. One segments people, more segment rows. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 1),
};

const config = z
  .strictObject({
    ...shared,
    segments: z.int().check(z.minimum(2), z.maximum(64)),
    /** Fewer end it where centres no longer move. */
    rounds: z._default(z.int().check(z.positive()), 10),
    /** Where centres begin, in encoded units, one number per column; spread by chance unless given. */
    start: z.optional(z.array(z.array(z.number()))),
  })
  .check(
    columnsFit,
    z.refine(
      ({ start, segments, columns }) =>
        !start || (start.length === segments && start.every(({ length }) => length === columns.length)),
      'start: not one point per segment with one number per column',
    ),
  );

const centers = {
  /** Segment after segment, one number in [−1, 1] per column. */
  centers: floatVector,
  /** With noise, counts get less of the budget than sums, and distances are not asked for. */
  isNoisy: z.boolean(),
};
const broadcast = z.strictObject({ ...shared, ...centers }).check(
  columnsFit,
  z.refine(
    ({ centers, columns }) => centers.length > 0 && centers.length % columns.length === 0,
    'centers: not one number per column each',
  ),
);

const state = z.strictObject({
  config,
  ...centers,
  round: z.int().check(z.nonnegative()),
  /** People in each segment at the last round. */
  sizes: z.array(z.number()),
  /** Sum of squared distances to the nearest centre, before centres moved; 0 where it is not asked for. */
  inertia: z.number(),
  /** The longest way of a centre in the last round. */
  moved: z.number(),
});

export type KMeansConfig = z.infer<typeof config>;
export type KMeansBroadcast = z.infer<typeof broadcast>;
export type KMeansState = z.infer<typeof state>;
type Name = 'counts' | 'sums' | 'inertia';

export const kMeans = defineAlgorithm<KMeansConfig, KMeansState, KMeansBroadcast, Pick<LabelledRow, 'features'>, Name>({
  name: 'k-means/1',
  config,
  state,
  broadcast,

  init(config, random, terms) {
    const { segments, columns, start } = config;
    const centers = start
      ? Float32Array.from(start.flatMap((point) => scaledStart(point, config)))
      : spherePacking(segments, columns.length, random);
    const isNoisy = terms !== undefined && terms.noiseMultiplier > 0;
    return {
      ...{ config, centers, isNoisy, round: 0 },
      ...{ sizes: new Array<number>(segments).fill(0), inertia: 0, moved: Number.MAX_VALUE },
    };
  },

  publish: ({ config: { bounds, columns, maxRows }, centers, isNoisy }) => ({
    ...{ bounds, columns, maxRows, centers, isNoisy },
  }),

  layout({ columns: { length: width }, centers, maxRows, isNoisy }) {
    const count = centers.length / width;
    // At the longest all points of a device lie in one segment, and in one corner of the space.
    const norms = { counts: maxRows, sums: maxRows * Math.sqrt(width) };
    if (isNoisy)
      return [
        { name: 'counts', length: count, clipNorm: norms.counts, weight: countsWeight(width) },
        { name: 'sums', length: count * width, clipNorm: norms.sums },
      ];
    return [
      { name: 'counts', length: count, clipNorm: exactClipNorm(norms.counts) },
      { name: 'sums', length: count * width, clipNorm: exactClipNorm(norms.sums) },
      { name: 'inertia', length: 1, clipNorm: inertiaNorm(maxRows, width) },
    ];
  },

  async contribute(broadcast, examples, { random }) {
    const { centers, columns, maxRows, isNoisy } = broadcast;
    const width = columns.length;
    const spec = specOf(centers, width);
    const step = exactStep(exactClipNorm(maxRows * Math.sqrt(width)));
    const farStep = exactStep(inertiaNorm(maxRows, width));
    const counts = new Float32Array(spec.count);
    const sums = new Float32Array(centers.length);
    const inertia = new Float32Array(isNoisy ? 0 : 1);
    for (const { features } of sampleRows(examples.filter(hasFiniteFeatures), maxRows, random)) {
      const point = Float32Array.from(scaleColumns(features, broadcast), (value) => Math.round(value / step) * step);
      const segment = nearestCentroid(spec, centers, point);
      counts[segment]! += 1;
      point.forEach((value, i) => {
        sums[segment * width + i]! += value;
      });
      if (!isNoisy) inertia[0]! += Math.round(squaredDistance(point, centers, segment) / farStep) * farStep;
    }
    return { counts, sums, inertia };
  },

  update(state, { sums, noiseStd }) {
    const width = state.config.columns.length;
    const counts = Array.from(sums.counts);
    const sizes = counts.map((count) => Math.max(0, count));
    const centers = movedCenters(state.centers, { counts, sums: sums.sums, noiseStd: noiseStd.counts });
    return {
      ...state,
      ...{ round: state.round + 1, sizes, centers, moved: longestWay(state.centers, centers, width) },
      inertia: sums.inertia?.[0] ?? 0,
    };
  },

  isDone: ({ config, round, moved }) => round >= config.rounds || moved === 0,

  model: (state) => (state.round === 0 ? undefined : modelOf(state)),

  summary: summarize,
});

/** Chance that a segment in which nobody is moves by noise alone. */
const strayChance = 0.01;

/**
 * A centre moves to the mean of its points. One that nobody is surely near goes half the way to where most people are, round
 * after round until it takes some of them over: left where it is, a start in an empty region would cost a segment.
 */
function movedCenters(
  before: Float32Array,
  { counts, sums, noiseStd }: { counts: readonly number[]; sums: Float64Array; noiseStd: number },
): Float32Array<ArrayBuffer> {
  const width = before.length / counts.length;
  const least = Math.max(1, noiseReach(noiseStd, { sums: counts.length, chance: strayChance }));
  const mean = (segment: number, i: number) => Math.max(-1, Math.min(1, sums[segment * width + i]! / counts[segment]!));
  const largest = counts.indexOf(Math.max(...counts));
  if (counts[largest]! < least) return Float32Array.from(before);
  return Float32Array.from(before, (value, at) => {
    const [segment, i] = [Math.floor(at / width), at % width];
    return counts[segment]! >= least ? mean(segment, i) : (value + mean(largest, i)) / 2;
  });
}

function longestWay(before: Float32Array, after: Float32Array, width: number): number {
  const ways = Array.from({ length: before.length / width }, (_, segment) =>
    squaredDistance(before.subarray(segment * width, (segment + 1) * width), after, segment),
  );
  return Math.sqrt(Math.max(...ways));
}

function squaredDistance(point: Float32Array, centers: Float32Array, segment: number): number {
  return point.reduce((sum, value, i) => sum + (value - centers[segment * point.length + i]!) ** 2, 0);
}

/**
 * The model reads whole rows: columns that do not count have no spread, so they are 0 for everybody. Its unit is the spread
 * of people around their centres where that is known, which makes its probabilities those of a mixture of such Gaussians.
 */
function modelOf(state: KMeansState): LearnedModel {
  const { bounds, columns } = state.config;
  const [width, inputs] = [columns.length, bounds.lower.length];
  const unit = spreadOf(state);
  const spec = { ...specOf(state.centers, width), inputs };
  const parameters = new Float32Array(spec.count * inputs);
  state.centers.forEach((value, at) => {
    parameters[Math.floor(at / width) * inputs + columns[at % width]!] = value / unit;
  });
  const half = bounds.lower.map((low, i) => (bounds.upper[i]! - low) / 2);
  const standardization: Standardization = {
    mean: bounds.lower.map((low, i) => low + half[i]!),
    std: half.map((value, i) => (columns.includes(i) ? value * unit : 0)),
    // Where the bounds are: as in `contribute`, what is beyond counts as there.
    clip: 1 / unit,
  };
  return { spec, parameters, standardization };
}

/** Nearer than this nobody can tell points of the grid apart. */
const leastSpread = 1e-3;

function spreadOf({ config, inertia, sizes }: KMeansState): number {
  const points = sizes.reduce((sum, size) => sum + size, 0);
  return inertia > 0 ? Math.max(leastSpread, Math.sqrt(inertia / (points * config.columns.length))) : 1;
}

/** Sizes and centres, these in encoded units and numbered as rows number their features. */
function summarize(state: KMeansState): Summary {
  const { config, sizes, round, inertia, moved, isNoisy } = state;
  const figures = centersOf(state).flatMap((center, segment) => [
    [`segment ${segment} size`, sizes[segment]!] as const,
    ...center.map((value, i) => [`segment ${segment} feature ${config.columns[i]}`, value] as const),
  ]);
  const known = round === 0 ? {} : { moved, ...(isNoisy ? {} : { inertia }) };
  return { round, ...known, ...Object.fromEntries(figures) };
}

/** The centres in encoded units, one number per column. */
export function centersOf({ config: { bounds, columns }, centers }: KMeansState): number[][] {
  const width = columns.length;
  return Array.from({ length: centers.length / width }, (_, segment) =>
    columns.map((column, i) => {
      const [low, high] = [bounds.lower[column]!, bounds.upper[column]!];
      return low + ((high - low) * (centers[segment * width + i]! + 1)) / 2;
    }),
  );
}

function scaledStart(point: readonly number[], { bounds, columns }: KMeansConfig): number[] {
  const row = new Float32Array(bounds.lower.length);
  columns.forEach((column, i) => {
    row[column] = point[i]!;
  });
  return Array.from(scaleColumns(row, { bounds, columns }));
}

function specOf(centers: Float32Array, width: number): CentroidsSpec {
  return { family: 'centroids', inputs: width, count: centers.length / width };
}

/** Where a coordinate lies on average, as a share of its half range: Su et al. take .225 for unknown data. */
const usualCoordinate = 0.225;

/**
 * The weight of counts beside sums of weight 1 under which centres are hit best. Noise moves a coordinate c of a centre by
 * (σ_sums + c·σ_counts)/n, so with Gaussian noise in d columns the squared weights stand as usualCoordinate to √d.
 */
function countsWeight(columns: number): number {
  return Math.sqrt(usualCoordinate / Math.sqrt(columns));
}

/** No two points of the space are farther apart than 2√width. */
function inertiaNorm(maxRows: number, width: number): number {
  return exactClipNorm(4 * maxRows * width);
}
