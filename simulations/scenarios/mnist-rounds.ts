/**
 * Rounds of federated averaging until 97 % of MNIST's test digits are recognised, by a network with two hidden layers of
 * 200 units ("2NN"): H. B. McMahan et al., Communication-Efficient Learning of Deep Networks from Decentralized Data,
 * AISTATS 2017, Table 1, with E = 1, B = 10, C = 0.1.
 */

import { createKernelTrainer } from '@chorale/client/training';
import { fedAvg, type LabelledRow } from '@chorale/shared/algorithms';
import { predict, type TrainableSpec } from '@chorale/shared/models';
import { type SeededRandom, seededRandom } from '@chorale/shared/testing';
import { digits, loadMnist, type Mnist, pixels } from '../datasets/mnist.ts';
import { runFast } from '../fast.ts';
import { medianBy } from './median.ts';
import type { Scenario, ScenarioReport, ScenarioSetting } from './scenario.ts';

type Partition = 'iid' | 'non-iid';

/** What the paper's table prints. */
const printedRounds: Readonly<Record<Partition, number>> = { iid: 87, 'non-iid': 664 };

const target = 0.97;
const clients = 100;
const cohort = 10;
const learningRate: Readonly<Record<Partition, number>> = { iid: 0.1, 'non-iid': 0.05 };

const spec: TrainableSpec = {
  family: 'mlp',
  ...{ inputs: pixels, hidden: [200, 200], activation: 'relu', outputs: digits, output: 'softmax' },
};

export function mnistRounds(partition: Partition): Scenario {
  return {
    name: `2nn-${partition}`,
    dataset: 'mnist',
    title: `rounds until 97 % are recognised, ${partition === 'iid' ? 'every client with all digits' : 'two digits a client'}`,
    claim: { figure: 'rounds', atMost: printedRounds[partition] },
    seeds: 3,
    async prepare() {
      const mnist = await loadMnist();
      return { origin: 'MNIST (LeCun et al.): 70,000 digits', run: (setting) => run(mnist, partition, setting) };
    },
  };
}

async function run(mnist: Mnist, partition: Partition, { seeds, progress }: ScenarioSetting): Promise<ScenarioReport> {
  const most = printedRounds[partition];
  progress.begin('training', seeds * most);
  const perSeed: { seed: number; rounds: number }[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const onRound = (round: number) => progress.advance((seed - 1) * most + round, `seed ${seed}`);
    perSeed.push({ seed, rounds: await roundsToTarget(mnist, partition, seed, onRound) });
  }
  progress.end();
  const { rounds } = medianBy(perSeed, (one) => one.rounds);
  return {
    name: `mnist 2nn ${partition}`,
    ...{ rounds, epsilon: null, seeds, target, printedRounds: most, clients, cohort, perSeed },
  };
}

/** @returns rounds until the target; Infinity if as many as are printed did not reach it */
async function roundsToTarget(
  { train, test }: Mnist,
  partition: Partition,
  seed: number,
  onRound: (round: number) => void,
): Promise<number> {
  const random = seededRandom(`mnist ${partition}, ${seed}`);
  const devices = partition === 'iid' ? alike(train, random) : twoDigits(train, random);
  const config = {
    spec,
    server: { optimizer: 'sgd', learningRate: 1 },
    client: { epochs: 1, batchSize: 10, learningRate: learningRate[partition] },
    // Far above what an update of one epoch is long: nobody is clipped.
    ...{ clipNorm: 64, weighting: 'rows', maxRows: train.length / clients, rounds: printedRounds[partition] },
  };
  const trainer = await createKernelTrainer();
  for await (const { round, state } of runFast({ algorithm: fedAvg, config, devices, trainer, seed, cohort })) {
    onRound(round + 1);
    if (reaches(target, state.parameters, test)) return round + 1;
  }
  return Number.POSITIVE_INFINITY;
}

/** Shuffled and dealt out evenly. */
function alike(rows: readonly LabelledRow[], random: SeededRandom): (readonly LabelledRow[])[] {
  return dealt(random.fork('rows').shuffle(rows), clients);
}

/** Sorted by digit and cut into shards, two of which make a client: most see two digits only. */
function twoDigits(rows: readonly LabelledRow[], random: SeededRandom): (readonly LabelledRow[])[] {
  const sorted = random
    .fork('rows')
    .shuffle(rows)
    .sort((a, b) => a.label - b.label);
  const shards = random.fork('shards').shuffle(dealt(sorted, 2 * clients));
  return Array.from({ length: clients }, (_, client) => [...shards[2 * client]!, ...shards[2 * client + 1]!]);
}

function dealt(rows: readonly LabelledRow[], parts: number): (readonly LabelledRow[])[] {
  const size = rows.length / parts;
  return Array.from({ length: parts }, (_, part) => rows.slice(part * size, (part + 1) * size));
}

/** Whether so large a part of the rows is recognised; looks no further than to the error that is one too many. */
function reaches(target: number, parameters: Float32Array, rows: readonly LabelledRow[]): boolean {
  let errorsLeft = Math.floor((1 - target) * rows.length + 1e-9);
  return rows.every(
    ({ features, label }) => mostLikely(predict(spec, parameters, features)) === label || errorsLeft-- > 0,
  );
}

function mostLikely(probabilities: Float32Array): number {
  return probabilities.indexOf(Math.max(...probabilities));
}
