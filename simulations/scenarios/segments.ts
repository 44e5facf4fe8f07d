/**
 * Segments of Online Retail's customers by recency, frequency and monetary value, found by `k-means/1` over secure sums and
 * held against Lloyd's iteration over one table of everybody; and once more at ε = 1.
 */

import { centersOf, type KMeansState, kMeans, type LabelledRow } from '@chorale/shared/algorithms';
import { dayMs, transactions1 } from '@chorale/shared/features';
import { standardize } from '@chorale/shared/models';
import { noiseMultiplierFor } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import { lloyd, type Segments, segmentsAround } from '../baselines/lloyd.ts';
import { snapshotsOf } from '../datasets/tasks.ts';
import { type FastOptions, runFast } from '../fast.ts';
import { adjustedRand } from '../metrics/adjusted-rand.ts';
import { linearTrainer } from './linear-trainer.ts';
import { medianBy } from './median.ts';
import { type Scenario, type ScenarioReport, type ScenarioSetting, withDataset } from './scenario.ts';

const cut = Date.parse('2011-11-28');

/** Declared, in raw units: two years, a hundred orders, ten to a hundred thousand pounds. What is beyond counts as there. */
const measures = [
  { name: 'recency', lo: 0, hi: 730 },
  { name: 'frequency', lo: 1, hi: 100 },
  { name: 'monetary', lo: 10, hi: 100_000 },
] as const;

const segments = 5;

/** Of each start's outcome the inertia is known, so the best of them is. */
const starts = 4;
const rounds = 25;
const largestCohort = 1000;

/** At ε = 1: from one start, and each of four groups of people takes part in every fourth round. */
const privately = { epsilon: 1, delta: 1e-5, groups: 4, participations: 3, honestShare: 0.6 } as const;

export const retailSegments: Scenario = {
  name: 'segments',
  dataset: 'online-retail',
  title: `${segments} segments by recency, frequency and monetary value, as one table gives them`,
  claim: { figure: 'adjustedRand', atLeast: 0.95 },
  seeds: 3,
  prepare: withDataset('online-retail', ({ dataset, ...setting }) => {
    const cuts = { first: cut, last: cut, everyMs: 7 * dayMs };
    const query = { source: transactions1.id, label: 'purchase-7d', cuts, maxRows: 1 } as const;
    return run(
      snapshotsOf(dataset, query).filter((rows) => rows.length > 0),
      setting,
    );
  }),
};

type Devices = readonly (readonly LabelledRow[])[];

async function run(devices: Devices, { seeds, progress }: ScenarioSetting): Promise<ScenarioReport> {
  const points = devices.map(([row]) => pointOf(row!.features));
  const central = lloyd(points, { segments, starts: 20, random: seededRandom('central') });
  progress.begin('segmenting', seeds * (starts + 1));
  const runs = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const found: { state: KMeansState; own: Segments }[] = [];
    for (let start = 0; start < starts; start++) {
      const state = await segmented(devices, { seed: `${seed}, ${start}`, ...everybody(devices.length) });
      found.push({ state, own: segmentsAround(points, state.centers) });
      progress.advance((seed - 1) * (starts + 1) + start + 1, `seed ${seed}`);
    }
    const best = found.reduce((one, other) => (other.state.inertia < one.state.inertia ? other : one));
    const noisy = await segmented(devices, { seed, ...inGroups(devices.length, seed) });
    progress.advance(seed * (starts + 1), `seed ${seed} at ε = ${privately.epsilon}`);
    runs.push({ seed, ...best, noisy: segmentsAround(points, noisy.centers) });
  }
  progress.end();
  return reportOf(runs, central, devices.length);
}

type Run = { readonly seed: number; readonly state: KMeansState; readonly own: Segments; readonly noisy: Segments };

function reportOf(runs: readonly Run[], central: Segments, devices: number): ScenarioReport {
  const perSeed = runs.map(({ seed, state, own, noisy }) => ({
    seed,
    adjustedRand: adjustedRand(own.labels, central.labels),
    inertiaToCentral: own.inertia / central.inertia,
    adjustedRandWithNoise: adjustedRand(noisy.labels, central.labels),
    inertiaToCentralWithNoise: noisy.inertia / central.inertia,
    rounds: state.round,
    segments: describe(state),
  }));
  const median = medianBy(perSeed, (one) => one.adjustedRand);
  const noisy = medianBy(perSeed, (one) => one.adjustedRandWithNoise);
  const largestFirst = [...median.segments].sort((a, b) => b.size - a.size);
  const shares = largestFirst.map(({ size }, i) => [`share${i + 1}`, size / devices] as const);
  return {
    name: 'online-retail segments',
    ...{ adjustedRand: median.adjustedRand, inertiaToCentral: median.inertiaToCentral },
    ...{ rounds: median.rounds, starts, epsilon: null, seeds: runs.length, devices },
    ...Object.fromEntries(shares),
    adjustedRandWithNoise: noisy.adjustedRandWithNoise,
    inertiaToCentralWithNoise: noisy.inertiaToCentralWithNoise,
    ...{ noiseEpsilon: privately.epsilon, noiseDelta: privately.delta, noiseParticipations: privately.participations },
    perSeed,
  };
}

/** How many people are in each segment, and where they are on average, in raw units. */
function describe(state: KMeansState) {
  return centersOf(state).map((center, segment) => ({
    size: state.sizes[segment]!,
    ...Object.fromEntries(measures.map(({ name }, i) => [name, Math.expm1(center[i]!)])),
  }));
}

const columns = measures.map(({ name }) => transactions1.features.findIndex((feature) => feature.name === name));

/** Of all features as rows hold them; only those of the measures are looked at. */
const bounds = {
  lower: transactions1.features.map((feature) => Math.log1p(declared(feature).lo)),
  upper: transactions1.features.map((feature) => Math.log1p(declared(feature).hi)),
};

function declared(feature: (typeof transactions1.features)[number]): { readonly lo: number; readonly hi: number } {
  return measures.find(({ name }) => name === feature.name) ?? feature;
}

/** A person in the space of the segments, for the table that nobody has but a laboratory. */
function pointOf(features: Float32Array): Float32Array {
  const of = (bound: readonly number[]) => columns.map((column) => bound[column]!);
  const [lower, upper] = [of(bounds.lower), of(bounds.upper)];
  const scaling = {
    mean: lower.map((low, i) => (low + upper[i]!) / 2),
    std: lower.map((low, i) => (upper[i]! - low) / 2),
    clip: 1,
  };
  return standardize(
    Float32Array.from(columns, (column) => features[column]!),
    scaling,
  );
}

type Sums = Pick<
  FastOptions<unknown, unknown, unknown, unknown, string>,
  'cohort' | 'noise' | 'cohorts' | 'cohortCount'
>;

function everybody(devices: number): Sums & { rounds: number } {
  const cohortCount = Math.ceil(devices / largestCohort);
  return { cohort: Math.ceil(devices / cohortCount), cohortCount, rounds };
}

/** A group a round, in turn: so nobody takes part more often than the promise allows. */
function inGroups(devices: number, seed: number): Sums & { rounds: number } {
  const { epsilon, delta, groups, participations, honestShare } = privately;
  const drawn = seededRandom(`groups ${seed}`).shuffle([...Array(devices).keys()]);
  const size = Math.floor(Math.min(largestCohort, devices / groups));
  const multiplier = noiseMultiplierFor({
    ...{ mechanism: 'distributed', unit: 'device-enrolment', epsilon, delta, participations },
  });
  return {
    cohort: size,
    cohorts: (round) => [drawn.slice((round % groups) * size, ((round % groups) + 1) * size)],
    noise: { multiplier, honestSurvivors: Math.floor(honestShare * size) },
    rounds: groups * participations,
  };
}

async function segmented(
  devices: Devices,
  { rounds, seed, ...sums }: Sums & { readonly rounds: number; readonly seed: string | number },
): Promise<KMeansState> {
  const config = { bounds, columns, segments, rounds };
  let last: KMeansState | undefined;
  for await (const { state } of runFast({
    ...{ algorithm: kMeans, config, devices, trainer: linearTrainer, seed },
    ...sums,
  }))
    last = state;
  return last!;
}
