/**
 * How often `comparison/1` and the release gate are wrong on Online Retail. A candidate is made that is worse than its champion
 * by exactly the margin, and is compared on devices drawn anew, again and again: it may pass by log loss in one of twenty.
 */

import { base64url, floatsToBytes } from '@chorale/shared';
import {
  comparison,
  judgeRelease,
  type LabelledRow,
  logLoss,
  pairedDifferenceOf,
  releaseCaseOf,
  usualReleaseLimits,
} from '@chorale/shared/algorithms';
import { predict, type Standardization, standardize } from '@chorale/shared/models';
import { noiseMultiplierFor } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import {
  centralStandardization,
  fitLogisticRegression,
  logisticSpec,
  rowsOf,
  standardizedRows,
} from '../baselines/index.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { snapshotsOf, tasks } from '../datasets/tasks.ts';
import { type Noise, runFast } from '../fast.ts';
import { linearTrainer } from './linear-trainer.ts';
import { medianBy } from './median.ts';
import { width } from './purchase-people.ts';
import { type Scenario, type ScenarioReport, type ScenarioSetting, withDataset } from './scenario.ts';

const { logLossMargin, confidence } = usualReleaseLimits;

/** Of 400 comparisons at 5 %, fewer than one run in a hundred has more than this share. */
const mostFalse = 0.0775;

const plain = { devices: 500, comparisons: 400 } as const;
/** At ε = 1 for a device that is asked once; so few only because noise of this size takes as long to draw as all else. */
const privately = { devices: 1000, comparisons: 100, epsilon: 1, delta: 1e-5, honestShare: 0.6 } as const;

export const retailRelease: Scenario = {
  name: 'release',
  dataset: 'online-retail',
  title: `share of ${plain.comparisons} comparisons by ${plain.devices} devices in which a model worse by the margin passes`,
  claim: { figure: 'falseReleases', atMost: mostFalse },
  seeds: 1,
  prepare: withDataset('online-retail', run),
};

type Devices = readonly (readonly LabelledRow[])[];
type Model = { readonly parameters: Float32Array; readonly standardization: Standardization };

async function run({ dataset, seeds, progress }: ScenarioSetting & { dataset: Dataset }): Promise<ScenarioReport> {
  const rows = (which: 'train' | 'test') =>
    snapshotsOf(dataset, tasks['online-retail']['purchase-7d'][which]).filter(({ length }) => length > 0);
  const [train, test] = [rows('train'), rows('test')];
  const [full, half] = [fitted(train), fitted(train.filter((_, i) => i % 2 === 0))];
  const worse = worsened(full, test);
  const perSeedRuns = 2 * plain.comparisons + privately.comparisons;
  progress.begin('comparing', seeds * perSeedRuns);
  const perSeed = [];
  for (let seed = 1; seed <= seeds; seed++) {
    let done = (seed - 1) * perSeedRuns;
    const compare = async (candidate: Model, champion: Model, of: Comparing) => {
      const found = await passes({ ...of, candidate, champion, people: test, seed }, () => progress.advance(++done));
      return { passed: found.filter(({ isPassed }) => isPassed).length / found.length, found };
    };
    const bad = await compare(worse, full, plain);
    const good = await compare(full, half, plain);
    const noisy = await compare(worse, full, { ...privately, noise: noise() });
    const mean = (of: (one: (typeof good.found)[number]) => number, { found }: typeof good) =>
      found.reduce((sum, one) => sum + of(one), 0) / found.length;
    perSeed.push({
      ...{ seed, falseReleases: bad.passed, betterReleased: good.passed, falseReleasesWithNoise: noisy.passed },
      betterBy: -mean((one) => one.mean, good),
      standardError: mean((one) => one.standardError, bad),
      standardErrorWithNoise: mean((one) => one.standardError, noisy),
      noiseShare: mean((one) => one.noiseShare, noisy),
    });
  }
  progress.end();
  const { seed: _, ...median } = medianBy(perSeed, ({ falseReleases }) => falseReleases);
  return {
    name: 'online-retail release',
    ...median,
    ...{ margin: logLossMargin, confidence, devices: plain.devices, comparisons: plain.comparisons },
    ...{ noiseEpsilon: privately.epsilon, noiseDelta: privately.delta, noiseDevices: privately.devices },
    ...{ rounds: 1, epsilon: null, seeds, perSeed },
  };
}

type Comparing = { readonly devices: number; readonly comparisons: number; readonly noise?: Noise };
type Compared = Comparing & {
  readonly candidate: Model;
  readonly champion: Model;
  readonly people: Devices;
  readonly seed: number;
};

/** Each on devices that are drawn with replacement: everybody in the data set is only a sample of people too. */
async function passes(
  { candidate, champion, people, seed, devices, comparisons, noise }: Compared,
  onDone: () => void,
) {
  const random = seededRandom(`${seed}, ${noise === undefined ? 'plain' : 'noisy'}`);
  const config = { champion: sent(champion), candidate: sent(candidate), maxRows: 4 };
  const found = [];
  for (let i = 0; i < comparisons; i++) {
    const drawn = Array.from({ length: devices }, () => people[random.below(people.length)]!);
    const asking = { algorithm: comparison, config, devices: drawn, trainer: linearTrainer, cohort: devices };
    for await (const { state } of runFast({ ...asking, seed: `${seed}, ${i}`, ...(noise && { noise }) })) {
      const { objections } = judgeRelease({ ...releaseCaseOf(state), privacy: undefined });
      found.push({ ...pairedDifferenceOf(state), isPassed: objections.every(({ rule }) => rule !== 'log-loss') });
    }
    onDone();
  }
  return found;
}

function noise(): Noise {
  const { epsilon, delta, devices, honestShare } = privately;
  const promise = { unit: 'device-enrolment', epsilon, delta, participations: 1 } as const;
  const multiplier = noiseMultiplierFor({ mechanism: 'distributed', ...promise });
  return { multiplier, honestSurvivors: Math.floor(honestShare * devices) };
}

function fitted(devices: Devices): Model {
  const rows = rowsOf(devices, width);
  const standardization = centralStandardization(rows, width);
  return { standardization, parameters: fitLogisticRegression(standardizedRows(rows, standardization), width) };
}

/** As the config of a task holds it. */
function sent({ parameters, standardization }: Model) {
  return { spec: logisticSpec(width), parameters: base64url(floatsToBytes(parameters)), standardization };
}

/** The same model with so wrong an intercept that devices lose the margin by it on average. */
function worsened(model: Model, devices: Devices): Model {
  const shifted = (by: number): Model => {
    const parameters = Float32Array.from(model.parameters);
    parameters[width] = parameters[width]! - by;
    return { ...model, parameters };
  };
  const before = meanLoss(model, devices);
  let [low, high] = [0, 4];
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2;
    if (meanLoss(shifted(middle), devices) - before < logLossMargin) low = middle;
    else high = middle;
  }
  return shifted(high);
}

/** Every device counting the same. */
function meanLoss({ parameters, standardization }: Model, devices: Devices): number {
  const losses = devices.map((rows) => {
    const features = standardize(Float32Array.from(rows.flatMap((row) => [...row.features])), standardization);
    const scores = predict(logisticSpec(width), parameters, features);
    return rows.reduce((sum, { label }, i) => sum + logLoss(scores[i]!, label), 0) / rows.length;
  });
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
}
