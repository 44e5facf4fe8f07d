/**
 * Where people are close together, whatever the shape: the form that DBSCAN (M. Ester et al., KDD 1996) takes where nobody may
 * see points. Space is cut into cells, as in CLIQUE (R. Agrawal et al., SIGMOD 1998); one secure sum counts them; cells with
 * enough people are dense, and dense cells that touch are one cluster. A device looks up its own cell, and nobody learns
 * which that is. Between points of one cell no distances are known, so a cell's side stands for DBSCAN's radius.
 *
 * Which cells are dense depends on few people at the rim of a cluster, so under noise a label of one person means little;
 * how far clusters reach, and how many there are, holds.
 */

import * as z from 'zod/mini';
import { invariant } from '../errors.ts';
import { defineAlgorithm, type Summary } from './algorithm.ts';
import { hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';
import { noiseReach } from './noise-tail.ts';
import { columnsFit, type ScaledColumns, scaleColumns, scaledColumns } from './scaled-columns.ts';

/** What devices can reasonably mask and send: 4 bytes each. */
const mostCells = 524_288;

const question = {
  ...scaledColumns,
  /** Along each column, equally wide between its bounds: the finer, the more people clusters take. */
  cells: z.int().check(z.minimum(2), z.maximum(1024)),
  /** Rows that one device may add; of more, it adds a random choice. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 1),
};
const cellsFit = z.refine<{ readonly cells: number; readonly columns: readonly number[] }>(
  ({ cells, columns }) => cells ** columns.length <= mostCells,
  'too many cells in all: ask for fewer per column, or for fewer columns',
);
const broadcast = z.strictObject(question).check(columnsFit, cellsFit);
const config = z
  .strictObject({
    ...question,
    /** Rows in a dense cell, at the least. */
    minPoints: z.int().check(z.positive()),
    rounds: z._default(z.int().check(z.positive()), 1),
  })
  .check(columnsFit, cellsFit);
const state = z.strictObject({
  config,
  round: z.int().check(z.nonnegative()),
  counts: z.array(z.number()),
  /** Of the noise in each count. */
  noiseVariance: z.number(),
});

/** What a device needs to find its own cluster: the result of a task that is done. */
export const densityMap = z
  .strictObject({
    ...scaledColumns,
    cells: question.cells,
    /** Cell numbers of each cluster, ascending; the largest cluster first. */
    clusters: z.array(z.array(z.int().check(z.nonnegative(), z.maximum(mostCells)))),
  })
  .check(columnsFit, cellsFit);

export type DensityConfig = z.infer<typeof config>;
export type DensityBroadcast = z.infer<typeof broadcast>;
export type DensityState = z.infer<typeof state>;
export type DensityMap = z.infer<typeof densityMap>;

type Row = Pick<LabelledRow, 'features'>;

export const density = defineAlgorithm<DensityConfig, DensityState, DensityBroadcast, Row, 'counts'>({
  name: 'density/1',
  config,
  state,
  broadcast,

  init: (config) => ({ config, round: 0, counts: new Array<number>(cellCount(config)).fill(0), noiseVariance: 0 }),

  publish: ({ config: { minPoints: _, rounds: __, ...question } }) => question,

  // At the longest all rows of a device lie in one cell.
  layout: (broadcast) => [{ name: 'counts', length: cellCount(broadcast), clipNorm: broadcast.maxRows, isExact: true }],

  async contribute(broadcast, examples, { random }) {
    const counts = new Float32Array(cellCount(broadcast));
    for (const { features } of sampleRows(examples.filter(hasFiniteFeatures), broadcast.maxRows, random))
      counts[cellOf(features, broadcast)]! += 1;
    return { counts };
  },

  update: (state, { sums, noiseStd }) => ({
    ...state,
    round: state.round + 1,
    counts: state.counts.map((count, cell) => count + sums.counts[cell]!),
    noiseVariance: state.noiseVariance + noiseStd.counts ** 2,
  }),

  isDone: ({ config, round }) => round >= config.rounds,

  summary: summarize,

  // No cell is in two clusters: at most 3.6 MB.
  result: (state) => densityMapOf(state),
});

/** Chance that noise alone makes any cell dense in which there are too few people. */
const strayChance = 0.01;

/** Rows from which on a cell is dense: with noise as many more as noise can feign. */
export function denseFrom({ config, counts, noiseVariance }: DensityState): number {
  return config.minPoints + noiseReach(Math.sqrt(noiseVariance), { sums: counts.length, chance: strayChance });
}

export function densityMapOf(state: DensityState): DensityMap {
  const { bounds, columns, cells } = state.config;
  return { bounds, columns, cells, clusters: clustersOf(state) };
}

/** @returns on a device, which cluster its row is in: 0 is the largest; undefined where people are few */
export function clusterAt(map: DensityMap, features: Float32Array): number | undefined {
  const cell = cellOf(features, map);
  const cluster = map.clusters.findIndex((own) => own.includes(cell));
  return cluster < 0 ? undefined : cluster;
}

type Grid = ScaledColumns & { readonly cells: number };

function cellCount({ cells, columns }: Pick<Grid, 'cells' | 'columns'>): number {
  return cells ** columns.length;
}

/** The first column counts most: cells that differ in the last alone have adjacent numbers. */
function cellOf(features: Float32Array, grid: Grid): number {
  return scaleColumns(features, grid).reduce((cell, value) => {
    const place = Math.min(grid.cells - 1, Math.floor((grid.cells * (value + 1)) / 2));
    return cell * grid.cells + place;
  }, 0);
}

/** Dense cells that touch, if only at a corner, from the largest cluster to the smallest; the first cell breaks ties. */
function clustersOf(state: DensityState): number[][] {
  const { config, counts } = state;
  const least = denseFrom(state);
  const left = new Set([...counts.keys()].filter((cell) => counts[cell]! >= least));
  const clusters: number[][] = [];
  for (const first of left) {
    const cluster = [first];
    left.delete(first);
    for (const cell of cluster)
      for (const neighbour of neighboursOf(cell, config)) if (left.delete(neighbour)) cluster.push(neighbour);
    clusters.push(cluster.sort((a, b) => a - b));
  }
  return clusters.sort((a, b) => sizeOf(b, counts) - sizeOf(a, counts));
}

/** The cells around one, itself among them. */
function neighboursOf(cell: number, { cells, columns }: Pick<Grid, 'cells' | 'columns'>): number[] {
  const around = columns.reduce<{ found: number[]; stride: number; rest: number }>(
    ({ found, stride, rest }) => {
      const place = rest % cells;
      const steps = [-1, 0, 1].filter((step) => place + step >= 0 && place + step < cells);
      return {
        found: found.flatMap((other) => steps.map((step) => other + step * stride)),
        stride: stride * cells,
        rest: (rest - place) / cells,
      };
    },
    { found: [cell], stride: 1, rest: cell },
  );
  return around.found;
}

function sizeOf(cluster: readonly number[], counts: readonly number[]): number {
  return cluster.reduce((sum, cell) => sum + counts[cell]!, 0);
}

/** Figures of so many clusters are told; the map holds all. */
const clustersTold = 20;

/** How many clusters there are, and of each its people, its cells, and how far it reaches in encoded units. */
function summarize(state: DensityState): Summary {
  const { config, counts, round } = state;
  if (round === 0) return { round };
  const clusters = clustersOf(state);
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const within = clusters.reduce((sum, cluster) => sum + sizeOf(cluster, counts), 0);
  const told = clusters.slice(0, clustersTold).flatMap((cluster, i) => [
    [`cluster ${i} size`, sizeOf(cluster, counts)] as const,
    [`cluster ${i} cells`, cluster.length] as const,
    ...config.columns.flatMap((column, place) => {
      const { from, to } = spanOf(cluster, place, config);
      return [
        [`cluster ${i} feature ${column} from`, from] as const,
        [`cluster ${i} feature ${column} to`, to] as const,
      ];
    }),
  ]);
  return { round, rows, clusters: clusters.length, denseFrom: denseFrom(state), within, ...Object.fromEntries(told) };
}

/** Where a cluster begins and ends along one of the columns. */
function spanOf(
  cluster: readonly number[],
  place: number,
  { bounds, columns, cells }: DensityConfig,
): { readonly from: number; readonly to: number } {
  invariant(cluster.length > 0, 'a cluster has a cell');
  const stride = cells ** (columns.length - 1 - place);
  const places = cluster.map((cell) => Math.floor(cell / stride) % cells);
  const [low, high] = [bounds.lower[columns[place]!]!, bounds.upper[columns[place]!]!];
  const edge = (at: number) => low + ((high - low) * at) / cells;
  // Spread would put a large cluster on the stack.
  const least = places.reduce((a, b) => Math.min(a, b));
  const most = places.reduce((a, b) => Math.max(a, b));
  return { from: edge(least), to: edge(most + 1) };
}
