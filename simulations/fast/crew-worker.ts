/** A thread that plays its part of each cohort. */

import { parentPort, workerData } from 'node:worker_threads';
import { type Bytes, invariant } from '@chorale/shared';
import { builtIn } from '@chorale/shared/algorithms';
import { EncodedSum } from '@chorale/shared/encoding';
import { answerCalls } from '../adapters/worker-calls.ts';
import { type Asking, addDevices, type Population } from './devices.ts';
import { drawnSeeds, type Seed } from './replay.ts';
import { type TrainerName, trainerOf } from './trainers.ts';

export type CrewSetup = {
  /** Of the registry. */
  readonly algorithmName: string;
  readonly devices: readonly (readonly unknown[])[];
  readonly trainer: TrainerName;
  readonly seed: Seed;
};

const port = parentPort;
invariant(port, 'a worker has a parent');

const { algorithmName, devices, trainer, seed } = workerData as CrewSetup; // What `crew.ts` starts this file with.
const sum = new EncodedSum();
const ownSeeds = drawnSeeds(seed);
const population = { algorithm: builtIn.get(algorithmName), devices, trainer: await trainerOf(trainer) };
let asked: Asking | undefined;
let turn: Promise<unknown> = Promise.resolve();

type Part = {
  readonly devices: readonly number[];
  /** One for each device, where they are not the run's own. */
  readonly seeds: readonly Bytes[] | undefined;
};

const handlers = {
  begin(asking: Asking) {
    asked = asking;
    sum.begin(asking.encoding);
  },
  /** One part after another: they share a memory. */
  play(part: Part): Promise<void> {
    const played = turn.then(() => play(part));
    turn = played.catch(() => {});
    return played;
  },
  /** The sum of all parts that were played here. */
  take: () => sum.words(),
};
export type CrewHandlers = typeof handlers;

async function play({ devices, seeds }: Part): Promise<void> {
  invariant(asked, 'a cohort is begun before it is played');
  const given = seeds && new Map(seeds.map((one, i) => [devices[i]!, one]));
  const among: Population<unknown> = {
    ...population,
    roundSeed: given ? (_, device) => given.get(device)! : ownSeeds,
  };
  await addDevices(devices, asked, among, sum);
}

answerCalls(port, handlers);
