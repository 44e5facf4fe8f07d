/** Federated evaluation: how good a model is on rows that stay on their devices, from one secure sum of histograms. */

import * as z from 'zod/mini';
import { predict, sigmoid } from '../models/predict.ts';
import { isPropensity, type ModelSpec, modelSpec } from '../models/spec.ts';
import { standardization } from '../models/standardize.ts';
import { defineAlgorithm, type Summary } from './algorithm.ts';
import { exactClipNorm } from './exact-counts.ts';
import { floatVector } from './float-vector.ts';
import { batchOf, hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';
import { parametersFit, standardizationFits } from './model-checks.ts';
import {
  accuracy,
  averagePrecision,
  baseRateLogLoss,
  bestF1,
  brierLoss,
  expectedCalibrationError,
  largestLogLoss,
  lift,
  logLoss,
  majorityAccuracy,
  rocAuc,
  type ScoreTable,
} from './score-metrics.ts';

const isBinary = z.refine<{ readonly spec: ModelSpec }>(
  ({ spec }) => isPropensity(spec),
  'only models with one probability can be evaluated',
);

const question = {
  spec: modelSpec,
  parameters: floatVector,
  standardization: z.optional(standardization),
  /** Cells of each histogram, equally wide in log-odds: scores of rare events differ by factors, not by hundredths. */
  bins: z._default(z.int().check(z.minimum(2), z.maximum(4096)), 128),
  /** Rows that one device may add; of more, it adds a random choice. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 50),
};
const broadcast = z.strictObject(question).check(parametersFit, standardizationFits, isBinary);
const config = z
  .strictObject({ ...question, rounds: z._default(z.int().check(z.positive()), 1) })
  .check(parametersFit, standardizationFits, isBinary);

const sums = z.array(z.number());
const state = z.strictObject({
  config,
  round: z.int().check(z.nonnegative()),
  devices: z.int().check(z.nonnegative()),
  positives: sums,
  negatives: sums,
  totals: sums,
});

export type EvaluationConfig = z.infer<typeof config>;
export type EvaluationBroadcast = z.infer<typeof broadcast>;
export type EvaluationState = z.infer<typeof state>;
type Name = 'positives' | 'negatives' | 'totals';

export const evaluation = defineAlgorithm<EvaluationConfig, EvaluationState, EvaluationBroadcast, LabelledRow, Name>({
  name: 'evaluation/1',
  config,
  state,
  broadcast,

  init(config) {
    const zeros = new Array<number>(config.bins).fill(0);
    return { config, round: 0, devices: 0, positives: zeros, negatives: zeros, totals: totalsOf([]) };
  },

  publish: ({ config: { rounds: _, ...question } }) => question,

  layout({ bins, maxRows }) {
    return [
      { name: 'positives', length: bins, clipNorm: exactClipNorm(maxRows) },
      { name: 'negatives', length: bins, clipNorm: exactClipNorm(maxRows) },
      // Five numbers, none above 1 a row.
      { name: 'totals', length: 5, clipNorm: exactClipNorm(Math.sqrt(5) * maxRows) },
    ];
  },

  async contribute(broadcast, examples, { random }) {
    const rows = sampleRows(examples.filter(hasFiniteFeatures), broadcast.maxRows, random);
    const scored = scoreRows(broadcast, rows);
    return {
      positives: histogram(scored, 1, broadcast.bins),
      negatives: histogram(scored, 0, broadcast.bins),
      totals: Float32Array.from(totalsOf(scored)),
    };
  },

  update(state, { sums, contributors }) {
    const added = (name: Name) => state[name].map((sum, i) => sum + sums[name][i]!);
    return {
      ...state,
      round: state.round + 1,
      devices: state.devices + contributors,
      positives: added('positives'),
      negatives: added('negatives'),
      totals: added('totals'),
    };
  },

  isDone: ({ config, round }) => round >= config.rounds,

  summary: summarize,
});

/** A row's score and label. */
type Scored = { readonly score: number; readonly label: number };

function scoreRows({ spec, parameters, standardization }: EvaluationBroadcast, rows: readonly LabelledRow[]): Scored[] {
  const scores = predict(spec, parameters, batchOf(rows, spec.inputs, standardization).features);
  return rows
    .map(({ label }, i) => ({ score: scores[i]!, label: label === 1 ? 1 : 0 }))
    .filter(({ score }) => Number.isFinite(score));
}

/** Rows, positives, scores, log losses as shares of the largest, Brier losses: sums over rows, each at most 1 a row. */
function totalsOf(scored: readonly Scored[]): number[] {
  const sum = (of: (row: Scored) => number) => scored.reduce((total, row) => total + of(row), 0);
  return [
    scored.length,
    sum(({ label }) => label),
    sum(({ score }) => score),
    sum(({ score, label }) => logLoss(score, label) / largestLogLoss),
    sum(({ score, label }) => brierLoss(score, label)),
  ];
}

/** Log-odds that the outermost cells reach; what is beyond counts in them. e^8 is 1 in 2981. */
const outermostLogit = 8;

function histogram(scored: readonly Scored[], label: number, bins: number): Float32Array {
  const counts = new Float32Array(bins);
  for (const row of scored) if (row.label === label) counts[binOf(row.score, bins)]! += 1;
  return counts;
}

function binOf(score: number, bins: number): number {
  const logit = Math.log(score / (1 - score));
  const bin = Math.floor((bins * (logit + outermostLogit)) / (2 * outermostLogit));
  return Math.max(0, Math.min(bins - 1, bin));
}

/** The score in the middle of each cell stands for all in it. Noise can push counts below zero, which they never are. */
function tableOf({ config: { bins }, positives, negatives }: EvaluationState): ScoreTable {
  const middle = (bin: number) => scoreAt(bin + 0.5, bins);
  return {
    scores: Float64Array.from(positives, (_, bin) => middle(bin)),
    positives: Float64Array.from(positives, (count) => Math.max(0, count)),
    negatives: Float64Array.from(negatives, (count) => Math.max(0, count)),
  };
}

/** The score so many cells above the lowest one's lower edge. */
function scoreAt(cells: number, bins: number): number {
  return sigmoid((2 * outermostLogit * cells) / bins - outermostLogit);
}

/** Figures that cannot be known yet, such as an AUC without positives, are left out. */
function summarize(state: EvaluationState): Summary {
  const table = tableOf(state);
  const [rows, positives, scores, logLosses, brierLosses] = state.totals as [number, number, number, number, number];
  const { f1, lowestGroup } = bestF1(table);
  const figures = {
    round: state.round,
    devices: state.devices,
    rows,
    positives,
    baseRate: positives / rows,
    auc: rocAuc(table),
    averagePrecision: averagePrecision(table),
    logLoss: (logLosses * largestLogLoss) / rows,
    baseRateLogLoss: baseRateLogLoss(positives / rows),
    brier: brierLosses / rows,
    calibration: scores / positives,
    expectedCalibrationError: expectedCalibrationError(table),
    liftTopTenth: lift(table, 0.1),
    f1,
    // What the lowest cell still holds is taken too, so the cutoff is its lower edge.
    f1Cutoff: f1 > 0 ? scoreAt(lowestGroup, state.config.bins) : Number.NaN,
    accuracy: accuracy(table),
    majorityAccuracy: majorityAccuracy(positives / rows),
  };
  return Object.fromEntries(Object.entries(figures).filter(([, value]) => Number.isFinite(value)));
}
