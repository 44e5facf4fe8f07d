/**
 * Which of several ways to treat people works better, from sums alone: per arm the count and the first two moments of an outcome
 * and of what was known before, which is all that a difference, its variance and CUPED need (A. Deng et al., WSDM 2013).
 *
 * A device says which arm it was in and what came of it, once: it answers in the look that its own draw names, so that looks
 * add up and nobody counts twice. What the sums prove is judged in `experiment-verdict.ts`.
 */

import * as z from 'zod/mini';
import { defineAlgorithm, type Summary } from './algorithm.ts';
import { type ArmSums, armMoments, momentsPerArm } from './experiment-arms.ts';
import { leastSampleRatioP, sampleRatioP, usualSettings, verdictOf } from './experiment-verdict.ts';

/** What a device tells of itself. */
export type ExperimentRow = {
  /** Which arm it was in: 0 is the control. */
  readonly arm: number;
  /** What came of it. */
  readonly outcome: number;
  /** The same measured before the experiment, if it was. */
  readonly before?: number;
  /** In [0, 1), uniform, drawn by the device for this experiment and kept: `placeOf('look of …')`. Decides its look. */
  readonly place: number;
};

const range = z
  .strictObject({ lo: z.number(), hi: z.number() })
  .check(z.refine(({ lo, hi }) => lo < hi, 'lo: not below hi'));
const share = z.number().check(z.positive(), z.maximum(1));

const shared = {
  /** Shares of people meant for each arm, the control first. */
  shares: z.array(share).check(
    z.minLength(2),
    z.maxLength(16),
    z.refine((shares) => Math.abs(shares.reduce((sum, one) => sum + one, 0) - 1) < 1e-9, 'shares do not add up to 1'),
  ),
  /** What outcomes are clamped to; declared, never learned. */
  outcome: range,
  /** The same of what was measured before; the outcome's unless given. */
  before: z.optional(range),
  /** Looks in all: each is one round, and each device answers in one of them. */
  looks: z._default(z.int().check(z.positive(), z.maximum(10_000)), 1),
};
const config = z.strictObject({
  ...shared,
  /** Chance of a false alarm, over all looks together. */
  alpha: z._default(z.number().check(z.positive(), z.maximum(0.5)), usualSettings.alpha),
});
const broadcast = z.strictObject({ ...shared, look: z.int().check(z.nonnegative()) });
const state = z.strictObject({
  config,
  round: z.int().check(z.nonnegative()),
  /** Of outcomes and measurements scaled to [−1, 1] by their bounds: six numbers per arm. */
  sums: z.array(z.number()),
  /** Variance of the noise in each of them. */
  noiseVariance: z.number(),
  /** Least always-valid p-value of any look so far, per treatment. */
  pValues: z.array(z.number()),
});

export type ExperimentConfig = z.infer<typeof config>;
export type ExperimentBroadcast = z.infer<typeof broadcast>;
export type ExperimentState = z.infer<typeof state>;

export const experiment = defineAlgorithm<
  ExperimentConfig,
  ExperimentState,
  ExperimentBroadcast,
  ExperimentRow,
  'arms'
>({
  name: 'experiment/1',
  config,
  state,
  broadcast,

  init: (config) => ({
    config,
    round: 0,
    sums: new Array<number>(momentsPerArm * config.shares.length).fill(0),
    noiseVariance: 0,
    pValues: config.shares.slice(1).map(() => 1),
  }),

  publish: ({ config: { alpha: _, ...asked }, round }) => ({ ...asked, look: round }),

  layout: ({ shares }) => [
    // One arm, and none of its six numbers above 1.
    { name: 'arms', length: momentsPerArm * shares.length, clipNorm: Math.sqrt(momentsPerArm), isExact: true },
  ],

  async contribute({ shares, outcome, before = outcome, looks, look }, examples) {
    const arms = new Float32Array(momentsPerArm * shares.length);
    const [row] = examples;
    // Who has nothing to say, or says it in another look, adds zeros like anybody else's.
    if (row === undefined || !isInLook(row, look, looks) || shares[row.arm] === undefined) return { arms };
    const [y, x] = [scaled(row.outcome, outcome), scaled(row.before ?? before.lo, before)];
    arms.set([1, y, y * y, x, x * x, x * y], momentsPerArm * row.arm);
    return { arms };
  },

  update(state, { sums, noiseStd }) {
    const next = {
      ...state,
      round: state.round + 1,
      sums: state.sums.map((sum, i) => sum + sums.arms[i]!),
      noiseVariance: state.noiseVariance + noiseStd.arms ** 2,
    };
    const looked = verdictsOf(next).map((verdict) => verdict.alwaysValidP);
    return { ...next, pValues: state.pValues.map((least, i) => Math.min(least, looked[i]!)) };
  },

  isDone: ({ config, round }) => round >= config.looks,

  summary: summarize,
});

/** Each treatment against the control, on all looks so far; means nothing where `sampleRatioOf` is below `leastSampleRatioP`. */
export function verdictsOf({ config, sums, noiseVariance }: ExperimentState) {
  const [control, ...treatments] = armsOf(config, sums).map((arm) => armMoments(arm, noiseVariance));
  return treatments.map((treatment) => verdictOf(control!, treatment, { ...usualSettings, alpha: config.alpha }));
}

/** Chance that arms came out so uneven by themselves, on all looks so far; see `sampleRatioP`. */
export function sampleRatioOf({ config, sums, noiseVariance }: ExperimentState): number {
  const counts = armsOf(config, sums).map(({ count }) => count);
  return sampleRatioP(counts, config.shares, noiseVariance);
}

/** Figures in the outcome's own unit; of effects none where arms are too uneven for chance, and `withheld` says so. */
function summarize(state: ExperimentState): Summary {
  const { config, round, sums, pValues } = state;
  const ratio = sampleRatioOf(state);
  const half = (config.outcome.hi - config.outcome.lo) / 2;
  const counts = armsOf(config, sums).map(({ count }, arm) => [`arm ${arm} devices`, count] as const);
  const split = { round, ...Object.fromEntries(counts), 'sample ratio p': ratio };
  if (ratio < leastSampleRatioP) return { ...split, withheld: 1 };
  const figures = verdictsOf(state).flatMap(({ difference, adjusted, sequence }, i) => [
    [`arm ${i + 1} difference`, half * difference.value] as const,
    [`arm ${i + 1} adjusted`, half * adjusted.value] as const,
    [`arm ${i + 1} low`, half * sequence.low] as const,
    [`arm ${i + 1} high`, half * sequence.high] as const,
    [`arm ${i + 1} p`, pValues[i]!] as const,
  ]);
  return { ...split, ...Object.fromEntries(figures.filter(([, value]) => Number.isFinite(value))) };
}

function armsOf({ shares }: Pick<ExperimentConfig, 'shares'>, sums: readonly number[]): ArmSums[] {
  return shares.map((_, arm) => {
    const [count, y, yy, x, xx, xy] = sums.slice(momentsPerArm * arm);
    return { count: count!, y: y!, yy: yy!, x: x!, xx: xx!, xy: xy! };
  });
}

function isInLook({ place }: ExperimentRow, look: number, looks: number): boolean {
  return Math.floor(place * looks) === look;
}

function scaled(value: number, { lo, hi }: { readonly lo: number; readonly hi: number }): number {
  const finite = Number.isFinite(value) ? value : lo;
  return (2 * (Math.min(hi, Math.max(lo, finite)) - lo)) / (hi - lo) - 1;
}
