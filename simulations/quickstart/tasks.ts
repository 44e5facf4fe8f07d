/** The three questions of the quickstart: how the features spread, what the model should be, how good it is. */

import { base64url, floatsToBytes } from '@chorale/shared';
import { type MomentsState, standardizationOfMoments } from '@chorale/shared/algorithms';
import { type ExampleQuery, encodedBounds } from '@chorale/shared/features';
import type { ModelManifest, NewTask } from '@chorale/shared/wire';
import { logisticSpec } from '../baselines/index.ts';
import { schemaOf } from '../datasets/tasks.ts';
import { largestCohort } from './options.ts';

export type Setting = {
  readonly devices: number;
  readonly cohort: number;
  readonly rounds: number;
  readonly train: ExampleQuery;
  readonly test: ExampleQuery;
};

/** A device speaks for at most so many rows, so that nobody's long history drowns the others'. */
const maxRows = 50;

const common = {
  purpose: 'training',
  consentPolicy: {
    language: 'en',
    text:
      'We learn from what people do here, together with many others and without seeing what anybody does: your ' +
      'device adds its part to a sum that only makes sense as a whole. You can stop at any time.',
  },
  privacy: { mechanism: 'none' },
  merge: { rule: 'sum' },
  intervalMs: 0,
} as const;

function cohortOf({ cohort }: Setting): NewTask['cohort'] {
  return { size: cohort, minSize: cohort, count: 1, corrupt: 0.1, dropout: 0.3, sigma: 80, eta: 30 };
}

/** Everybody shares this machine, so turns take their time; only silence makes anybody wait for a limit. */
const limits = {
  advertiseMs: 30_000,
  dealMs: 30_000,
  acknowledgeMs: 30_000,
  maskedInputMs: 30_000,
  certifyMs: 30_000,
  unmaskMs: 30_000,
};
/** The turn at which one device falls silent in training: its limit is what that costs. */
const impatient = { ...limits, maskedInputMs: 8_000 };

export function momentsTask(setting: Setting): NewTask {
  const bounds = schemaOf(setting.train).features.map(encodedBounds);
  return {
    ...common,
    name: 'feature-moments',
    algorithm: 'moments/1',
    config: { bounds: { lower: bounds.map(({ lo }) => lo), upper: bounds.map(({ hi }) => hi) }, maxRows },
    examples: setting.train,
    // As many as can be invited: a few unusual customers weigh heavily on the spread of a small sample.
    cohort: { ...cohortOf(setting), size: largestCohort(setting.devices), minSize: setting.cohort },
    limits,
  };
}

export function trainingTask(setting: Setting, moments: MomentsState): NewTask {
  return {
    ...common,
    name: 'purchase-7d',
    algorithm: 'fed-avg/1',
    config: {
      spec: logisticSpec(schemaOf(setting.train).features.length),
      // A little momentum: without it a dozen rounds rank well but are not yet calibrated.
      server: { optimizer: 'momentum', learningRate: 1, beta: 0.5 },
      // All rows of a device in one batch: smaller ones drift at this step size.
      client: { epochs: 1, batchSize: 64, learningRate: 0.5 },
      clipNorm: 2,
      weighting: 'rows',
      maxRows,
      standardization: standardizationOfMoments(moments),
      rounds: setting.rounds,
    },
    examples: setting.train,
    cohort: cohortOf(setting),
    limits: impatient,
  };
}

export function evaluationTask(setting: Setting, model: ModelManifest, parameters: Float32Array): NewTask {
  return {
    ...common,
    name: 'purchase-7d-evaluation',
    algorithm: 'evaluation/1',
    config: {
      spec: model.spec,
      parameters: base64url(floatsToBytes(parameters)),
      ...(model.standardization === undefined ? {} : { standardization: model.standardization }),
      maxRows,
    },
    examples: setting.test,
    cohort: cohortOf(setting),
    limits,
  };
}
