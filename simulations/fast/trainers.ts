/** Trainers by name: a thread cannot be handed a function. */

import { createKernelTrainer, createTfjsTrainer } from '@chorale/client/training';
import type { Trainer } from '@chorale/shared/models';
import { linearTrainer } from '../scenarios/linear-trainer.ts';

const trainers = {
  /** Linear models and networks, on the device's own kernel. */
  kernel: () => createKernelTrainer(),
  /** Linear models in plain loops: what recorded figures were reached with. */
  linear: async () => linearTrainer,
  /** Everything that trains, in a tensor library. */
  tfjs: () => createTfjsTrainer(),
} as const satisfies Readonly<Record<string, () => Promise<Trainer>>>;

export type TrainerName = keyof typeof trainers;

export async function trainerOf(trainer: Trainer | TrainerName): Promise<Trainer> {
  return typeof trainer === 'string' ? trainers[trainer]() : trainer;
}
