import { expect, it } from 'vitest';
import { CustomersBuilder, type Dataset } from '../datasets/dataset.ts';
import { tasks } from '../datasets/tasks.ts';
import { peopleOf } from '../scenarios/purchase-people.ts';
import { sternerFigures } from './sterner.ts';

const hourMs = 3_600_000;
const { train, test } = tasks.synthetic['purchase-7d'];
const cut = test.cuts.first;

/** Orders of one person, by when they were. */
type Orders = readonly number[];

function datasetOf(...people: readonly Orders[]): Dataset {
  const builder = new CustomersBuilder();
  for (const [id, orders] of people.entries())
    for (const at of orders)
      builder.add(String(id), {
        ...{ at, tzOffsetMinutes: 0, name: 'Order Completed' },
        properties: { order_id: `${id} ${at}`, revenue: 5, products: [] },
      });
  return { name: 'synthetic', origin: '', customers: builder.build(), seenUntil: test.cuts.last + 40 * 24 * hourMs };
}

const longAgo = train.cuts.first - 10 * 24 * hourMs + hourMs;
const regular: Orders = [longAgo, cut + hourMs];

it('what the last hour before a cut brought is forgotten, and counted', () => {
  const late = [longAgo, cut - hourMs / 2];
  const { test: rows, embargoed } = peopleOf(datasetOf(regular, late, [cut - hourMs / 2]), 'purchase-7d');
  expect(rows.rowCount).toBe(3 * 4);
  // Of both who bought in that hour the row of this cut alone: a week later it is not the last hour any more.
  expect(embargoed).toMatchObject({ changed: 2, rows: { rowCount: 3 * 4 - 1 } });
  expect(embargoed!.rows.labels.reduce((sum, label) => sum + label, 0)).toBe(1);
});

it('where all is said to have happened at midnight there is no hour to forget', () => {
  const midnight = Math.floor(longAgo / (24 * hourMs)) * 24 * hourMs;
  expect(peopleOf(datasetOf([midnight, cut]), 'purchase-7d').embargoed).toBeUndefined();
});

it('customers without a training row are judged by themselves', () => {
  const newcomer = [train.cuts.last + hourMs];
  const judged = peopleOf(datasetOf(regular, newcomer, [...newcomer, cut + 2 * hourMs]), 'purchase-7d');
  // As if a model told everybody apart but those it has never seen, whom it has upside down.
  const scores = Float32Array.from(judged.test.labels, (label, row) =>
    judged.test.owners[row] === 0 ? label : 1 - label,
  );
  const figures = sternerFigures({ scores, scoresOf: ({ labels }) => labels }, judged);
  expect(figures).toEqual({
    ...{ aucEmbargoed: 1, rowsEmbargoChanges: 0 },
    ...{ aucUnseen: 0, rowsUnseen: 8, customersUnseen: 2 },
  });
});

it('nothing is said of nobody, or of people who are all alike', () => {
  const judged = peopleOf(datasetOf(regular), 'purchase-7d');
  const scores = new Float32Array(judged.test.rowCount);
  expect(sternerFigures({ scores }, judged)).toEqual({ rowsUnseen: 0, customersUnseen: 0 });
  expect(sternerFigures({ scores }, { test: judged.test })).toEqual({});
});
