/** A training by secure sums as a study sees it: its scores, how they came about, and what they cost. */

import { type LabelledRow, rocAuc, tableOfRows } from '@chorale/shared/algorithms';
import { predict, standardize } from '@chorale/shared/models';
import type { Rows, Scorer } from '../baselines/index.ts';
import { type FastOptions, runFast } from '../fast.ts';
import type { LearningPoint, Outcome } from './method.ts';

export type Looking = {
  readonly test: Rows;
  /** That the training takes. */
  readonly rounds: number;
  /** Secure sums that went before, each of everybody. */
  readonly preparations: number;
  readonly onRound: (round: number) => void;
};

type Scored = { readonly scores: Float32Array; readonly scoresOf: Scorer };

/** @returns the algorithm's last state beside the outcome */
export async function trainedOutcome<Config, State, Broadcast, Name extends string>(
  training: FastOptions<Config, State, Broadcast, LabelledRow, Name>,
  { test, rounds, preparations, onRound }: Looking,
): Promise<{ readonly outcome: Outcome; readonly state: State }> {
  const { algorithm, devices, cohort, cohortCount = 1 } = training;
  const curve = learningCurve(test, rounds);
  let last: (Scored & { state: State; rounds: number; dimension: number }) | undefined;
  for await (const { round, state, cohorts } of runFast(training)) {
    onRound(round + 1);
    if (!curve.isDue(round + 1) && !algorithm.isDone(state)) continue;
    const model = algorithm.model(state);
    // The first tree takes several rounds.
    if (model === undefined) continue;
    const { spec, parameters, standardization } = model;
    const scoresOf: Scorer = ({ features }) =>
      predict(spec, parameters, standardization ? standardize(features, standardization) : features);
    const scores = scoresOf(test);
    curve.look(round + 1, scores);
    last = { state, scores, scoresOf, rounds: round + 1, dimension: cohorts[0]!.sum.length };
  }
  if (last === undefined) throw new Error('a training takes a round');
  const cost = {
    rounds: last.rounds + preparations,
    uploadBytes: 4 * last.dimension,
    participations: (last.rounds * cohort * cohortCount) / devices.length + preparations,
  };
  const { scores, scoresOf, state } = last;
  return { outcome: { scores, scoresOf, learning: curve.points, cost }, state };
}

/** Looking at all test rows in every round would take longer than training. */
const curvePoints = 30;

/** AUC on the test rows, at about so many of the rounds. */
export function learningCurve({ labels }: Pick<Rows, 'labels'>, rounds: number) {
  const points: LearningPoint[] = [];
  const every = Math.max(1, Math.floor(rounds / curvePoints));
  return {
    points,
    isDue: (round: number) => round % every === 0,
    look: (round: number, scores: Float32Array) =>
      void points.push({ round, auc: rocAuc(tableOfRows(scores, labels)) }),
  };
}
