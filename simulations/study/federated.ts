/** What devices learn together: everything about people comes from sums, and exactly. */

import {
  additiveBoosting,
  type FederatedAlgorithm,
  fedAvg,
  gridCountsOf,
  histogram,
  type LabelledRow,
  moments,
  standardizationOfMoments,
} from '@chorale/shared/algorithms';
import { binEdgesOf, encodedBounds, type FeatureSchema, gridOf } from '@chorale/shared/features';
import { logisticSpec } from '../baselines/index.ts';
import { runFast } from '../fast.ts';
import { linearTrainer } from '../scenarios/linear-trainer.ts';
import type { Ground, Method, Outcome } from './method.ts';
import { trainedOutcome } from './trained-outcome.ts';

const preparations = 1;
const bins = 32;

export const federatedLogistic: Method = {
  name: 'federated-logistic',
  title: 'Federated logistic regression (FedAdam)',
  kind: 'federated',
  isRandom: true,
  rounds: ({ rounds }) => preparations + rounds,
  async run(ground, seed, onRound) {
    const { schema, rounds } = ground;
    const bounds = boundsOf(schema);
    const asking = { algorithm: moments, config: { bounds, maxRows: 52 }, ...everybody(ground, seed) };
    const standardization = standardizationOfMoments((await lastOf(asking, onRound)).state);
    const config = {
      spec: logisticSpec(schema.features.length),
      standardization,
      server: { optimizer: 'adam', learningRate: 0.02 },
      client: { epochs: 1, batchSize: 64, learningRate: 0.5 },
      // Far above what an update of one epoch is long: nobody is clipped.
      ...{ clipNorm: 8, weighting: 'rows', rounds },
    };
    return train(ground, { algorithm: fedAvg, config, seed }, onRound);
  },
};

export const federatedAdditive: Method = {
  name: 'federated-additive',
  title: 'Federated additive model (boosted)',
  kind: 'federated',
  isRandom: true,
  rounds: ({ rounds }) => preparations + additiveRounds(rounds),
  async run(ground, seed, onRound) {
    const asking = {
      algorithm: histogram,
      config: { grid: gridOf(ground.schema), maxRows: 52 },
      ...everybody(ground, seed),
    };
    const edges = binEdgesOf(gridCountsOf((await lastOf(asking, onRound)).state), bins);
    const config = { edges, rounds: additiveRounds(ground.rounds), maxRows: 52, l2: 5 };
    return train(ground, { algorithm: additiveBoosting, config, seed }, onRound);
  },
};

/** It learns ten times as much from a round. */
function additiveRounds(rounds: number): number {
  return Math.max(5, Math.round(rounds / 10));
}

type Task<Config, State, Broadcast, Name extends string> = {
  readonly algorithm: FederatedAlgorithm<Config, State, Broadcast, LabelledRow, Name>;
  readonly config: { readonly rounds: number };
  readonly seed: number;
};

async function train<Config, State, Broadcast, Name extends string>(
  { people: { devices, test }, cohort }: Ground,
  { algorithm, config, seed }: Task<Config, State, Broadcast, Name>,
  onRound: () => void,
): Promise<Outcome> {
  const size = Math.min(cohort, devices.length);
  const training = { algorithm, config, devices, trainer: linearTrainer, seed, cohort: size };
  const { outcome } = await trainedOutcome(training, { test, rounds: config.rounds, preparations, onRound });
  return outcome;
}

function everybody({ people: { devices } }: Ground, seed: number) {
  const cohortCount = Math.ceil(devices.length / 1000);
  const cohort = Math.ceil(devices.length / cohortCount);
  return { devices, trainer: linearTrainer, seed, cohort, cohortCount };
}

async function lastOf<Config, State, Broadcast, Name extends string>(
  asking: Parameters<typeof runFast<Config, State, Broadcast, LabelledRow, Name>>[0],
  onRound: () => void,
) {
  for await (const round of runFast(asking)) {
    onRound();
    return round;
  }
  throw new Error('an asking takes a round');
}

function boundsOf({ features }: FeatureSchema) {
  const bounds = features.map(encodedBounds);
  return { lower: bounds.map(({ lo }) => lo), upper: bounds.map(({ hi }) => hi) };
}
