/** What the cohorts of a round come to together: one aggregate of those that reached a sum, or nothing. */

import { invariant } from '@chorale/shared';
import { type Aggregate, type Encoding, leastCohorts, type MergeRule, mergeCohorts } from '@chorale/shared/encoding';
import { type Account, type CohortOutcome, decodeHeader, type Plan, type ServerOutcome } from '@chorale/shared/secagg';
import { centralNoise } from '../privacy/noise.ts';

export type CommittedCohort = Extract<CohortOutcome, { kind: 'committed' }>;
type Failed = Extract<ServerOutcome, { kind: 'abandoned' }>;

/** @prop cohorts those that reached a sum, by number; as many as the merge needs, or more */
export type Committed = Account & { readonly kind: 'committed'; readonly cohorts: readonly CommittedCohort[] };
export type RoundOutcome = Committed | Failed;

/** A cohort that failed is left out; a round fails where fewer are left than its merge needs. */
export function judge(outcome: ServerOutcome, merge: MergeRule): RoundOutcome {
  if (outcome.kind === 'abandoned') return outcome;
  const { funnel, droppedByTurn, named } = outcome;
  const account = { funnel, droppedByTurn, named };
  const cohorts = outcome.cohorts.filter((cohort) => cohort.kind === 'committed');
  if (cohorts.length >= leastCohorts(merge)) return { kind: 'committed', cohorts, ...account };
  const failed = outcome.cohorts.filter((cohort) => cohort.kind === 'abandoned');
  // Cohorts that were ended because others had failed say less than those others.
  const first = failed.find(({ reason }) => reason !== 'too-few-cohorts') ?? failed[0];
  invariant(first, 'a round without enough sums has a cohort that failed');
  return { kind: 'abandoned', reason: first.reason, turn: first.turn, ...account };
}

/** @param cohorts with the sums as they are released: where the coordinator adds the noise, it has */
export function aggregateOf(
  cohorts: readonly CommittedCohort[],
  { plan, encoding, merge }: { readonly plan: Plan; readonly encoding: Encoding<string>; readonly merge: MergeRule },
): Aggregate<string> {
  const centralVariance = centralNoise(plan);
  const sums = cohorts.map(({ sum, survivors, transcript }) => {
    // The devices' noise is as the header says that they all saw.
    const { noiseVariance } = decodeHeader(transcript.header);
    return { sum, contributors: survivors.length, noiseVariance, centralVariance };
  });
  return mergeCohorts(sums, encoding, merge);
}
