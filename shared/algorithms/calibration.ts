/**
 * A model's scores brought back to what happens, without touching the order they give: from one secure sum of how many rows
 * acted in each bin of the logit. With few positives only the intercept moves; with many, the slope too (J. Platt 1999). Isotonic
 * regression is not offered: its steps follow single bins, and under noise they would follow the noise.
 */

import * as z from 'zod/mini';
import { ChoraleError, invariant } from '../errors.ts';
import { denseLayers } from '../models/dense.ts';
import { predict } from '../models/predict.ts';
import { isPropensity, modelSpec } from '../models/spec.ts';
import { standardization } from '../models/standardize.ts';
import { defineAlgorithm, type LearnedModel } from './algorithm.ts';
import { type CalibrationTable, fitIntercept, fitPlatt, type LogitMap } from './calibration-fit.ts';
import { exactClipNorm } from './exact-counts.ts';
import { floatVector } from './float-vector.ts';
import { batchOf, hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';
import { parametersFit, standardizationFits } from './model-checks.ts';

/** Bins of the logit, evenly from −8 to 8: beyond, scores are as good as certain. */
export const logitBins = 64;
const mostLogit = 8;

/** Below this a slope would be fitted to chance. */
const positivesForPlatt = 2000;

const shared = {
  spec: modelSpec,
  parameters: floatVector,
  standardization: z.optional(standardization),
  /** Rows that one device may add; of more, it adds a random choice. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 50),
};
const scoresOne = z.refine<{ spec: z.infer<typeof modelSpec> }>(
  ({ spec }) => isPropensity(spec),
  'spec: only a single probability can be calibrated',
);
const config = z
  .strictObject({
    ...shared,
    /** `auto` is Platt's slope from 2,000 positives on, and the intercept alone below. */
    method: z._default(z.enum(['auto', 'intercept', 'platt']), 'auto'),
    rounds: z._default(z.int().check(z.positive()), 1),
  })
  .check(parametersFit, standardizationFits, scoresOne);
const broadcast = z.strictObject(shared).check(parametersFit, standardizationFits, scoresOne);
const state = z.strictObject({
  config,
  round: z.int().check(z.nonnegative()),
  /** Per bin the rows that did not act, then per bin those that did. */
  counts: z.array(z.number()),
});

export type CalibrationConfig = z.infer<typeof config>;
export type CalibrationBroadcast = z.infer<typeof broadcast>;
export type CalibrationState = z.infer<typeof state>;

export const calibration = defineAlgorithm<
  CalibrationConfig,
  CalibrationState,
  CalibrationBroadcast,
  LabelledRow,
  'counts'
>({
  name: 'calibration/1',
  config,
  state,
  broadcast,

  init: (config) => ({ config, round: 0, counts: new Array<number>(2 * logitBins).fill(0) }),

  publish: ({ config: { method: _, rounds: __, ...asked } }) => asked,

  // At the longest all rows of a device lie in one bin.
  layout: ({ maxRows }) => [{ name: 'counts', length: 2 * logitBins, clipNorm: exactClipNorm(maxRows) }],

  async contribute({ spec, parameters, standardization, maxRows }, examples, { random }) {
    const rows = sampleRows(examples.filter(hasFiniteFeatures), maxRows, random);
    const counts = new Float32Array(2 * logitBins);
    const scores = predict(spec, parameters, batchOf(rows, spec.inputs, standardization).features);
    scores.forEach((score, i) => {
      counts[(rows[i]!.label === 1 ? logitBins : 0) + binOfScore(score)]! += 1;
    });
    return { counts };
  },

  update: (state, { sums }) => ({
    ...state,
    round: state.round + 1,
    counts: state.counts.map((count, i) => count + sums.counts[i]!),
  }),

  isDone: ({ config, round }) => round >= config.rounds,

  model: (state) => (state.round === 0 ? undefined : calibratedModel(state)),

  summary(state) {
    const table = tableOf(state);
    const { slope, intercept } = calibrationOf(state);
    return { round: state.round, rows: sum(table.negatives) + sum(table.positives), slope, intercept };
  },
});

/** What logits go through to become right; the identity where nothing, or only one of both labels, was counted. */
export function calibrationOf(state: CalibrationState): LogitMap {
  const table = tableOf(state);
  const positives = sum(table.positives);
  if (positives <= 0 || sum(table.negatives) <= 0) return { slope: 1, intercept: 0 };
  const { method } = state.config;
  const isPlatt = method === 'platt' || (method === 'auto' && positives >= positivesForPlatt);
  return isPlatt ? fitPlatt(table) : fitIntercept(table);
}

/**
 * The model with its last step calibrated: a linear map of the logit is one of its last layer, or of every leaf and bin.
 *
 * @throws ChoraleError `invalid-input` if the model ranks people the wrong way round: no calibration mends that
 */
export function calibratedModel(state: CalibrationState): LearnedModel {
  const { spec, parameters, standardization } = state.config;
  const { slope, intercept } = calibrationOf(state);
  if (!(slope > 0))
    throw new ChoraleError('invalid-input', 'the model’s scores fall where they should rise: train it anew');
  return { spec, parameters: mapped({ spec, parameters }, { slope, intercept }), standardization };
}

function mapped(
  { spec, parameters }: Pick<LearnedModel, 'spec' | 'parameters'>,
  { slope, intercept }: LogitMap,
): Float32Array<ArrayBuffer> {
  const result = Float32Array.from(parameters);
  if (spec.family === 'additive') {
    // Every number is a part of the logit, and the first is the bias.
    result.forEach((value, i) => {
      result[i] = slope * value;
    });
    result[0] = result[0]! + intercept;
    return result;
  }
  if (spec.family === 'trees') return mappedTrees(result, spec.depth, { slope, intercept });
  invariant(spec.family !== 'centroids', 'only propensities are calibrated');
  const { kernelAt, biasAt } = denseLayers(spec).at(-1)!;
  for (let i = kernelAt; i < result.length; i++) result[i] = slope * result[i]!;
  result[biasAt] = result[biasAt]! + intercept;
  return result;
}

/** Leaves and bias are log-odds, questions are not. */
function mappedTrees(parameters: Float32Array<ArrayBuffer>, depth: number, { slope, intercept }: LogitMap) {
  const questions = 2 * (2 ** depth - 1);
  const length = questions + 2 ** depth;
  parameters[0] = slope * parameters[0]! + intercept;
  for (let tree = 1; tree < parameters.length; tree += length)
    for (let leaf = tree + questions; leaf < tree + length; leaf++) parameters[leaf] = slope * parameters[leaf]!;
  return parameters;
}

function binOfScore(score: number): number {
  const logit = Math.log(score / (1 - score));
  const place = Math.floor(((logit + mostLogit) / (2 * mostLogit)) * logitBins);
  return Math.max(0, Math.min(logitBins - 1, place));
}

/** Noise may have made counts negative: nobody is in such a bin. */
function tableOf({ counts }: Pick<CalibrationState, 'counts'>): CalibrationTable {
  const width = (2 * mostLogit) / logitBins;
  return {
    logits: Array.from({ length: logitBins }, (_, bin) => -mostLogit + (bin + 0.5) * width),
    negatives: counts.slice(0, logitBins).map((count) => Math.max(0, count)),
    positives: counts.slice(logitBins).map((count) => Math.max(0, count)),
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
