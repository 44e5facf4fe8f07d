/**
 * Updates of simulated devices a second: training, clipping, stochastic rounding and the sum mod 2^32. The tasks have the
 * sizes of those measured for pfl-research; the control takes the same SGD steps and does nothing else.
 */

import { createKernelTrainer } from '@chorale/client/training';
import { batchOf, fedAvg, type LabelledRow } from '@chorale/shared/algorithms';
import { initialParameters, type TrainableSpec } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { runFast } from '../fast.ts';
import type { BenchGroup } from './measurement.ts';
import { leastOf } from './stopwatch.ts';

type Task = { readonly name: string; readonly spec: TrainableSpec; readonly rows: number };

const tasks: readonly Task[] = [
  { name: 'LR 784-10', spec: { family: 'linear', inputs: 784, outputs: 10, output: 'softmax' }, rows: 60 },
  {
    name: 'MLP 20-64-32-2',
    spec: { family: 'mlp', inputs: 20, hidden: [64, 32], activation: 'relu', outputs: 2, output: 'softmax' },
    rows: 50,
  },
];

const population = 400;
const cohort = 200;
const client = { epochs: 1, batchSize: 10, learningRate: 0.1 };
/** Shorter than an epoch leads: every device is clipped. */
const clipNorm = 0.05;

export const simulatorGroup: BenchGroup = async function* ({ isQuick, note }) {
  const rounds = isQuick ? 1 : 10;
  for (const task of tasks) {
    note(`simulator: ${task.name}, ${rounds * cohort} updates …`);
    const devices = peopleOf(task);
    const updates = rounds * cohort;
    const alone = await stepsAlone(task, devices);
    const control = (1000 * updates) / (await leastOf(3, () => alone(updates))).wallMs;
    const { wallMs } = await leastOf(3, () => simulate(task, devices, rounds));
    const name = `simulator ${task.name}`;
    yield {
      name,
      value: (1000 * updates) / wallMs,
      unit: 'updates/s',
      control,
      against: 'the SGD steps alone',
    };
  }
};

function peopleOf({ name, spec: { inputs, outputs }, rows }: Task): readonly (readonly LabelledRow[])[] {
  const random = seededRandom(`people of ${name}`);
  const row = () => ({ features: Float32Array.from({ length: inputs }, random.uniform), label: random.below(outputs) });
  return Array.from({ length: population }, () => Array.from({ length: rows }, row));
}

async function simulate(
  { name, spec }: Task,
  devices: readonly (readonly LabelledRow[])[],
  rounds: number,
): Promise<void> {
  const config = { spec, client, clipNorm, rounds, maxRows: 100, server: { optimizer: 'sgd', learningRate: 1 } };
  const trainer = await createKernelTrainer();
  let contributors = 0;
  for await (const { aggregate } of runFast({ algorithm: fedAvg, config, devices, trainer, seed: name, cohort }))
    contributors += aggregate!.contributors;
  if (contributors !== rounds * cohort) throw new Error(`${contributors} updates were added up`);
}

/** With rows that are laid out already. */
async function stepsAlone({ name, spec }: Task, devices: readonly (readonly LabelledRow[])[]) {
  const random = seededRandom(name);
  const trainer = await createKernelTrainer();
  const parameters = initialParameters(spec, random);
  const batches = devices.map((rows) => batchOf(rows, spec.inputs, undefined));
  return async (updates: number): Promise<void> => {
    for (let update = 0; update < updates; update++)
      await trainer.train(spec, parameters, batches[update % population]!, { ...client, random });
  };
}
