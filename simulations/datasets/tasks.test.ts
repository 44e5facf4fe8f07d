import { dayMs, exampleQuery, featurePrograms, labelledSnapshots, labels } from '@chorale/shared/features';
import { describe, expect, it } from 'vitest';
import { syntheticCustomers } from '../population/synthetic.ts';
import { endOfObservation, tasks } from './tasks.ts';

describe.each(Object.keys(tasks) as (keyof typeof tasks)[])('the tasks of %s', (name) => {
  it.each(Object.keys(labels) as (keyof typeof labels)[])('%s: devices accept both queries', (label) => {
    const { train, test } = tasks[name][label];
    for (const query of [train, test]) expect(exampleQuery.parse(query)).toEqual(query);
    expect(train.label).toBe(label);
    expect(test.label).toBe(label);
  });

  it.each(Object.keys(labels) as (keyof typeof labels)[])('%s: training never saw a test window', (label) => {
    const { train, test } = tasks[name][label];
    expect(train.cuts.last + labels[label] * dayMs).toBeLessThanOrEqual(test.cuts.first);
    expect(test.cuts.last + labels[label] * dayMs).toBeLessThanOrEqual(endOfObservation[name]);
  });
});

it.each([
  ...featurePrograms.keys(),
])('%s: what is fitted on training rows, normalisers and bins too, never saw the test weeks', (source) => {
  const { train, test } = tasks.synthetic['purchase-7d'];
  const rows = syntheticCustomers({ seed: 1, customers: 200 }).map(({ events }) => {
    const past = events.filter(({ at }) => at < test.cuts.first);
    const all = labelledSnapshots(events, { ...train, source }, endOfObservation.synthetic);
    expect(all).toEqual(labelledSnapshots(past, { ...train, source }, test.cuts.first));
    return all.length;
  });
  expect(Math.max(...rows)).toBe(35);
});
