/**
 * Purchases predicted by logistic regression that many devices train together: moments of all of them first, then rounds of
 * federated averaging under the server's Adam, all through exact sums without noise.
 */

import { fedAvg, moments, rocAuc, standardizationOfMoments, tableOfRows } from '@chorale/shared/algorithms';
import { encodedBounds, type LabelName, transactions1 } from '@chorale/shared/features';
import type { Standardization } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { logisticSpec } from '../baselines/index.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { runFast } from '../fast.ts';
import { bootstrapInterval } from '../metrics/bootstrap.ts';
import type { Outcome } from '../study/method.ts';
import { trainedOutcome } from '../study/trained-outcome.ts';
import { medianBy } from './median.ts';
import { baselineFigures, outcomeFigures } from './purchase-figures.ts';
import { type People, peopleOf, width } from './purchase-people.ts';
import type { PurchaseScenario, ScenarioReport, ScenarioSetting } from './scenario.ts';

/** Step sizes and rounds are those of a prototype, which chose them in sight of the test weeks. */
const setting = {
  cohort: 200,
  rounds: 300,
  clientLearningRate: 0.5,
  serverLearningRate: 0.02,
  /** Far above what an update of one epoch is long: nobody is clipped. */
  clipNorm: 8,
} as const;

/** Devices in one cohort of the asking for moments, as many as a cohort may have. */
const momentsCohort = 1000;

export function fedAdam(of: Pick<PurchaseScenario, 'dataset' | 'leastAuc'> & { label: LabelName }): PurchaseScenario {
  const { dataset, label, leastAuc } = of;
  return {
    name: label === 'purchase-7d' ? 'fed-adam' : 'fed-adam-30d',
    title: `purchases within ${daysOf[label]} days, logistic regression by FedAdam`,
    ...{ dataset, leastAuc, seeds: 3 },
    run: (given) => run(label, given),
  };
}

const daysOf: Readonly<Record<LabelName, number>> = { 'purchase-7d': 7, 'purchase-30d': 30 };

const about = { name: 'fed-adam', title: 'Federated logistic regression (FedAdam)', kind: 'federated' } as const;

async function run(
  label: LabelName,
  { dataset, seeds, progress, workers, onRun }: ScenarioSetting & { readonly dataset: Dataset },
): Promise<ScenarioReport> {
  const people = peopleOf(dataset, label);
  progress.begin('training', seeds * setting.rounds);
  const runs: { seed: number; outcome: Outcome; auc: number }[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const onRound = (round: number) => progress.advance((seed - 1) * setting.rounds + round, `seed ${seed}`);
    const outcome = await trained(people, { seed, workers }, onRound);
    onRun?.({ about, seed, outcome, judged: people });
    runs.push({ seed, outcome, auc: aucOf(outcome.scores, people.test.labels) });
  }
  progress.end();
  const { outcome, auc } = medianBy(runs, (one) => one.auc);
  return {
    name: `${dataset.name} ${label} fed-adam`,
    ...{ auc, rounds: setting.rounds, epsilon: null, seeds },
    /** Of the median run, by drawing customers again. */
    interval95: bootstrapInterval({ ...people.test, ...outcome }, aucOf, { random: seededRandom('interval') }),
    ...outcomeFigures(outcome, people),
    ...(await baselineFigures(people, { progress, onRun })),
    devices: people.devices.length,
    cohort: setting.cohort,
    perSeed: runs.map(({ seed, auc }) => ({ seed, auc })),
  };
}

type By = { readonly seed: number; readonly workers: number };

async function trained(people: People, by: By, onRound: (round: number) => void): Promise<Outcome> {
  const standardization = await askedStandardization(people, by);
  const config = {
    spec: logisticSpec(width),
    standardization,
    server: { optimizer: 'adam', learningRate: setting.serverLearningRate },
    // All rows of a device in one batch, once: more steps lead one person's model away from everybody's.
    client: { epochs: 1, batchSize: 64, learningRate: setting.clientLearningRate },
    ...{ clipNorm: setting.clipNorm, weighting: 'rows', rounds: setting.rounds },
  };
  const { devices, test } = people;
  const training = { algorithm: fedAvg, config, devices, trainer: 'linear' as const, ...by, cohort: setting.cohort };
  const looking = { test, rounds: setting.rounds, preparations: 1, onRound };
  return (await trainedOutcome(training, looking)).outcome;
}

/** One round of moments of all devices, in as few cohorts as hold them. */
async function askedStandardization({ devices }: People, by: By): Promise<Standardization> {
  const bounds = transactions1.features.map(encodedBounds);
  const config = { bounds: { lower: bounds.map(({ lo }) => lo), upper: bounds.map(({ hi }) => hi) }, maxRows: 52 };
  const cohortCount = Math.ceil(devices.length / momentsCohort);
  const asking = {
    algorithm: moments,
    config,
    devices,
    trainer: 'linear' as const,
    ...by,
    cohort: momentsCohort,
    cohortCount,
  };
  for await (const { state } of runFast(asking)) return standardizationOfMoments(state);
  throw new Error('moments take a round');
}

function aucOf(scores: Float32Array, labels: Float32Array): number {
  return rocAuc(tableOfRows(scores, labels));
}
