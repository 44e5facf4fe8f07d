/**
 * The sums of a round's cohorts as one aggregate. Added up they are what one large cohort would have given; merged robustly,
 * a device that adds what it likes spoils only what its own cohort says (trimmed mean and median in each coordinate: Yin,
 * Chen, Ramchandran, Bartlett, ICML 2018, over cohorts here instead of devices). Either works on sums that the coordinator
 * has anyway, so it costs no privacy.
 */

import * as z from 'zod/mini';
import { invariant } from '../errors.ts';
import { trimmedMeanStd } from '../privacy/merging.ts';
import type { Encoding } from './grid.ts';
import type { Aggregate, Layout, Segment } from './layout.ts';
import { type CohortSum, decode, decodeTogether } from './pipeline.ts';

export const mergeRule = z.discriminatedUnion('rule', [
  z.strictObject({ rule: z.literal('sum') }),
  z.strictObject({
    rule: z.literal('trimmed-mean'),
    /** Share of the cohorts left out at each end; at least one is left out and one stays. */
    trim: z.number().check(z.gt(0), z.lt(0.5)),
  }),
  z.strictObject({ rule: z.literal('median') }),
]);
export type MergeRule = Readonly<z.infer<typeof mergeRule>>;

/** With fewer, the cohort of a single poisoner is too large a part of what is left. */
const leastRobustCohorts = 5;

/** Cohorts whose sums are needed: with fewer the round gives nothing, whatever a weaker rule could still make of it. */
export function leastCohorts({ rule }: MergeRule): number {
  return rule === 'sum' ? 1 : leastRobustCohorts;
}

/** Whether the rule makes sense for what the segments mean: see `meanOver`. */
export function canMerge<Name extends string>(layout: Layout<Name>, { rule }: MergeRule): boolean {
  const isMean = ({ meanOver }: Segment<Name>) => {
    if (meanOver === undefined || meanOver === 'contributors') return meanOver !== undefined;
    const over = layout.find(({ name }) => name === meanOver.segment);
    return over?.length === 1 && over.meanOver === 'contributors';
  };
  return rule === 'sum' || layout.every(isMean);
}

/** Cohorts that the rule leaves out at each end. */
export function cutOf(rule: MergeRule, cohorts: number): number {
  const most = Math.floor((cohorts - 1) / 2);
  if (rule.rule === 'sum') return 0;
  // Rounding first keeps .07 × 100 from becoming 8.
  const wished = rule.rule === 'median' ? most : Math.ceil(Math.round(rule.trim * cohorts * 1e6) / 1e6);
  return Math.max(1, Math.min(most, wished));
}

/**
 * A robust rule counts every cohort the same, however many of its devices survived. Its sums are the merged means times
 * what they are over, so an algorithm that divides gets the merged mean back.
 *
 * @throws invariant for fewer cohorts than the rule needs, or segments that it makes no sense for
 */
export function mergeCohorts<Name extends string>(
  cohorts: readonly CohortSum[],
  encoding: Encoding<Name>,
  rule: MergeRule,
): Aggregate<Name> {
  invariant(cohorts.length >= leastCohorts(rule), 'a merge has the cohorts that its rule needs');
  invariant(canMerge(encoding.layout, rule), 'a robust merge is of means');
  if (rule.rule === 'sum') return decodeTogether(cohorts, encoding);
  const aggregates = cohorts.map(({ sum, ...of }) => decode(sum, encoding, of));
  return mergeMeans(aggregates, encoding.layout, cutOf(rule, cohorts.length));
}

function mergeMeans<Name extends string>(
  aggregates: readonly Aggregate<Name>[],
  layout: Layout<Name>,
  cut: number,
): Aggregate<Name> {
  const merged = layout.map((segment) => {
    const over = overOf(segment, layout, aggregates, cut);
    return [segment.name, mergeSegment(segment, aggregates, over, cut)] as const;
  });
  // fromEntries forgets the key type; the keys are the layout's names.
  return {
    sums: Object.fromEntries(merged.map(([name, { sum }]) => [name, sum])) as Record<Name, Float64Array>,
    contributors: contributorsOf(aggregates),
    noiseStd: Object.fromEntries(merged.map(([name, { noiseStd }]) => [name, noiseStd])) as Record<Name, number>,
  };
}

/** What a segment's sums are divided by, cohort by cohort, and what the merged mean is multiplied by. */
type Over = { readonly parts: readonly number[]; readonly whole: number };

function overOf<Name extends string>(
  { meanOver }: Segment<Name>,
  layout: Layout<Name>,
  aggregates: readonly Aggregate<Name>[],
  cut: number,
): Over {
  const counts = { parts: aggregates.map(({ contributors }) => contributors), whole: contributorsOf(aggregates) };
  if (meanOver === undefined || meanOver === 'contributors') return counts;
  const weights = layout.find(({ name }) => name === meanOver.segment)!;
  const whole = mergeSegment(weights, aggregates, counts, cut).sum[0]!;
  return { parts: aggregates.map(({ sums }) => sums[weights.name][0]!), whole };
}

function contributorsOf(aggregates: readonly Aggregate<string>[]): number {
  return aggregates.reduce((sum, { contributors }) => sum + contributors, 0);
}

/** One segment's sum or mean, and the noise in each of its coordinates. */
type Noised = { readonly sum: Float64Array; readonly noiseStd: number };

function mergeSegment<Name extends string>(
  segment: Segment<Name>,
  aggregates: readonly Aggregate<Name>[],
  { parts, whole }: Over,
  cut: number,
): Noised {
  const means = aggregates.map(({ sums, noiseStd }, i) =>
    divide({ sum: sums[segment.name], noiseStd: noiseStd[segment.name] }, parts[i]!),
  );
  const meanVariance = means.reduce((sum, { noiseStd }) => sum + noiseStd ** 2, 0) / means.length;
  const mean = trimmedMean(
    means.map((one) => clipMean(one, segment)),
    cut,
  );
  return {
    sum: mean.map((value) => value * whole),
    noiseStd: Math.abs(whole) * Math.sqrt(meanVariance) * trimmedMeanStd(means.length, cut),
  };
}

/** Over nothing, as where nobody in a cohort had a row, the mean is that nothing changes. */
function divide({ sum, noiseStd }: Noised, over: number): Noised {
  if (!(over > 0)) return { sum: new Float64Array(sum.length), noiseStd: 0 };
  return { sum: sum.map((value) => value / over), noiseStd: noiseStd / over };
}

/**
 * No mean of clipped vectors is longer than they may be, but its noise is: it adds its own expected square. At the clip
 * norm alone, noise in many coordinates would shorten every honest mean.
 */
function clipMean({ sum, noiseStd }: Noised, { clipNorm, length }: Segment<string>): Float64Array {
  const longest = Math.sqrt(clipNorm ** 2 + length * noiseStd ** 2);
  const norm = Math.sqrt(sum.reduce((squares, value) => squares + value * value, 0));
  return norm > longest ? sum.map((value) => (value * longest) / norm) : sum;
}

/** In each coordinate the mean of the vectors without the `cut` least and the `cut` greatest values. */
function trimmedMean(vectors: readonly Float64Array[], cut: number): Float64Array {
  const values = new Float64Array(vectors.length);
  const kept = vectors.length - 2 * cut;
  return Float64Array.from(vectors[0]!, (_, i) => {
    for (let v = 0; v < vectors.length; v++) values[v] = vectors[v]![i]!;
    values.sort();
    let sum = 0;
    for (let v = cut; v < cut + kept; v++) sum += values[v]!;
    return sum / kept;
  });
}
