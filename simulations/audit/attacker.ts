/**
 * The best informed attacker that the promise holds against: it sees the model before and after every round, knows who
 * took part and has the rows of everybody but the canaries. So it works out what the others have added, takes that away,
 * and what is left along a canary's weight is the canary, if it was in, and the noise.
 */

import { type FedAvgState, fedAvg, type LabelledRow } from '@chorale/shared/algorithms';
import type { Trainer } from '@chorale/shared/models';
import type { SeededRandom } from '@chorale/shared/testing';

export type Known = {
  /** Rows of the devices that are no canaries. */
  readonly people: readonly (readonly LabelledRow[])[];
  /** Devices in every sum, canaries included. */
  readonly cohort: number;
  readonly trainer: Trainer;
  readonly random: SeededRandom;
};

/** How far the models of one round moved beyond what the people explain, as a sum over devices. */
export async function unexplained(before: FedAvgState, after: FedAvgState, known: Known): Promise<Float64Array> {
  const scale = known.cohort / after.config.server.learningRate;
  const rest = Float64Array.from(after.parameters, (value, i) => scale * (value - before.parameters[i]!));
  const broadcast = fedAvg.publish(before);
  const { signal } = new AbortController();
  for (const rows of known.people) {
    const { update } = await fedAvg.contribute(broadcast, rows, { ...known, signal });
    update.forEach((value, i) => {
      rest[i] = rest[i]! - value;
    });
  }
  return rest;
}

/** One canary as the attacker sees it: how loud, and whether it is there, which only the judge knows. */
export type Trace = { readonly score: number; readonly isIn: boolean };

/**
 * Guesses that the loudest are in and the quietest are out, and keeps silent about those between.
 *
 * @param share of the canaries about whom it guesses, decided before it sees anything
 */
export function guess(traces: readonly Trace[], share: number): { readonly made: number; readonly correct: number } {
  const byScore = [...traces].sort((a, b) => a.score - b.score);
  const half = Math.max(1, Math.floor((share * traces.length) / 2));
  const right = (part: readonly Trace[], isIn: boolean) => part.filter((trace) => trace.isIn === isIn).length;
  return { made: 2 * half, correct: right(byScore.slice(0, half), false) + right(byScore.slice(-half), true) };
}
