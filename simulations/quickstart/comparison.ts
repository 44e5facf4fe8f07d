/** The federated model beside its yardsticks, on the test rows of all customers. */

import { type ModelSpec, predict, type Standardization, standardize } from '@chorale/shared/models';
import { baseRateOf, centralScores, centralStandardization, localOnlyScores, rowsOf } from '../baselines/index.ts';
import type { Customer, Dataset } from '../datasets/dataset.ts';
import { type PropensityTask, schemaOf, snapshotsOf } from '../datasets/tasks.ts';
import { reportScores, type ScoreReport } from '../metrics/score-report.ts';

export type Comparison = Readonly<Record<'federated' | 'central' | 'localOnly' | 'baseRate', ScoreReport>>;

export type Model = {
  readonly spec: ModelSpec;
  readonly parameters: Float32Array;
  readonly standardization: Standardization | undefined;
};

/** @param devices the customers whose devices took part: the central model learns from the same rows */
export function compare(
  dataset: Dataset,
  task: PropensityTask,
  devices: readonly Customer[],
  model: Model,
): Comparison {
  const width = schemaOf(task.train).features.length;
  const test = rowsOf(snapshotsOf(dataset, task.test), width);
  const everybody = rowsOf(snapshotsOf(dataset, task.train), width);
  const participants = rowsOf(snapshotsOf({ ...dataset, customers: devices }, task.train), width);
  const standardization = centralStandardization(participants, width);
  const report = (scores: Float32Array) => reportScores(scores, test.labels);
  return {
    federated: report(federatedScores(model, test.features)),
    central: report(centralScores(participants, test, width)),
    localOnly: report(localOnlyScores(everybody, test, width, standardization)),
    baseRate: report(new Float32Array(test.rowCount).fill(baseRateOf(participants))),
  };
}

function federatedScores({ spec, parameters, standardization }: Model, features: Float32Array): Float32Array {
  return predict(spec, parameters, standardization === undefined ? features : standardize(features, standardization));
}
