/** What devices learn together: everything about people comes from sums, and exactly. */

import {
  additiveBoosting,
  type FederatedAlgorithm,
  fedAvg,
  gridCountsOf,
  histogram,
  type LabelledRow,
  moments,
  rocAuc,
  standardizationOfMoments,
  tableOfRows,
} from '@chorale/shared/algorithms';
import { binEdgesOf, encodedBounds, type FeatureSchema, gridOf } from '@chorale/shared/features';
import { predict, standardize } from '@chorale/shared/models';
import { logisticSpec } from '../baselines/index.ts';
import { runFast } from '../fast.ts';
import { linearTrainer } from '../scenarios/linear-trainer.ts';
import type { Ground, LearningPoint, Method, Outcome } from './method.ts';

const preparations = 1;
const bins = 32;
/** Points in a learning curve: looking at all test rows in every round would take longer than training. */
const curvePoints = 30;

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
  readonly config: unknown;
  readonly seed: number;
};

async function train<Config, State, Broadcast, Name extends string>(
  { people: { devices, test }, cohort }: Ground,
  { algorithm, config, seed }: Task<Config, State, Broadcast, Name>,
  onRound: () => void,
): Promise<Outcome> {
  const size = Math.min(cohort, devices.length);
  const learning: LearningPoint[] = [];
  let last = { scores: new Float32Array(0), rounds: 0, dimension: 0 };
  const scoresOf = (state: State) => {
    const { spec, parameters, standardization } = algorithm.model(state)!;
    return predict(spec, parameters, standardization ? standardize(test.features, standardization) : test.features);
  };
  const options = { algorithm, config, devices, trainer: linearTrainer, seed, cohort: size };
  const expected = (config as { rounds: number }).rounds;
  const every = Math.max(1, Math.floor(expected / curvePoints));
  for await (const { round, state, cohorts } of runFast(options)) {
    onRound();
    const isLast = algorithm.isDone(state);
    if (!isLast && (round + 1) % every !== 0) continue;
    const scores = scoresOf(state);
    learning.push({ round: round + 1, auc: rocAuc(tableOfRows(scores, test.labels)) });
    last = { scores, rounds: round + 1, dimension: cohorts[0]!.sum.length };
  }
  const cost = {
    rounds: last.rounds + preparations,
    uploadBytes: 4 * last.dimension,
    participations: (last.rounds * size) / devices.length + preparations,
  };
  return { scores: last.scores, learning, cost };
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
