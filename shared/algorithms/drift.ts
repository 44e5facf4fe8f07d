/**
 * Whether a model still lives in the world that it was trained for, period by period, each from one secure sum: how far every
 * feature has moved (see `stability.ts`), whether people act as often as the scores say (the z of D. Cox, Two Further
 * Applications of a Model for Binary Regression, Biometrika 45, 1958), and whether the model predicts worse than it used
 * to, by a cumulative sum that small losses fill and luck empties (E. Page, Continuous Inspection Schemes, Biometrika 41, 1954).
 *
 * Features that move by themselves, such as tenure and whatever the calendar decides, get no edges and are not watched.
 */

import * as z from 'zod/mini';
import { consistentCounts } from '../features/consistent-counts.ts';
import { cellStart } from '../features/feature-grid.ts';
import { binEdgesOf, countsAsRead, type GridCounts } from '../features/grid-counts.ts';
import { binOf, binOffsets } from '../models/bins.ts';
import { predict } from '../models/predict.ts';
import { binEdges, isPropensity, type ModelSpec, modelSpec } from '../models/spec.ts';
import { standardization } from '../models/standardize.ts';
import { defineAlgorithm, type Summary } from './algorithm.ts';
import { floatVector } from './float-vector.ts';
import { batchOf, hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';
import { parametersFit, standardizationFits } from './model-checks.ts';
import { baseRateLogLoss, logLoss } from './score-metrics.ts';
import { stabilityByChance, stabilityIndex } from './stability.ts';

const watchedModel = z
  .strictObject({ spec: modelSpec, parameters: floatVector, standardization: z.optional(standardization) })
  .check(
    parametersFit,
    standardizationFits,
    z.refine<{ readonly spec: ModelSpec }>(({ spec }) => isPropensity(spec), 'only models with one probability drift'),
  );

const question = {
  /** Of the features as rows hold them. */
  edges: binEdges,
  /** Whose scores are held against what people did; features alone are watched without. */
  model: z.optional(watchedModel),
  /** Rows that one device may add to a period; of more, it adds a random choice. What chance does is told for one. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 1),
};
const modelFits = z.refine<{ readonly edges: number[][]; readonly model?: { readonly spec: ModelSpec } | undefined }>(
  ({ edges, model }) => model === undefined || model.spec.inputs === edges.length,
  'model: reads another number of features than there are lists of edges',
);
const broadcast = z.strictObject(question).check(modelFits);

const config = z
  .strictObject({
    ...question,
    /** Per feature the rows in each bin when all was well: `driftReference` reads them off a grid. */
    reference: z.array(z.array(z.number().check(z.nonnegative()))),
    /** Log-loss skill of a period when all was well, and how far periods spread around it. */
    skill: z.optional(z.strictObject({ mean: z.number(), std: z.number().check(z.positive()) })),
    periods: z.int().check(z.positive(), z.maximum(10_000)),
  })
  .check(
    modelFits,
    z.refine(
      ({ edges, reference }) =>
        reference.length === edges.length && reference.every((counts, i) => counts.length === edges[i]!.length + 1),
      'reference: not one count per bin of every feature',
    ),
  );

const period = z.strictObject({
  rows: z.number(),
  /** Per feature. */
  stability: z.array(z.number()),
  /** Per feature, what chance hardly reaches. */
  chance: z.array(z.number()),
  /** Standard deviations by which people act more often than the scores say; undefined without a model. */
  calibration: z.optional(z.number()),
  /** 1 − log loss ÷ that of the period's own base rate. */
  skill: z.optional(z.number()),
  /** What the cumulative sum stands at, in standard deviations of a period's skill, its noise included. */
  lost: z.number(),
});
const state = z.strictObject({ config, periods: z.array(period) });

export type DriftConfig = z.infer<typeof config>;
export type DriftBroadcast = z.infer<typeof broadcast>;
export type DriftState = z.infer<typeof state>;
export type DriftPeriod = z.infer<typeof period>;
type Name = 'bins' | 'totals';

export const drift = defineAlgorithm<DriftConfig, DriftState, DriftBroadcast, LabelledRow, Name>({
  name: 'drift/1',
  config,
  state,
  broadcast,

  init: (config) => ({ config, periods: [] }),

  publish: ({ config: { edges, model, maxRows } }) => ({ edges, ...(model && { model }), maxRows }),

  layout({ edges, model, maxRows }) {
    // At the longest all rows of a device lie in one bin of every feature.
    const norm = maxRows * Math.sqrt(edges.length);
    const bins = { name: 'bins', length: binOffsets(edges).at(-1)!, clipNorm: norm, isExact: true } as const;
    if (model === undefined) return [bins];
    // None of the totals is above 1 a row.
    return [bins, { name: 'totals', length: totalCount, clipNorm: Math.sqrt(totalCount) * maxRows, isExact: true }];
  },

  async contribute({ edges, model, maxRows }, examples, { random }) {
    const rows = sampleRows(examples.filter(hasFiniteFeatures), maxRows, random);
    const offsets = binOffsets(edges);
    const bins = new Float32Array(offsets.at(-1)!);
    for (const { features } of rows)
      edges.forEach((own, i) => {
        bins[offsets[i]! + binOf(own, features[i]!)]! += 1;
      });
    return { bins, totals: model === undefined ? new Float32Array(0) : totalsOf(model, rows) };
  },

  update(state, { sums, noiseStd }) {
    const { edges, reference, model } = state.config;
    const offsets = binOffsets(edges);
    const rows = Math.max(0, sums.bins.reduce((sum, count) => sum + count, 0) / edges.length);
    const stability = reference.map((then, i) =>
      stabilityIndex(then, consistentCounts(sums.bins.slice(offsets[i], offsets[i + 1]), rows)),
    );
    const chance = reference.map((then) =>
      stabilityByChance(then, { rows: [total(then), rows], noiseStd: noiseStd.bins }),
    );
    const { skillNoise, ...judged }: Judgement =
      model === undefined ? {} : judgeModel(sums.totals, rows, noiseStd.totals);
    const lost = lostSkill(state, judged.skill, skillNoise);
    return { ...state, periods: [...state.periods, { rows, stability, chance, ...judged, lost }] };
  },

  isDone: ({ config, periods }) => periods.length >= config.periods,

  summary: summarize,
});

/** Positives, scores, variances of labels if scores are right, log losses as shares of the most that counts. */
const totalCount = 4;

/** In nats. What a score held for less likely than e^−8 counts as if it were: noise would be wide enough to cover more. */
const mostLoss = 8;

function totalsOf(
  { spec, parameters, standardization }: NonNullable<DriftBroadcast['model']>,
  rows: readonly LabelledRow[],
): Float32Array {
  const scores = predict(spec, parameters, batchOf(rows, spec.inputs, standardization).features);
  const totals = new Float32Array(totalCount);
  rows.forEach(({ label }, i) => {
    const [score, outcome] = [scores[i]!, label === 1 ? 1 : 0];
    const loss = Math.min(mostLoss, logLoss(score, outcome)) / mostLoss;
    [outcome, score, score * (1 - score), loss].forEach((value, at) => {
      totals[at]! += value;
    });
  });
  return totals;
}

type Judgement = Pick<DriftPeriod, 'calibration' | 'skill'> & { readonly skillNoise?: number };

/** Figures that a period without rows, or of one outcome only, cannot have are left out. */
function judgeModel(totals: Float64Array, rows: number, noiseStd: number): Judgement {
  const [positives, scores, variance, losses] = totals as unknown as [number, number, number, number];
  // Positives and scores each bring their noise.
  const calibration = (positives - scores) / Math.sqrt(Math.max(0, variance) + 2 * noiseStd ** 2);
  const rate = positives / rows;
  const worst = rows * baseRateLogLoss(rate);
  const skill = 1 - (losses * mostLoss) / worst;
  // To first order: what noise in the losses does, and what it does in the base rate.
  const slope = (1 - skill) * Math.log((1 - rate) / rate);
  const skillNoise = (noiseStd * Math.hypot(mostLoss, slope)) / worst;
  return {
    ...(Number.isFinite(calibration) && { calibration }),
    ...(Number.isFinite(skill) && Number.isFinite(skillNoise) && { skill, skillNoise }),
  };
}

/** Losses up to this much of a standard deviation are forgiven: half of the loss that is to be found soonest. */
const forgiven = 0.5;

/** A sum above this is alarming: where nothing changes it is reached once in some 900 periods. */
const mostLost = 5;

/** @param noise standard deviation that the sum's noise adds to the skill's own */
function lostSkill({ config, periods }: DriftState, skill: number | undefined, noise = 0): number {
  const before = periods.at(-1)?.lost ?? 0;
  if (config.skill === undefined || skill === undefined) return before;
  return Math.max(0, before + (config.skill.mean - skill) / Math.hypot(config.skill.std, noise) - forgiven);
}

/** From here on a feature has moved, if chance does not explain it. */
const movedFrom = 0.25;

/** Beyond so many standard deviations people do not act as the scores say: one period in 370. */
const mostCalibration = 3;

export type DriftAlarms = {
  /** Features, by their place in a row, that are no longer spread as they were. */
  readonly moved: readonly number[];
  readonly isMiscalibrated: boolean;
  readonly hasLostSkill: boolean;
};

/** What a period gives reason to look at. */
export function alarmsOf({ stability, chance, calibration = 0, lost }: DriftPeriod): DriftAlarms {
  return {
    moved: [...stability.keys()].filter((i) => stability[i]! > Math.max(movedFrom, chance[i]!)),
    isMiscalibrated: Math.abs(calibration) > mostCalibration,
    hasLostSkill: lost > mostLost,
  };
}

/** Of the last period. */
function summarize({ config, periods }: DriftState): Summary {
  const last = periods.at(-1);
  if (last === undefined) return { round: 0 };
  const { moved, isMiscalibrated, hasLostSkill } = alarmsOf(last);
  const watched = last.stability.flatMap((value, i) =>
    config.edges[i]!.length > 0 ? [[`stability of feature ${i}`, value] as const] : [],
  );
  return {
    round: periods.length,
    rows: last.rows,
    ...Object.fromEntries(watched),
    featuresMoved: moved.length,
    ...(last.calibration !== undefined && { calibration: last.calibration }),
    ...(last.skill !== undefined && { skill: last.skill }),
    lost: last.lost,
    alarms: moved.length + Number(isMiscalibrated) + Number(hasLostSkill),
  };
}

/**
 * What `drift/1` compares with, read off the grid that a histogram counted when all was well.
 *
 * @param unwatched features, by their place in a row, that move by themselves
 */
export function driftReference(
  table: GridCounts,
  { bins = 10, unwatched }: { readonly bins?: number; readonly unwatched: readonly number[] },
): Pick<DriftConfig, 'edges' | 'reference'> {
  const edges = binEdgesOf(table, bins).map((own, i) => (unwatched.includes(i) ? [] : own));
  return { edges, reference: edges.map((own, i) => countsBetween(table, i, own)) };
}

/** Edges lie between cells, so a cell is in the bin in which it starts. */
function countsBetween(table: GridCounts, feature: number, edges: readonly number[]): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0);
  countsAsRead(table, feature).forEach((count, cell) => {
    counts[binOf(edges, cellStart(table.grid, feature, cell))]! += count;
  });
  return counts;
}

function total(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}
