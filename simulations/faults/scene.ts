/** Who and what a seed is about: a cohort, its people, and a task that any machine computes alike in no time. */

import type { LabelledRow } from '@chorale/shared/algorithms';
import type { Trainer } from '@chorale/shared/models';
import type { SeededRandom } from '@chorale/shared/testing';
import type { NewTask } from '@chorale/shared/wire';
import { rowSource } from '../world.ts';

export type Scene = {
  /** Most devices in one sum. */
  readonly cohort: number;
  /** Devices that nobody needs. */
  readonly spare: number;
  /** Every device's rows. */
  readonly people: readonly (readonly LabelledRow[])[];
  readonly task: NewTask;
  /** Of one device's masked vector. */
  readonly vectorBytes: number;
};

const width = 3;
const parameterBytes = 4 * (width + 1);
/** One seed in so many has a cohort that is large enough for a sparse graph. */
const sparseOneIn = 20;
/** Of the others, one in so many divides its rounds into two cohorts. */
const dividedOneIn = 20;

export function drawScene(random: SeededRandom): Scene {
  const isSparse = random.below(sparseOneIn) === 0;
  const cohort = isSparse ? 32 + random.below(1 + random.below(33)) : 10 + random.below(1 + random.below(7));
  const count = !isSparse && random.below(dividedOneIn) === 0 ? 2 : 1;
  const spare = random.below(4);
  const people = Array.from({ length: count * cohort + spare }, () => drawRows(random));
  // Never below what devices insist on, nor so small that a sparse cohort becomes a complete one.
  const minSize = Math.max(isSparse ? 32 : 10, cohort - random.below(4));
  const isNoisy = random.below(2) === 0;
  // The weight of a device's rows is one coordinate more.
  const vectorBytes = parameterBytes + (isNoisy ? 0 : 4);
  return { cohort, spare, people, task: taskOf({ size: cohort, minSize, count }, isNoisy), vectorBytes };
}

function drawRows(random: SeededRandom): readonly LabelledRow[] {
  return Array.from({ length: random.below(4) }, () => ({
    features: Float32Array.from({ length: width }, () => random.normal()),
    label: random.below(2),
  }));
}

/** Turns are short, so that a device that is silent costs little virtual time. */
const limits = {
  advertiseMs: 4000,
  dealMs: 4000,
  acknowledgeMs: 4000,
  maskedInputMs: 6000,
  certifyMs: 4000,
  unmaskMs: 4000,
};

/** More participations than any seed has time for. */
const promise = { unit: 'device-enrolment', epsilon: 8, delta: 1e-5, participations: 200 } as const;

type Sizes = Pick<NewTask['cohort'], 'size' | 'minSize' | 'count'>;

function taskOf(sizes: Sizes, isNoisy: boolean): NewTask {
  const privacy = isNoisy ? ({ mechanism: 'distributed', ...promise } as const) : ({ mechanism: 'none' } as const);
  // Noise would have to cover a row count like everything else.
  const weighting = isNoisy ? 'uniform' : 'rows';
  const clipNorm = isNoisy ? { initial: 1 } : 1;
  return {
    name: 'faults',
    purpose: 'training',
    algorithm: 'fed-avg/1',
    config: {
      spec: { family: 'linear', inputs: width, output: 'sigmoid' },
      server: { optimizer: 'sgd', learningRate: 1 },
      client: { epochs: 1, batchSize: 8, learningRate: 0.5 },
      clipNorm,
      weighting,
      maxRows: 3,
      // More than any seed has time for.
      rounds: 100_000,
    },
    examples: { source: rowSource },
    consentPolicy: { language: 'en', text: 'We add up, we do not look.' },
    privacy,
    cohort: { ...sizes, corrupt: 0.1, dropout: 0.3, sigma: 80, eta: 30 },
    merge: { rule: 'sum' },
    limits,
    intervalMs: 0,
  };
}

/** One step against the labels: the same on every machine, and different for every device. */
export const plainTrainer: Trainer = {
  backend: 'plain',
  async train(_spec, parameters, { features, labels, rowCount }, { learningRate }) {
    const trained = Float32Array.from(parameters);
    for (let row = 0; row < rowCount; row++) {
      const step = (learningRate * (labels[row]! - 0.5)) / rowCount;
      for (let i = 0; i < width; i++) trained[i]! += step * features[row * width + i]!;
      trained[width]! += step;
    }
    return trained;
  },
};
