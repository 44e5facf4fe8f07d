/**
 * Rounds of federated averaging until enough of MNIST's test digits are recognised, by two networks of H. B. McMahan et al.,
 * Communication-Efficient Learning of Deep Networks from Decentralized Data, AISTATS 2017, with E = 1, B = 10, C = 0.1: "2NN", two
 * hidden layers of 200 units (Table 1), and "CNN", two convolutions and a hidden layer of 512 (Table 2).
 */

import { createTfjsScorer } from '@chorale/client/training';
import { fedAvg, type LabelledRow } from '@chorale/shared/algorithms';
import { parameterCount, predict, type TrainableSpec } from '@chorale/shared/models';
import { type SeededRandom, seededRandom } from '@chorale/shared/testing';
import { digits, loadMnist, type Mnist, pixels } from '../datasets/mnist.ts';
import type { TrainerName } from '../fast/trainers.ts';
import { runFast } from '../fast.ts';
import { medianBy } from './median.ts';
import type { Scenario, ScenarioReport, ScenarioSetting } from './scenario.ts';

type Partition = 'iid' | 'non-iid';

type Network = {
  readonly name: string;
  readonly spec: TrainableSpec;
  readonly partition: Partition;
  /** Share of the test digits. */
  readonly target: number;
  /** What the paper's table prints. */
  readonly printedRounds: number;
  readonly learningRate: number;
  readonly trainer: TrainerName;
  /** rowCount × 10 probabilities. */
  readonly scorer: () => Promise<(parameters: Float32Array, features: Float32Array) => Float32Array>;
};

const clients = 100;
const cohort = 10;

function twoHidden(partition: Partition, by: Pick<Network, 'printedRounds' | 'learningRate'>): Network {
  const spec: TrainableSpec = {
    ...{ family: 'mlp', inputs: pixels, hidden: [200, 200], activation: 'relu' },
    ...{ outputs: digits, output: 'softmax' },
  };
  const scorer = async () => (parameters: Float32Array, features: Float32Array) => predict(spec, parameters, features);
  return { name: '2nn', spec, partition, target: 0.97, ...by, trainer: 'kernel', scorer };
}

function convolutions(partition: Partition, by: Pick<Network, 'printedRounds' | 'learningRate'>): Network {
  const spec: TrainableSpec = {
    ...{ family: 'convolutional', inputs: pixels, image: { height: 28, width: 28, channels: 1 } },
    convolutions: [
      { filters: 32, size: 5 },
      { filters: 64, size: 5 },
    ],
    ...{ hidden: [512], activation: 'relu', outputs: digits, output: 'softmax' },
  };
  return {
    ...{ name: 'cnn', spec, partition, target: 0.99, ...by },
    trainer: 'tfjs',
    // Ten thousand images are 120 thousand million products, which is too much for plain loops.
    scorer: () => createTfjsScorer(spec),
  };
}

const networks = {
  '2nn-iid': twoHidden('iid', { printedRounds: 87, learningRate: 0.1 }),
  '2nn-non-iid': twoHidden('non-iid', { printedRounds: 664, learningRate: 0.05 }),
  'cnn-iid': convolutions('iid', { printedRounds: 34, learningRate: 0.1 }),
} satisfies Readonly<Record<string, Network>>;

export function mnistRounds(name: keyof typeof networks): Scenario {
  const network: Network = networks[name];
  const { partition, target, printedRounds } = network;
  const dealt = partition === 'iid' ? 'every client with all digits' : 'two digits a client';
  return {
    name,
    dataset: 'mnist',
    title: `rounds until ${100 * target} % are recognised by the ${network.name.toUpperCase()}, ${dealt}`,
    claim: { figure: 'rounds', atMost: printedRounds },
    seeds: network.name === 'cnn' ? 1 : 3,
    ...(network.name === 'cnn' ? { isLong: true } : {}),
    async prepare() {
      const mnist = await loadMnist();
      return { origin: 'MNIST (LeCun et al.): 70,000 digits', run: (setting) => run(mnist, network, setting) };
    },
  };
}

async function run(
  mnist: Mnist,
  network: Network,
  { seeds, progress, workers, onRun }: ScenarioSetting,
): Promise<ScenarioReport> {
  const { name, partition, target, printedRounds } = network;
  progress.begin('training', seeds * printedRounds);
  const perSeed: { seed: number; rounds: number }[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    const curve: [round: number, recognised: number][] = [];
    const onRound = (round: number, recognised: number) => {
      curve.push([round, recognised]);
      progress.advance(
        (seed - 1) * printedRounds + round,
        `seed ${seed}, ${(100 * recognised).toFixed(1)} % recognised`,
      );
    };
    perSeed.push({ seed, rounds: await roundsToTarget(mnist, network, { seed, workers }, onRound) });
    const about = { name, title: `${name.toUpperCase()}, ${partition}`, kind: 'federated' } as const;
    onRun?.({ about, seed, figure: 'share recognised', curve });
  }
  progress.end();
  const { rounds } = medianBy(perSeed, (one) => one.rounds);
  return {
    name: `mnist ${name} ${partition}`,
    ...{ rounds, epsilon: null, seeds, target, printedRounds, parameters: parameterCount(network.spec) },
    ...{ learningRate: network.learningRate, clients, cohort, perSeed },
  };
}

/** @returns rounds until the target; Infinity if as many as are printed did not reach it */
async function roundsToTarget(
  { train, test }: Mnist,
  { spec, partition, target, printedRounds, learningRate, trainer, scorer }: Network,
  { seed, workers }: { readonly seed: number; readonly workers: number },
  onRound: (round: number, recognised: number) => void,
): Promise<number> {
  const random = seededRandom(`mnist ${partition}, ${seed}`);
  const devices = partition === 'iid' ? alike(train, random) : twoDigits(train, random);
  const config = {
    spec,
    server: { optimizer: 'sgd', learningRate: 1 },
    client: { epochs: 1, batchSize: 10, learningRate },
    // Far above what an update of one epoch is long: nobody is clipped.
    ...{ clipNorm: 64, weighting: 'rows', maxRows: train.length / clients, rounds: printedRounds },
  };
  const scores = await scorer();
  for await (const { round, state } of runFast({
    algorithm: fedAvg,
    config,
    devices,
    trainer,
    seed,
    workers,
    cohort,
  })) {
    const recognised = shareRecognised((features) => scores(state.parameters, features), test);
    onRound(round + 1, recognised);
    if (recognised >= target) return round + 1;
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

const rowsAtOnce = 500;

function shareRecognised(score: (features: Float32Array) => Float32Array, rows: readonly LabelledRow[]): number {
  let recognised = 0;
  for (let from = 0; from < rows.length; from += rowsAtOnce) {
    const some = rows.slice(from, from + rowsAtOnce);
    const features = new Float32Array(some.length * pixels);
    some.forEach((row, i) => {
      features.set(row.features, i * pixels);
    });
    const probabilities = score(features);
    some.forEach(({ label }, i) => {
      if (mostLikely(probabilities.subarray(i * digits, (i + 1) * digits)) === label) recognised += 1;
    });
  }
  return recognised / rows.length;
}

function mostLikely(probabilities: Float32Array): number {
  return probabilities.indexOf(Math.max(...probabilities));
}
