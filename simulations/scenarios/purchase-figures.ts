/** What a figure about purchases is reported with: more than AUC says of a model, and what it is measured against. */

import { transactions1 } from '@chorale/shared/features';
import { reportScores, type ScoreReport } from '../metrics/score-report.ts';
import { baselinesFor } from '../study/baselines.ts';
import type { Outcome } from '../study/method.ts';
import { type SternerFigures, sternerFigures } from '../study/sterner.ts';
import type { People } from './purchase-people.ts';
import type { ScenarioSetting } from './scenario.ts';

type OutcomeFigures = Pick<ScoreReport, 'prAuc' | 'logLoss' | 'calibration' | 'liftAtTenth'> & SternerFigures;

/** Of the run that counts, beside its AUC. */
export function outcomeFigures(outcome: Outcome, people: People): OutcomeFigures {
  const { prAuc, logLoss, calibration, liftAtTenth } = reportScores(outcome.scores, people.test.labels);
  return { ...{ prAuc, logLoss, calibration, liftAtTenth }, ...sternerFigures(outcome, people) };
}

/** By the names of a study's baselines; that of the base rate is .5 whatever it is, and its log loss stands beside it. */
const aucNames = {
  'central-logistic': 'aucCentral',
  'central-boosting': 'aucCentralBoosting',
  'local-only': 'aucLocalOnly',
  'own-rate': 'aucOwnRate',
  'recency-only': 'aucRecency',
  'base-rate': 'aucBaseRate',
} as const;

type BaselineFigures = Readonly<
  Record<(typeof aucNames)[keyof typeof aucNames] | 'logLossBaseRate' | 'majorityAccuracy', number>
>;

/** The same baselines as any study's: none of them draws anything, so each runs once, whatever the seeds. */
export async function baselineFigures(
  people: People,
  { progress, onRun }: Pick<ScenarioSetting, 'progress' | 'onRun'>,
): Promise<BaselineFigures> {
  const ground = { people, schema: transactions1, rounds: 0, cohort: 0 };
  const methods = baselinesFor(transactions1);
  const figures: Record<string, number> = {};
  progress.begin('baselines', methods.length);
  for (const [done, about] of methods.entries()) {
    progress.advance(done, about.name);
    const outcome = await about.run(ground, 1, () => {});
    onRun?.({ about, seed: 1, outcome, judged: people });
    const { auc, logLoss, majorityAccuracy } = reportScores(outcome.scores, people.test.labels);
    figures[aucNames[about.name as keyof typeof aucNames]] = auc;
    if (about.name === 'base-rate') Object.assign(figures, { logLossBaseRate: logLoss, majorityAccuracy });
  }
  progress.advance(methods.length);
  progress.end();
  return figures as BaselineFigures;
}
