/** Who trains and who is judged where purchases are predicted from a purchase log. */

import type { LabelledRow } from '@chorale/shared/algorithms';
import { dayMs, type LabelledSnapshot, type LabelName, transactions1 } from '@chorale/shared/features';
import { type Rows, rowsOf } from '../baselines/index.ts';
import type { Dataset } from '../datasets/dataset.ts';
import { type PropensityTask, schemaOf, snapshotsOf, tasks } from '../datasets/tasks.ts';

export type People = {
  /** Rows of everybody who has any, in the data set's order. */
  readonly devices: readonly (readonly LabelledRow[])[];
  /** The same rows in one matrix, as nobody but a laboratory has them. */
  readonly train: Rows;
  /** Of everybody, also of those who became customers later. */
  readonly test: Rows;
  /** The test rows without what the hour before each cut brought, where hours are known. */
  readonly embargoed?: {
    readonly rows: Rows;
    /** Test rows that look different then, or that are none because nobody had bought yet. */
    readonly changed: number;
  };
};

/** Of what a purchase log supports. */
export const width = transactions1.features.length;

export function peopleOf(dataset: Dataset, label: LabelName): People {
  return peopleOfTask(dataset, tasks[dataset.name][label]);
}

/** Of a dataset whose name says nothing about the task, too. */
export function peopleOfTask(dataset: Dataset, { train, test }: PropensityTask): People {
  const snapshots = snapshotsOf(dataset, train);
  const judged = snapshotsOf(dataset, test);
  const columns = schemaOf(train).features.length;
  return {
    devices: snapshots.filter((rows) => rows.length > 0),
    train: rowsOf(snapshots, columns),
    test: rowsOf(judged, columns),
    ...(knowsHours(dataset) && { embargoed: embargoedOf(judged, snapshotsOf(dataset, { ...test, embargoMs })) }),
  };
}

const embargoMs = 3_600_000;

/** Where all is said to have happened at midnight, the hour before a cut at midnight is empty. */
function knowsHours({ customers }: Dataset): boolean {
  return customers.some(({ events }) => events.some(({ at }) => at % dayMs !== 0));
}

/** @param judged and `asked` have one list per customer */
function embargoedOf(judged: readonly LabelledSnapshot[][], asked: readonly LabelledSnapshot[][]) {
  const isSame = (row: LabelledSnapshot, other?: LabelledSnapshot) =>
    other?.features.every((value, i) => value === row.features[i]) ?? false;
  const changed = judged.flatMap((rows, customer) =>
    rows.filter(
      (row) =>
        !isSame(
          row,
          asked[customer]!.find(({ cut }) => cut === row.cut),
        ),
    ),
  );
  const columns = judged.flat()[0]?.features.length ?? 0;
  return { rows: rowsOf(asked, columns), changed: changed.length };
}
