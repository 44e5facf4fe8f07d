/**
 * A champion and a candidate on the same rows: both evaluated as `evaluation/1` does, and paired within each device, which is
 * what tells them apart (T. Dietterich, Neural Computation 1998, on why tests of models have to be paired). A device's rows say nearly
 * the same, so it is one observation: its mean difference of log loss.
 *
 * One round, so that no device counts twice. What the sums prove is judged in `release-gate.ts`.
 */

import * as z from 'zod/mini';
import { predict } from '../models/predict.ts';
import { normalQuantile } from '../privacy/normal.ts';
import { defineAlgorithm, type Summary } from './algorithm.ts';
import {
  asked,
  type EvaluationBroadcast,
  type EvaluationState,
  evaluatedModel,
  evaluation,
  evaluationFigures,
} from './evaluation.ts';
import { armMoments } from './experiment-arms.ts';
import { batchOf, hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';
import type { ReleaseCase, ReleaseFigures } from './release-gate.ts';
import { logLoss } from './score-metrics.ts';
import { dividesRows, type Slice } from './slices.ts';

const sides = ['champion', 'candidate'] as const;
type Side = (typeof sides)[number];

const compared = {
  champion: evaluatedModel,
  candidate: evaluatedModel,
  ...asked,
  /** Nats a row: a device whose mean difference is larger counts as if it were this. Declared, never learned. */
  largestDifference: z.number().check(z.positive(), z.maximum(32)),
};
/** Without noise and under it: there a wide bound is paid for in noise, and models that compete for a release are close. */
const usualDifference = { plain: 1, noisy: 0.1 };
type Rows = { readonly spec: { readonly inputs: number } };
const rowsFit = z.refine<{ readonly champion: Rows; readonly candidate: Rows; readonly slices: readonly Slice[] }>(
  ({ champion, candidate, slices }) =>
    champion.spec.inputs === candidate.spec.inputs && slices.every((slice) => dividesRows(slice, champion.spec.inputs)),
  'both models, and all slices, are of the same rows',
);
const broadcast = z.strictObject(compared).check(rowsFit);
/** Bins and bound are settled when a task begins: 128 and 1 unless given, 32 and 0.1 under noise. */
const config = z
  .strictObject({
    ...compared,
    bins: z.optional(asked.bins),
    largestDifference: z.optional(compared.largestDifference),
  })
  .check(rowsFit);
const state = z.strictObject({
  champion: evaluation.state,
  candidate: evaluation.state,
  largestDifference: compared.largestDifference,
  isDone: z.boolean(),
  /** Devices with rows; their mean differences as shares of the largest; the squares of those; how many were clipped. */
  differences: z.array(z.number()).check(z.length(4)),
  /** Variance of the noise in each of them. */
  noiseVariance: z.number(),
});

export type ComparisonConfig = z.infer<typeof config>;
export type ComparisonBroadcast = z.infer<typeof broadcast>;
export type ComparisonState = z.infer<typeof state>;
type Part = 'positives' | 'negatives' | 'totals' | 'parts';
type Name = 'differences' | `${Side}-${Part}`;

export const comparison = defineAlgorithm<ComparisonConfig, ComparisonState, ComparisonBroadcast, LabelledRow, Name>({
  name: 'comparison/1',
  config,
  state,
  broadcast,

  init({ champion, candidate, largestDifference, bins, ...terms }, random, of) {
    const begin = (model: ComparisonConfig[Side]) =>
      evaluation.init({ ...model, ...terms, ...(bins !== undefined && { bins }), rounds: 1 }, random, of);
    const isNoisy = of !== undefined && of.noiseMultiplier > 0;
    return {
      champion: begin(champion),
      candidate: begin(candidate),
      largestDifference: largestDifference ?? (isNoisy ? usualDifference.noisy : usualDifference.plain),
      isDone: false,
      differences: [0, 0, 0, 0],
      noiseVariance: 0,
    };
  },

  publish({ champion, candidate, largestDifference }) {
    const { bins, maxRows, slices, ...model } = evaluation.publish(champion);
    const { bins: _, maxRows: __, slices: ___, ...other } = evaluation.publish(candidate);
    return { champion: model, candidate: other, bins, maxRows, slices, largestDifference };
  },

  layout: (broadcast) => [
    // Four numbers, none above 1. The first thing that a release is judged by has the least noise.
    { name: 'differences', length: 4, clipNorm: 2, weight: 2 },
    ...sides.flatMap((side) =>
      evaluation.layout(questionOf(broadcast, side)).map(({ name, meanOver: _, ...segment }) => ({
        ...segment,
        name: `${side}-${name}` as const,
      })),
    ),
  ],

  async contribute(broadcast, examples, tools) {
    const rows = sampleRows(examples.filter(hasFiniteFeatures), broadcast.maxRows, tools.random);
    const [champion, candidate] = await Promise.all(
      sides.map((side) => evaluation.contribute(questionOf(broadcast, side), rows, tools)),
    );
    return {
      differences: momentsOf(meanDifference(broadcast, rows), broadcast),
      ...named('champion', champion!),
      ...named('candidate', candidate!),
    };
  },

  update(state, { sums, contributors, noiseStd }) {
    const after = (side: Side) =>
      evaluation.update(state[side], { contributors, sums: partsOf(side, sums), noiseStd: partsOf(side, noiseStd) });
    return {
      ...state,
      champion: after('champion'),
      candidate: after('candidate'),
      isDone: true,
      differences: Array.from(sums.differences),
      noiseVariance: noiseStd.differences ** 2,
    };
  },

  isDone: ({ isDone }) => isDone,

  summary: summarize,
});

/** What `evaluation/1` would ask of one of both models. */
function questionOf({ largestDifference: _, ...asked }: ComparisonBroadcast, side: Side): EvaluationBroadcast {
  const { champion, candidate, ...terms } = asked;
  return { ...(side === 'champion' ? champion : candidate), ...terms };
}

type Named<Value> = Readonly<Record<`${Side}-${Part}`, Value>>;

function named<Value>(side: Side, parts: Readonly<Record<Part, Value>>): Named<Value> {
  return Object.fromEntries(Object.entries(parts).map(([part, value]) => [`${side}-${part}`, value])) as Named<Value>;
}

function partsOf<Value>(side: Side, all: Named<Value>): Record<Part, Value> {
  const part = (name: Part) => all[`${side}-${name}`];
  return { positives: part('positives'), negatives: part('negatives'), totals: part('totals'), parts: part('parts') };
}

/** Candidate less champion, in nats a row; NaN without rows. */
function meanDifference({ champion, candidate }: ComparisonBroadcast, rows: readonly LabelledRow[]): number {
  const lossesOf = ({ spec, parameters, standardization }: ComparisonBroadcast[Side]) => {
    const scores = predict(spec, parameters, batchOf(rows, spec.inputs, standardization).features);
    return rows.map(({ label }, i) => logLoss(scores[i]!, label === 1 ? 1 : 0));
  };
  const before = lossesOf(champion);
  const differences = lossesOf(candidate).map((loss, i) => loss - before[i]!);
  const finite = differences.filter(Number.isFinite);
  return finite.reduce((sum, difference) => sum + difference, 0) / finite.length;
}

function momentsOf(difference: number, { largestDifference }: ComparisonBroadcast): Float32Array {
  if (Number.isNaN(difference)) return new Float32Array(4);
  const share = difference / largestDifference;
  const clipped = Math.max(-1, Math.min(1, share));
  return Float32Array.of(1, clipped, clipped * clipped, Number(clipped !== share));
}

/** In nats a row, every device counting the same; the candidate less the champion, so below 0 is better. */
export type PairedDifference = {
  /** That had rows. */
  readonly devices: number;
  readonly mean: number;
  /** Of devices drawn at random and of the noise in the sums together; NaN with fewer than two devices. */
  readonly standardError: number;
  /** Two-sided, at 95 %. */
  readonly low: number;
  readonly high: number;
  /** Of the squared standard error: what is left of it with any number of devices like these is not this. */
  readonly noiseShare: number;
  /** Of devices. More than a few, and the mean is not that of people any more. */
  readonly clippedShare: number;
};

export function pairedDifferenceOf(state: ComparisonState): PairedDifference {
  const { differences, noiseVariance, largestDifference } = state;
  const [count, y, yy, clipped] = differences as [number, number, number, number];
  const { meanY, varianceY, noise } = armMoments({ count, y, yy, x: 0, xx: 0, xy: 0 }, noiseVariance);
  const variance = count >= 2 ? varianceY / count + noise : Number.NaN;
  const [mean, standardError] = [largestDifference * meanY, largestDifference * Math.sqrt(variance)];
  const reach = normalQuantile(0.025) * standardError;
  return {
    ...{ devices: count, mean, standardError, low: mean - reach, high: mean + reach },
    noiseShare: noise / variance,
    clippedShare: clipped / count,
  };
}

/** What a release is judged by, but for what training has spent. */
export function releaseCaseOf(state: ComparisonState): Omit<ReleaseCase, 'privacy'> {
  const { mean, standardError } = pairedDifferenceOf(state);
  return {
    champion: releaseFiguresOf(state.champion),
    candidate: releaseFiguresOf(state.candidate),
    logLossDifference: { mean, standardError },
    parameters: state.candidate.config.parameters,
  };
}

function releaseFiguresOf(state: EvaluationState): ReleaseFigures {
  const { auc, calibration, expectedCalibrationError, sliceAucs } = evaluationFigures(state);
  const each = (of: 'value' | 'noise') => ({
    auc: auc[of],
    calibration: calibration[of],
    expectedCalibrationError: expectedCalibrationError[of],
    sliceAucs: Object.fromEntries(Object.entries(sliceAucs).map(([name, figure]) => [name, figure[of]])),
  });
  return { ...each('value'), ...(state.noise.totals > 0 && { noise: each('noise') }) };
}

function summarize(state: ComparisonState): Summary {
  const { devices, ...difference } = pairedDifferenceOf(state);
  const bySide = sides.flatMap((side) =>
    Object.entries(evaluation.summary(state[side])).map(([name, value]) => [`${side} ${name}`, value] as const),
  );
  const paired = Object.entries(difference).map(([name, value]) => [`difference ${name}`, value] as const);
  const known = [...paired, ...bySide].filter(([, value]) => Number.isFinite(value));
  return { devices, ...Object.fromEntries(known) };
}
