/**
 * Weeks of Online Retail watched by `drift/1`: one secure sum a week says how far features have moved, whether a model of the
 * spring still fits, and whether it is losing skill. Then once more with a fault planted in the middle, an app that begins to
 * count pence for pounds: in the very week, every feature made of money has to be named. How many are at ε = 1 is told too.
 */

import { base64url, floatsToBytes } from '@chorale/shared';
import {
  alarmsOf,
  type DriftPeriod,
  type DriftState,
  drift,
  driftReference,
  gridCountsOf,
  histogram,
  type LearnedModel,
} from '@chorale/shared/algorithms';
import { dayMs, encodedBounds, gridOf, type LabelledSnapshot, transactions1 } from '@chorale/shared/features';
import { noiseMultiplierFor } from '@chorale/shared/privacy';
import {
  centralStandardization,
  fitLogisticRegression,
  logisticSpec,
  rowsOf,
  standardizedRows,
} from '../baselines/index.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { snapshotsOf } from '../datasets/tasks.ts';
import { type Noise, runFast } from '../fast.ts';
import { linearTrainer } from './linear-trainer.ts';
import { medianBy } from './median.ts';
import { width } from './purchase-people.ts';
import { type Scenario, type ScenarioReport, type ScenarioSetting, withDataset } from './scenario.ts';

const everyMs = 7 * dayMs;
const trained = { first: Date.parse('2011-03-07'), last: Date.parse('2011-08-01') };

/** The last weeks of training say how much skill is usual; the very last, how features are spread. */
const usualWeeks = 10;
const watchedWeeks = 16;

/** The week, counted from 0, with which pence begin. */
const faultFrom = 8;

/** What grows with time by itself, and what the day of the cut decides. */
const unwatched = indicesOf((name) => name === 'tenure' || name === 'sameWeekdayShare');
const ofMoney = indicesOf((_, unit) => unit === 'money');

const largestCohort = 1000;

/** Each week is a participation of everybody. */
const privately = { epsilon: 1, delta: 1e-5, honestShare: 0.6 } as const;

export const retailDrift: Scenario = {
  name: 'drift',
  dataset: 'online-retail',
  title: `a fault planted in week ${faultFrom} of ${watchedWeeks} is named in that week, share of its features`,
  claim: { figure: 'faultNamed', atLeast: 1 },
  // Exact sums are the same for every seed; others differ in their noise alone.
  seeds: 1,
  prepare: withDataset('online-retail', run),
};

async function run({ dataset, seeds, progress }: ScenarioSetting & { dataset: Dataset }): Promise<ScenarioReport> {
  const before = weekly(dataset, trained.first, trained.last);
  const after = weekly(dataset, trained.last + everyMs, trained.last + watchedWeeks * everyMs);
  const spoiled = after.map((rows) => rows.map((row) => (weekOf(row) < faultFrom ? row : inPence(row))));
  const model = modelOf(before);
  progress.begin('watching', 3 * seeds);
  const runs = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const config = await usually(before, model, seed);
    const asItWas = await watch(after, { ...config, seed });
    progress.advance(3 * seed - 2, `seed ${seed}, as it was`);
    const faulty = await watch(spoiled, { ...config, seed });
    progress.advance(3 * seed - 1, `seed ${seed}, with the fault`);
    const private_ = await watch(spoiled, { ...config, seed, noise: noiseFor(spoiled.length) });
    progress.advance(3 * seed, `seed ${seed}, with the fault, at ε = ${privately.epsilon}`);
    runs.push({ seed, asItWas, faulty, private_ });
  }
  progress.end();
  return reportOf(runs, after.length);
}

type Watched = { readonly asItWas: DriftState; readonly faulty: DriftState; readonly private_: DriftState };

function reportOf(runs: readonly (Watched & { readonly seed: number })[], devices: number): ScenarioReport {
  const perSeed = runs.map(({ seed, asItWas, faulty, private_ }) => ({
    seed,
    faultNamed: namedOf(faulty),
    faultNamedWithNoise: namedOf(private_),
    // Weeks before the fault in which anything has moved: none should be named for noise's sake.
    movedBefore: mostMoved(faulty.periods.slice(0, faultFrom)),
    movedBeforeWithNoise: mostMoved(private_.periods.slice(0, faultFrom)),
    largestCalibration: Math.max(...asItWas.periods.map(({ calibration = 0 }) => calibration)),
    weeksMiscalibrated: asItWas.periods.filter((period) => alarmsOf(period).isMiscalibrated).length,
    skillLost: asItWas.periods.at(-1)!.lost,
    skillLostWithFault: faulty.periods.at(-1)!.lost,
    weeks: asItWas.periods.map(describe),
  }));
  const { weeks, seed: _, ...median } = medianBy(perSeed, (one) => one.faultNamed + one.faultNamedWithNoise);
  return {
    name: 'online-retail drift',
    ...median,
    movedAtLast: weeks.at(-1)!.moved.length,
    ...{ rounds: watchedWeeks, epsilon: null, seeds: runs.length, devices },
    ...{ noiseEpsilon: privately.epsilon, noiseDelta: privately.delta },
    perSeed,
  };
}

/** Share of the features made of money that are named in the week of the fault. */
function namedOf({ periods }: DriftState): number {
  const { moved } = alarmsOf(periods[faultFrom]!);
  return ofMoney.filter((feature) => moved.includes(feature)).length / ofMoney.length;
}

function mostMoved(periods: readonly DriftPeriod[]): number {
  return Math.max(...periods.map((period) => alarmsOf(period).moved.length));
}

function describe(period: DriftPeriod) {
  const { stability, rows, calibration, skill, lost } = period;
  const largest = stability.indexOf(Math.max(...stability));
  const moved = alarmsOf(period).moved.map((feature) => transactions1.features[feature]!.name);
  return {
    ...{ rows, calibration, skill, lost, moved },
    ...{ largest: transactions1.features[largest]!.name, stability: stability[largest]! },
  };
}

type Devices = readonly (readonly LabelledSnapshot[])[];

function weekly(dataset: Dataset, first: number, last: number): Devices {
  const query = {
    source: transactions1.id,
    label: 'purchase-7d',
    cuts: { first, last, everyMs },
    maxRows: 52,
  } as const;
  return snapshotsOf(dataset, query).filter((rows) => rows.length > 0);
}

/** Counted from the first week that is watched. */
function weekOf({ cut }: LabelledSnapshot): number {
  return Math.round((cut - trained.last) / everyMs) - 1;
}

function inPence(row: LabelledSnapshot): LabelledSnapshot {
  const features = row.features.map((value, i) => {
    if (!ofMoney.includes(i)) return value;
    return Math.min(encodedBounds(transactions1.features[i]!).hi, Math.log1p(100 * Math.expm1(value)));
  });
  return { ...row, features };
}

/** Central, since how the model was trained matters little to watching it. */
function modelOf(devices: Devices): LearnedModel {
  const rows = rowsOf(devices, width);
  const standardization = centralStandardization(rows, width);
  const parameters = fitLogisticRegression(standardizedRows(rows, standardization), width);
  return { spec: logisticSpec(width), parameters, standardization };
}

/** What `drift/1` is told about the time when all was well; secure sums of that time say it. */
async function usually(devices: Devices, { spec, parameters, standardization }: LearnedModel, seed: number) {
  const lastWeek = devices.map((rows) => rows.filter(({ cut }) => cut === trained.last));
  const reference = driftReference(await gridCounts(lastWeek, seed), { unwatched });
  const model = { spec, parameters: base64url(floatsToBytes(parameters)), standardization };
  const firstUsual = trained.last - (usualWeeks - 1) * everyMs;
  const { periods } = await play(devices, { ...reference, model, periods: usualWeeks }, { seed, firstCut: firstUsual });
  const skills = periods.map(({ skill }) => skill!);
  const mean = skills.reduce((sum, skill) => sum + skill, 0) / skills.length;
  const variance = skills.reduce((sum, skill) => sum + (skill - mean) ** 2, 0) / (skills.length - 1);
  return { ...reference, model, skill: { mean, std: Math.sqrt(variance) } };
}

type Usual = Awaited<ReturnType<typeof usually>>;

function watch(devices: Devices, { seed, noise, ...config }: Usual & { seed: number; noise?: Noise }) {
  const firstCut = trained.last + everyMs;
  return play(devices, { ...config, periods: watchedWeeks }, { seed, firstCut, ...(noise && { noise }) });
}

type Play = { readonly seed: number; readonly firstCut: number; readonly noise?: Noise };

/** Every week a device has another row, as its source gives it: the simulator knows one list of rows for all rounds. */
async function play(devices: Devices, config: unknown, { seed, firstCut, noise }: Play): Promise<DriftState> {
  let cut = firstCut;
  const algorithm: typeof drift = {
    ...drift,
    contribute: (broadcast, rows, tools) =>
      drift.contribute(
        broadcast,
        rows.filter((row) => (row as LabelledSnapshot).cut === cut),
        tools,
      ),
  };
  let last: DriftState | undefined;
  const sums = { ...cohortsOf(devices.length), ...(noise && { noise }) };
  for await (const { state } of runFast({ algorithm, config, devices, trainer: linearTrainer, seed, ...sums })) {
    last = state;
    cut += everyMs;
  }
  return last!;
}

async function gridCounts(devices: Devices, seed: number) {
  const config = { grid: gridOf(transactions1), maxRows: 1 };
  const asking = { devices, trainer: linearTrainer, seed, ...cohortsOf(devices.length) };
  for await (const { state } of runFast({ algorithm: histogram, config, ...asking })) return gridCountsOf(state);
  throw new Error('a histogram takes a round');
}

function cohortsOf(devices: number) {
  const cohortCount = Math.ceil(devices / largestCohort);
  return { cohort: Math.ceil(devices / cohortCount), cohortCount };
}

function noiseFor(devices: number): Noise {
  const { epsilon, delta, honestShare } = privately;
  const multiplier = noiseMultiplierFor({
    ...{ mechanism: 'distributed', unit: 'device-enrolment', epsilon, delta, participations: watchedWeeks },
  });
  const { cohort, cohortCount } = cohortsOf(devices);
  const smallest = devices - cohort * (cohortCount - 1);
  return { multiplier, honestSurvivors: Math.floor(honestShare * smallest) };
}

function indicesOf(holds: (name: string, unit: string) => boolean): number[] {
  return transactions1.features.flatMap(({ name, unit }, i) => (holds(name, unit) ? [i] : []));
}
