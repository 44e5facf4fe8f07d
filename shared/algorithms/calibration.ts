/**
 * A model's scores brought back to what happens, without touching the order they give: from one secure sum of how many rows
 * acted in each bin of the logit. With few positives only the intercept moves; with many, the slope too (J. Platt 1999). Isotonic
 * regression is not offered: its steps follow single bins, and under noise they would follow the noise. A correction that
 * noise alone could have made is not made: then the model stays as it is, and the summary says that nothing is known.
 */

import * as z from 'zod/mini';
import { ChoraleError, invariant } from '../errors.ts';
import { denseLayers } from '../models/dense.ts';
import { predict, sigmoid } from '../models/predict.ts';
import { isPropensity, modelSpec } from '../models/spec.ts';
import { standardization } from '../models/standardize.ts';
import { defineAlgorithm, type LearnedModel } from './algorithm.ts';
import {
  type CalibrationTable,
  type FittedMap,
  fitIntercept,
  fitPlatt,
  type LogitMap,
  levelEvidence,
} from './calibration-fit.ts';
import { floatVector } from './float-vector.ts';
import { batchOf, hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';
import { parametersFit, standardizationFits } from './model-checks.ts';
import { noiseReach, peopledRange } from './noise-tail.ts';

/** Bins of the logit, evenly from −8 to 8: beyond, scores are as good as certain. */
export const logitBins = 64;
const mostLogit = 8;

/** Below this, noise taken off, a slope would be fitted to chance. */
const positivesForPlatt = 2000;
/** The noise's standard deviation in a slope or an intercept, at most; and in an intercept that surely is not 0. */
const largestError = 0.1;
const roughestError = 0.3;
/** Chance that noise feigns more positives than are taken off for it. */
const strayChance = 0.01;

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
    /** `auto` is Platt's slope from 2,000 positives on, and the intercept alone below; neither where noise hides it. */
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
  /** Of the noise in each count. */
  noiseVariance: z.number(),
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

  init: (config) => ({ config, round: 0, counts: new Array<number>(2 * logitBins).fill(0), noiseVariance: 0 }),

  publish: ({ config: { method: _, rounds: __, ...asked } }) => asked,

  // At the longest all rows of a device lie in one bin.
  layout: ({ maxRows }) => [{ name: 'counts', length: 2 * logitBins, clipNorm: maxRows, isExact: true }],

  async contribute({ spec, parameters, standardization, maxRows }, examples, { random }) {
    const rows = sampleRows(examples.filter(hasFiniteFeatures), maxRows, random);
    const counts = new Float32Array(2 * logitBins);
    const scores = predict(spec, parameters, batchOf(rows, spec.inputs, standardization).features);
    scores.forEach((score, i) => {
      counts[(rows[i]!.label === 1 ? logitBins : 0) + binOfScore(score)]! += 1;
    });
    return { counts };
  },

  update: (state, { sums, noiseStd }) => ({
    ...state,
    round: state.round + 1,
    counts: state.counts.map((count, i) => count + sums.counts[i]!),
    noiseVariance: state.noiseVariance + noiseStd.counts ** 2,
  }),

  isDone: ({ config, round }) => round >= config.rounds,

  model: (state) => (state.round === 0 ? undefined : calibratedModel(state)),

  summary(state) {
    const { slope, intercept, interceptError, slopeError, isKnown } = calibrationOf(state);
    const errors = Object.entries({ interceptError, slopeError }).filter(([, error]) => Number.isFinite(error));
    const rows = sum(state.counts);
    return { round: state.round, rows, slope, intercept, isKnown: Number(isKnown), ...Object.fromEntries(errors) };
  },
});

export type Calibration = FittedMap & {
  /** Whether noise left enough to correct by; if not, the map is the identity. */
  readonly isKnown: boolean;
};

/**
 * What logits go through to become right; the identity where nothing, or only one of both labels, was counted, and where noise
 * hides how far off they are. A slope that noise hides stays 1.
 */
export function calibrationOf(state: CalibrationState): Calibration {
  const table = tableOf(state);
  const [positives, negatives] = [sum(table.positives), sum(table.negatives)];
  if (positives <= 0 || negatives <= 0) return unknown(Infinity);
  const level = fitIntercept(table);
  const { isOff, error } = levelEvidence(table);
  const worst = Math.max(error, level.interceptError);
  if (worst > (isOff ? roughestError : largestError)) return unknown(worst);
  const { method } = state.config;
  const stray = noiseReach(Math.sqrt(table.noiseVariance * table.logits.length), { sums: 1, chance: strayChance });
  if (method === 'intercept' || (method === 'auto' && positives - stray < positivesForPlatt))
    return { ...level, isKnown: true };
  const line = fitPlatt(table);
  return { ...(line.slopeError <= largestError ? line : level), isKnown: true };
}

function unknown(interceptError: number): Calibration {
  return { slope: 1, intercept: 0, interceptError, slopeError: Infinity, isKnown: false };
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

/**
 * The bins in which people are: from the first to the last with more rows than noise can feign. Outside there are few rows
 * and much noise, and rows of whichever scores tell the same line. Rows are weighed so that, where scores are right, the
 * noise that chooses a bin is independent of the noise that then tells how far off its scores are.
 */
function tableOf({ counts, noiseVariance }: Pick<CalibrationState, 'counts' | 'noiseVariance'>): CalibrationTable {
  const width = (2 * mostLogit) / logitBins;
  const logits = Array.from({ length: logitBins }, (_, bin) => -mostLogit + (bin + 0.5) * width);
  const [negatives, positives] = [counts.slice(0, logitBins), counts.slice(logitBins)];
  const weighed = logits.map((logit, bin) => {
    const [acts, not] = [sigmoid(logit), sigmoid(-logit)];
    return (acts * positives[bin]! + not * negatives[bin]!) / Math.hypot(acts, not);
  });
  const { from, to } = peopledRange(weighed, Math.sqrt(noiseVariance));
  const cut = (values: readonly number[]) => values.slice(from, to);
  return { logits: cut(logits), negatives: cut(negatives), positives: cut(positives), noiseVariance };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
