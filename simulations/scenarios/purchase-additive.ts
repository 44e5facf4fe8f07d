/**
 * Purchases predicted by an additive model that many devices boost together: one secure sum of a fixed grid of all features
 * gives the edges of bins, then every round is one secure sum of gradients over those bins. All sums are exact, without noise.
 */

import { additiveBoosting, gridCountsOf, histogram, rocAuc, tableOfRows } from '@chorale/shared/algorithms';
import { binEdgesOf, gridOf, type LabelName, transactions1 } from '@chorale/shared/features';
import { seededRandom } from '@chorale/shared/testing';
import type { Dataset } from '../datasets/dataset.ts';
import { runFast } from '../fast.ts';
import { bootstrapInterval } from '../metrics/bootstrap.ts';
import type { Outcome } from '../study/method.ts';
import { trainedOutcome } from '../study/trained-outcome.ts';
import { medianBy } from './median.ts';
import { baselineFigures, outcomeFigures } from './purchase-figures.ts';
import { type People, peopleOf } from './purchase-people.ts';
import type { PurchaseScenario, ScenarioReport, ScenarioSetting } from './scenario.ts';

type Setting = {
  /** Devices in one round, over as many cohorts as hold them. */
  readonly devices: number;
  /** Secure sums in all, the one for the edges included. */
  readonly rounds: number;
};

/** The same for both purchase logs; chosen in sight of the test weeks. */
const bins = 32;
const l2 = 5;

/** Most devices in one cohort. */
const cohort = 1000;

export function additive(
  of: Pick<PurchaseScenario, 'dataset' | 'leastAuc'> & { label: LabelName; setting: Setting },
): PurchaseScenario {
  const { dataset, label, leastAuc, setting } = of;
  return {
    name: label === 'purchase-7d' ? 'additive' : 'additive-30d',
    title: `purchases within ${label === 'purchase-7d' ? 7 : 30} days, an additive model in ${setting.rounds} secure sums`,
    ...{ dataset, leastAuc, seeds: 3 },
    run: (given) => run(label, setting, given),
  };
}

const about = { name: 'additive', title: 'Federated additive model (boosted)', kind: 'federated' } as const;

async function run(
  label: LabelName,
  setting: Setting,
  { dataset, seeds, progress, workers, onRun }: ScenarioSetting & { readonly dataset: Dataset },
): Promise<ScenarioReport> {
  const people = peopleOf(dataset, label);
  progress.begin('training', seeds * setting.rounds);
  const runs: { seed: number; outcome: Outcome; auc: number; stepsBack: number }[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const onRound = (round: number) => progress.advance((seed - 1) * setting.rounds + round, `seed ${seed}`);
    const { outcome, state } = await trained(people, setting, { seed, workers }, onRound);
    onRun?.({ about, seed, outcome, judged: people });
    runs.push({ seed, outcome, stepsBack: state.stepsBack, auc: aucOf(outcome.scores, people.test.labels) });
  }
  progress.end();
  const { outcome, auc } = medianBy(runs, (one) => one.auc);
  return {
    name: `${dataset.name} ${label} additive`,
    ...{ auc, rounds: setting.rounds, epsilon: null, seeds },
    /** Of the median run, by drawing customers again. */
    interval95: bootstrapInterval({ ...people.test, ...outcome }, aucOf, { random: seededRandom('interval') }),
    ...outcomeFigures(outcome, people),
    ...(await baselineFigures(people, { progress, onRun })),
    roundsForEdges: 1,
    devices: people.devices.length,
    devicesPerRound: Math.min(setting.devices, people.devices.length),
    bins,
    perSeed: runs.map(({ outcome: _, ...figures }) => figures),
  };
}

type By = { readonly seed: number; readonly workers: number };

async function trained(people: People, setting: Setting, by: By, onRound: (round: number) => void) {
  const { devices, test } = people;
  const asking = {
    devices,
    trainer: 'linear' as const,
    ...by,
    ...cohortsFor(Math.min(setting.devices, devices.length)),
  };
  const edges = await askedEdges(asking);
  onRound(1);
  const config = {
    edges,
    rounds: setting.rounds - 1,
    maxRows: 52,
    l2,
  };
  const looking = { test, rounds: config.rounds, preparations: 1, onRound: (round: number) => onRound(round + 1) };
  return trainedOutcome({ ...asking, algorithm: additiveBoosting, config }, looking);
}

function cohortsFor(devices: number) {
  const cohortCount = Math.ceil(devices / cohort);
  return { cohort: Math.ceil(devices / cohortCount), cohortCount };
}

async function askedEdges(
  asking: Pick<Parameters<typeof runFast>[0], 'trainer' | 'seed' | 'workers' | 'cohort'> & Pick<People, 'devices'>,
): Promise<number[][]> {
  const config = { grid: gridOf(transactions1), maxRows: 52 };
  for await (const { state } of runFast({ ...asking, algorithm: histogram, config }))
    return binEdgesOf(gridCountsOf(state), bins);
  throw new Error('a histogram takes a round');
}

function aucOf(scores: Float32Array, labels: Float32Array): number {
  return rocAuc(tableOfRows(scores, labels));
}
