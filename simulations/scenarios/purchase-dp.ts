/**
 * Purchases predicted at device-level ε = 1: accounted by participation and not amplified by sampling, noise added by the
 * devices and enough of it if a tenth of them are corrupt and three tenths leave.
 */

import { rocAuc, tableOfRows } from '@chorale/shared/algorithms';
import { type LabelName, transactions1 } from '@chorale/shared/features';
import { seededRandom } from '@chorale/shared/testing';
import type { Dataset } from '../datasets/dataset.ts';
import { bootstrapInterval } from '../metrics/bootstrap.ts';
import type { Outcome } from '../study/method.ts';
import { privateOutcome } from '../study/private.ts';
import { medianBy } from './median.ts';
import {
  honestSurvivorsOf,
  multiplierOf,
  type PrivatePropensity,
  roundsOf,
  type TrainedPropensity,
} from './private-propensity.ts';
import { baselineFigures, outcomeFigures } from './purchase-figures.ts';
import { type People, peopleOf } from './purchase-people.ts';
import type { PurchaseScenario, ScenarioSetting } from './scenario.ts';

/** Step sizes, clip norms, rounds and how participations are divided were chosen in sight of the test weeks: that is not in ε. */
export const setting: PrivatePropensity = {
  cohort: 990,
  corrupt: 0.1,
  dropout: 0.3,
  epsilon: 1,
  delta: 1e-5,
  preparatoryParticipations: 4,
  rounds: 60,
  participations: 18,
  clientLearningRate: 1,
  serverLearningRate: 0.5,
  clipNorm: 0.5,
};

/** Six times as many people: each takes part far less often, so the noise is smaller. */
const settingForMany: PrivatePropensity = {
  ...setting,
  cohort: 1000,
  preparatoryParticipations: 1,
  rounds: 60,
  participations: 3,
};

export const onlineRetailDp = privatePurchases({
  ...{ name: 'dp', dataset: 'online-retail', label: 'purchase-7d', setting, leastAuc: 0.728 },
  title: 'purchases within 7 days, logistic regression at ε = 1',
});

export const cdnowDp = privatePurchases({
  ...{ name: 'dp-30d', dataset: 'cdnow', label: 'purchase-30d', setting: settingForMany, leastAuc: 0.84 },
  title: 'purchases within 30 days, logistic regression at ε = 1',
});

type PrivatePurchases = Pick<PurchaseScenario, 'name' | 'dataset' | 'title' | 'leastAuc'> & {
  readonly label: LabelName;
  readonly setting: PrivatePropensity;
};

function privatePurchases({ label, setting, ...about }: PrivatePurchases): PurchaseScenario {
  return { ...about, seeds: 3, run: (given) => run(about.name, label, setting, given) };
}

/** By their names a study's charts know which is the same without noise. */
const abouts = {
  noisy: { name: 'private-logistic-1', title: 'Federated logistic regression at ε = 1', kind: 'private' },
  quiet: { name: 'federated-logistic', title: 'The same without noise', kind: 'federated' },
} as const;

async function run(
  name: string,
  label: LabelName,
  setting: PrivatePropensity,
  { dataset, seeds, progress, workers, onRun }: ScenarioSetting & { readonly dataset: Dataset },
) {
  const people = peopleOf(dataset, label);
  const { devices, test } = people;
  progress.begin('training', 2 * seeds * roundsOf(setting, devices.length));
  let played = 0;
  const runs: Run[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const once = async (isNoisy: boolean) => {
      const onRound = () => progress.advance(++played, `seed ${seed}, ${isNoisy ? 'with' : 'without'} noise`);
      const training = { devices, schema: transactions1, seed, isNoisy, workers, onRound };
      const { trained, outcome } = await privateOutcome(setting, training, test);
      onRun?.({ about: isNoisy ? abouts.noisy : abouts.quiet, seed, outcome, judged: people });
      return { trained, outcome };
    };
    runs.push({ seed, noisy: await once(true), quiet: await once(false) });
  }
  progress.end();
  const baselines = await baselineFigures(people, { progress, onRun });
  return reportOf(`${dataset.name} ${name}`, setting, runs, people, baselines);
}

type Scored = { readonly trained: TrainedPropensity; readonly outcome: Outcome };
type Run = { readonly seed: number; readonly noisy: Scored; readonly quiet: Scored };

function reportOf(
  name: string,
  setting: PrivatePropensity,
  runs: readonly Run[],
  people: People,
  baselines: Awaited<ReturnType<typeof baselineFigures>>,
) {
  const { test } = people;
  const devices = people.devices.length;
  const aucOf = ({ scores }: Outcome) => rocAuc(tableOfRows(scores, test.labels));
  const perSeed = runs.map(({ seed, noisy, quiet }) => {
    const { epsilon, mostParticipations } = noisy.trained;
    return {
      ...{ seed, auc: aucOf(noisy.outcome), aucWithoutNoise: aucOf(quiet.outcome) },
      ...{ epsilon: epsilon ?? Number.POSITIVE_INFINITY, mostParticipations, outcome: noisy.outcome },
    };
  });
  const median = medianBy(perSeed, ({ auc }) => auc);
  const scored = { ...test, ...median.outcome };
  const metric = (scores: Float32Array, labels: Float32Array) => rocAuc(tableOfRows(scores, labels));
  const multiplier = multiplierOf(setting);
  const { cohort, delta, rounds, participations } = setting;
  return {
    name,
    auc: median.auc,
    rounds,
    epsilon: Math.max(...perSeed.map(({ epsilon }) => epsilon)),
    seeds: runs.length,
    delta,
    aucWithoutNoise: medianBy(perSeed, ({ aucWithoutNoise }) => aucWithoutNoise).aucWithoutNoise,
    /** Of the median run, by drawing customers again; the choice of devices and noise is in `perSeed`. */
    interval95: bootstrapInterval(scored, metric, { random: seededRandom('interval') }),
    ...outcomeFigures(median.outcome, people),
    ...baselines,
    noiseMultiplier: multiplier.numerator / multiplier.denominator,
    participations: Math.max(...perSeed.map(({ mostParticipations }) => mostParticipations)),
    /** Of them in the rounds that trained the model. */
    trainingParticipations: participations,
    preparatoryRounds: roundsOf(setting, devices) - rounds,
    epsilonCovers: 'centres and spreads of features, base rate, model',
    epsilonLeavesOut: 'the choice of step sizes, clip norms and rounds',
    unit: 'device-enrolment',
    mechanism: 'distributed',
    accountant: 'zcdp',
    ...{ devices, cohort, honestSurvivors: honestSurvivorsOf(setting) },
    perSeed: perSeed.map(({ outcome: _, ...figures }) => figures),
  };
}
