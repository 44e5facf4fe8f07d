/** Federated evaluation: how good a model is on rows that stay on their devices, from one secure sum of histograms. */

import * as z from 'zod/mini';
import { predict, sigmoid } from '../models/predict.ts';
import { isPropensity, type ModelSpec, modelSpec } from '../models/spec.ts';
import { standardization } from '../models/standardize.ts';
import { defineAlgorithm, type Summary } from './algorithm.ts';
import { floatVector } from './float-vector.ts';
import { batchOf, hasFiniteFeatures, type LabelledRow, sampleRows } from './labelled-row.ts';
import { parametersFit, standardizationFits } from './model-checks.ts';
import {
  accuracy,
  averagePrecision,
  baseRate,
  baseRateLogLoss,
  bestF1,
  brierLoss,
  largestLogLoss,
  lift,
  logLoss,
  majorityAccuracy,
  rowsOf,
} from './score-metrics.ts';
import {
  consistentTable,
  type NoisyFigure,
  type NoisyTable,
  noisyAuc,
  noisyCalibrationError,
  noisyQuotient,
  peopledPart,
} from './score-noise.ts';
import { dividesRows, partOf, partsOf, type Slice, slices } from './slices.ts';

const isBinary = z.refine<{ readonly spec: ModelSpec }>(
  ({ spec }) => isPropensity(spec),
  'only models with one probability can be evaluated',
);

const binCount = z.int().check(z.minimum(2), z.maximum(4096));
/** Without noise and under it: there a bin must hold enough people to be told from nobody. */
const usualBins = { plain: 128, noisy: 32 };
/** Of each part of a slice. */
const sliceBins = 32;

const model = { spec: modelSpec, parameters: floatVector, standardization: z.optional(standardization) };
/** What is asked of a model, besides which. */
export const asked = {
  /** Cells of each histogram, equally wide in log-odds: scores of rare events differ by factors, not by hundredths. */
  bins: binCount,
  /** Rows that one device may add; of more, it adds a random choice. */
  maxRows: z._default(z.int().check(z.positive(), z.maximum(65_536)), 50),
  /** Groups of rows whose figures are told apart. */
  slices: z._default(slices, []),
};
const question = { ...model, ...asked };
/** A model that can be evaluated. */
export const evaluatedModel = z.strictObject(model).check(parametersFit, standardizationFits, isBinary);
const slicesFit = z.refine<{ readonly spec: ModelSpec; readonly slices: readonly Slice[] }>(
  ({ spec, slices }) => slices.every((slice) => dividesRows(slice, spec.inputs)),
  'slices: of a feature or a width that rows do not have',
);
const checks = [parametersFit, standardizationFits, isBinary, slicesFit] as const;
const broadcast = z.strictObject(question).check(...checks);
const settled = z.strictObject({ ...question, rounds: z._default(z.int().check(z.positive()), 1) });
/** The number of bins is settled when a task begins: 128 unless given, 32 under noise. */
const config = z.extend(settled, { bins: z.optional(binCount) }).check(...checks);

const sums = z.array(z.number());
const state = z.strictObject({
  config: settled.check(...checks),
  round: z.int().check(z.nonnegative()),
  devices: z.int().check(z.nonnegative()),
  positives: sums,
  negatives: sums,
  totals: sums,
  /** Per part of each slice its positives, then its negatives. */
  parts: sums,
  /** Variances of the noise in each of these sums. */
  noise: z.strictObject({ positives: z.number(), negatives: z.number(), totals: z.number(), parts: z.number() }),
});

export type EvaluationConfig = z.infer<typeof config>;
export type EvaluationBroadcast = z.infer<typeof broadcast>;
export type EvaluationState = z.infer<typeof state>;
type Name = 'positives' | 'negatives' | 'totals' | 'parts';

export const evaluation = defineAlgorithm<EvaluationConfig, EvaluationState, EvaluationBroadcast, LabelledRow, Name>({
  name: 'evaluation/1',
  config,
  state,
  broadcast,

  init(given, _, terms) {
    const isNoisy = terms !== undefined && terms.noiseMultiplier > 0;
    const config = { ...given, bins: given.bins ?? (isNoisy ? usualBins.noisy : usualBins.plain) };
    const zeros = (length: number) => new Array<number>(length).fill(0);
    const empty = { positives: zeros(config.bins), negatives: zeros(config.bins), parts: zeros(partsLength(config)) };
    const noise = { positives: 0, negatives: 0, totals: 0, parts: 0 };
    return { config, round: 0, devices: 0, totals: totalsOf([]), ...empty, noise };
  },

  publish: ({ config: { rounds: _, ...question } }) => question,

  layout({ bins, maxRows, slices }) {
    // A row lies in one part of each slice.
    const parts = { length: partsLength({ slices }), clipNorm: maxRows * Math.sqrt(slices.length), isExact: true };
    return [
      ...(slices.length > 0 ? [{ name: 'parts' as const, ...parts }] : []),
      { name: 'positives', length: bins, clipNorm: maxRows, isExact: true },
      { name: 'negatives', length: bins, clipNorm: maxRows, isExact: true },
      // Five numbers, none above 1 a row.
      { name: 'totals', length: 5, clipNorm: Math.sqrt(5) * maxRows, isExact: true },
    ];
  },

  async contribute(broadcast, examples, { random }) {
    const rows = sampleRows(examples.filter(hasFiniteFeatures), broadcast.maxRows, random);
    const scored = scoreRows(broadcast, rows);
    return {
      positives: histogram(scored, 1, broadcast.bins),
      negatives: histogram(scored, 0, broadcast.bins),
      totals: Float32Array.from(totalsOf(scored)),
      parts: partCounts(broadcast, scored),
    };
  },

  update(state, { sums, contributors, noiseStd }) {
    const added = (name: Name) => state[name].map((sum, i) => sum + sums[name][i]!);
    const noisier = (name: Name) => state.noise[name] + (noiseStd[name] ?? 0) ** 2;
    const { slices } = state.config;
    return {
      ...state,
      round: state.round + 1,
      devices: state.devices + contributors,
      positives: added('positives'),
      negatives: added('negatives'),
      totals: added('totals'),
      parts: slices.length > 0 ? added('parts') : state.parts,
      noise: {
        ...{ positives: noisier('positives'), negatives: noisier('negatives') },
        ...{ totals: noisier('totals'), parts: noisier('parts') },
      },
    };
  },

  isDone: ({ config, round }) => round >= config.rounds,

  summary: summarize,
});

/** A row's score and label. */
type Scored = { readonly score: number; readonly label: number; readonly features: Float32Array };

function scoreRows({ spec, parameters, standardization }: EvaluationBroadcast, rows: readonly LabelledRow[]): Scored[] {
  const scores = predict(spec, parameters, batchOf(rows, spec.inputs, standardization).features);
  return rows
    .map(({ label, features }, i) => ({ score: scores[i]!, label: label === 1 ? 1 : 0, features }))
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

/** Per part of each slice a histogram of its positives, then one of its negatives. */
function partCounts({ slices }: EvaluationBroadcast, scored: readonly Scored[]): Float32Array {
  const counts = new Float32Array(partsLength({ slices }));
  let start = 0;
  for (const slice of slices) {
    for (const { score, label, features } of scored) {
      const half = 2 * partOf(slice, features) + (label === 1 ? 0 : 1);
      counts[start + half * sliceBins + binOf(score, sliceBins)]! += 1;
    }
    start += 2 * sliceBins * partsOf(slice);
  }
  return counts;
}

function partsLength({ slices }: { readonly slices: readonly Slice[] }): number {
  return 2 * sliceBins * slices.reduce((sum, slice) => sum + partsOf(slice), 0);
}

function binOf(score: number, bins: number): number {
  const logit = Math.log(score / (1 - score));
  const bin = Math.floor((bins * (logit + outermostLogit)) / (2 * outermostLogit));
  return Math.max(0, Math.min(bins - 1, bin));
}

type Histograms = {
  readonly positives: readonly number[];
  readonly negatives: readonly number[];
  readonly noise: NoisyTable['noise'];
};

/** The score in the middle of each cell stands for all in it. */
function tableOf({ positives, negatives, noise }: Histograms): NoisyTable {
  return {
    scores: Float64Array.from(positives, (_, bin) => scoreAt(bin + 0.5, positives.length)),
    positives: Float64Array.from(positives),
    negatives: Float64Array.from(negatives),
    noise,
  };
}

/** The score so many cells above the lowest one's lower edge. */
function scoreAt(cells: number, bins: number): number {
  return sigmoid((2 * outermostLogit * cells) / bins - outermostLogit);
}

/** What a release is judged by, each with its noise. */
export type EvaluationFigures = {
  readonly auc: NoisyFigure;
  readonly calibration: NoisyFigure;
  readonly expectedCalibrationError: NoisyFigure;
  /** By `slice/part`. Parts of one label alone have none; under noise, where nobody can tell, theirs are NaN. */
  readonly sliceAucs: Readonly<Record<string, NoisyFigure>>;
};

export function evaluationFigures(state: EvaluationState): EvaluationFigures {
  const { table } = peopledPart(tableOf(state));
  const [, positives, scores] = state.totals as [number, number, number];
  const aucs = partTables(state).map(({ name, table }) => [name, noisyAuc(peopledPart(table).table)] as const);
  return {
    auc: noisyAuc(table),
    calibration: noisyQuotient(scores, positives, state.noise.totals),
    expectedCalibrationError: noisyCalibrationError(table),
    sliceAucs: Object.fromEntries(aucs.filter(([, { value }]) => state.noise.parts > 0 || Number.isFinite(value))),
  };
}

/** Figures that cannot be known, such as an AUC without positives, are left out; so is noise where there is none. */
function summarize(state: EvaluationState): Summary {
  const { table: signed, from } = peopledPart(tableOf(state));
  const table = consistentTable(signed);
  const [rows, positives, , logLosses, brierLosses] = state.totals as [number, number, number, number, number];
  const { auc, calibration, expectedCalibrationError } = evaluationFigures(state);
  const { f1, lowestGroup } = bestF1(table);
  const figures = {
    round: state.round,
    devices: state.devices,
    rows,
    positives,
    baseRate: positives / rows,
    auc: auc.value,
    averagePrecision: averagePrecision(table),
    logLoss: (logLosses * largestLogLoss) / rows,
    baseRateLogLoss: baseRateLogLoss(positives / rows),
    brier: brierLosses / rows,
    calibration: calibration.value,
    expectedCalibrationError: expectedCalibrationError.value,
    liftTopTenth: lift(table, 0.1),
    f1,
    // What the lowest cell still holds is taken too, so the cutoff is its lower edge.
    f1Cutoff: f1 > 0 ? scoreAt(from + lowestGroup, state.config.bins) : Number.NaN,
    accuracy: accuracy(signed),
    majorityAccuracy: majorityAccuracy(positives / rows),
  };
  const noise = {
    aucNoise: auc.noise,
    calibrationNoise: calibration.noise,
    expectedCalibrationErrorNoise: expectedCalibrationError.noise,
  };
  const all = { ...figures, ...(state.noise.totals > 0 ? noise : {}), ...sliceFigures(state) };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => Number.isFinite(value)));
}

function sliceFigures(state: EvaluationState): Summary {
  const { sliceAucs } = evaluationFigures(state);
  const figures = partTables(state).flatMap(({ name, table }) => [
    [`${name} rows`, rowsOf(table)] as const,
    [`${name} baseRate`, baseRate(table)] as const,
    [`${name} auc`, sliceAucs[name]?.value ?? Number.NaN] as const,
    ...(state.noise.parts > 0 ? [[`${name} aucNoise`, sliceAucs[name]!.noise] as const] : []),
  ]);
  return Object.fromEntries(figures);
}

function partTables({ config: { slices }, parts, noise }: EvaluationState): { name: string; table: NoisyTable }[] {
  const names = slices.flatMap((slice) => Array.from({ length: partsOf(slice) }, (_, part) => `${slice.name}/${part}`));
  const both = { positives: noise.parts, negatives: noise.parts };
  return names.map((name, at) => {
    const cut = (half: number) => parts.slice((2 * at + half) * sliceBins, (2 * at + half + 1) * sliceBins);
    return { name, table: tableOf({ positives: cut(0), negatives: cut(1), noise: both }) };
  });
}
