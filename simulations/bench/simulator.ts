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
const cohort = 400;
const client = { epochs: 1, batchSize: 10, learningRate: 0.1 };
/** Shorter than an epoch leads: every device is clipped. */
const clipNorm = 0.05;

/** Threads; 0 is this one. */
const crews = [0, 2];

export const simulatorGroup: BenchGroup = async function* ({ isQuick, note }) {
  const rounds = isQuick ? 1 : 5;
  for (const task of tasks) {
    note(`simulator: ${task.name}, ${rounds * cohort} updates at a time …`);
    const devices = peopleOf(task);
    const alone = await stepsAlone(task, devices);
    const control = await rateOf(rounds, 1, alone);
    for (const workers of crews) {
      const simulation = simulate(task, devices, workers);
      const rate = await rateOf(rounds, Math.max(1, workers), () => oneRound(simulation));
      await simulation.return();
      const name = `simulator ${task.name}${workers === 0 ? ', one thread' : ''}`;
      const against = 'the SGD steps alone, one thread';
      yield { name, value: rate.wall, unit: 'updates/s', control: control.wall, against };
      yield { name: `${name} CPU`, value: rate.cpu, unit: 'updates/s', control: control.cpu, against };
    }
  }
};

/** Updates a second by the clock; and by the processor's time, as if its cores were ours alone and never waited. */
type Rate = { readonly wall: number; readonly cpu: number };

/** Of rounds of a whole cohort, once they are warm. */
async function rateOf(rounds: number, threads: number, playRound: () => Promise<void>): Promise<Rate> {
  const play = async () => {
    for (let round = 0; round < rounds; round++) await playRound();
  };
  await play();
  const { wallMs, cpuMs } = await leastOf(5, play);
  const updates = 1000 * rounds * cohort;
  return { wall: updates / wallMs, cpu: (threads * updates) / cpuMs };
}

function peopleOf({ name, spec: { inputs, outputs }, rows }: Task): readonly (readonly LabelledRow[])[] {
  const random = seededRandom(`people of ${name}`);
  const row = () => ({ features: Float32Array.from({ length: inputs }, random.uniform), label: random.below(outputs) });
  return Array.from({ length: population }, () => Array.from({ length: rows }, row));
}

function simulate({ name, spec }: Task, devices: readonly (readonly LabelledRow[])[], workers: number) {
  const server = { optimizer: 'sgd', learningRate: 1 };
  const config = { spec, client, clipNorm, rounds: 100_000, maxRows: 100, server };
  return runFast({ algorithm: fedAvg, config, devices, trainer: 'kernel', seed: name, cohort, workers });
}

async function oneRound(simulation: ReturnType<typeof simulate>): Promise<void> {
  const { value } = await simulation.next();
  if (value?.aggregate?.contributors !== cohort) throw new Error('not everybody was added up');
}

/** With rows that are laid out already. */
async function stepsAlone({ name, spec }: Task, devices: readonly (readonly LabelledRow[])[]) {
  const random = seededRandom(name);
  const trainer = await createKernelTrainer();
  const parameters = initialParameters(spec, random);
  const batches = devices.map((rows) => batchOf(rows, spec.inputs, undefined));
  let update = 0;
  return async (): Promise<void> => {
    for (let i = 0; i < cohort; i++, update++)
      await trainer.train(spec, parameters, batches[update % population]!, { ...client, random });
  };
}
