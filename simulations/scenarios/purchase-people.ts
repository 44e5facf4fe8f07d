/** Who trains and who is judged where purchases are predicted from a purchase log. */

import type { LabelledRow } from '@chorale/shared/algorithms';
import { type LabelName, transactions1 } from '@chorale/shared/features';
import { type Rows, rowsOf } from '../baselines/index.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { schemaOf, snapshotsOf, tasks } from '../datasets/tasks.ts';

export type People = {
  /** Rows of everybody who has any, in the data set's order. */
  readonly devices: readonly (readonly LabelledRow[])[];
  /** The same rows in one matrix, as nobody but a laboratory has them. */
  readonly train: Rows;
  /** Of everybody, also of those who became customers later. */
  readonly test: Rows;
};

/** Of what a purchase log supports. */
export const width = transactions1.features.length;

export function peopleOf(dataset: Dataset, label: LabelName): People {
  const { train, test } = tasks[dataset.name][label];
  const snapshots = snapshotsOf(dataset, train);
  const columns = schemaOf(train).features.length;
  return {
    devices: snapshots.filter((rows) => rows.length > 0),
    train: rowsOf(snapshots, columns),
    test: rowsOf(snapshotsOf(dataset, test), columns),
  };
}
