import { choraleEvent, labels } from '@chorale/shared/features';
import { expect, it } from 'vitest';
import { centralScores, rowsOf } from '../baselines/index.ts';
import { endOfObservation, snapshotsOf, tasks } from '../datasets/tasks.ts';
import { reportScores } from '../metrics/score-report.ts';
import { syntheticCustomers } from './synthetic.ts';

it('the same seed gives the same people, and more people start with the same ones', () => {
  expect(syntheticCustomers({ seed: 1, customers: 20 })).toEqual(
    syntheticCustomers({ seed: 1, customers: 30 }).slice(0, 20),
  );
  expect(syntheticCustomers({ seed: 1, customers: 20 })).not.toEqual(syntheticCustomers({ seed: 2, customers: 20 }));
});

it('their events are in bounds, in order and not from the future', () => {
  for (const { events } of syntheticCustomers({ seed: 1, customers: 200 })) {
    expect(events.length).toBeGreaterThan(0);
    expect(events.every((event) => choraleEvent.safeParse(event).success)).toBe(true);
    expect(events.every(({ at }, i) => i === 0 || events[i - 1]!.at <= at)).toBe(true);
  }
});

it.each(Object.keys(labels) as (keyof typeof labels)[])('their history predicts %s far better than a coin', (label) => {
  const customers = syntheticCustomers({ seed: 1, customers: 1000 });
  const dataset = { name: 'synthetic', origin: '', customers, seenUntil: endOfObservation.synthetic } as const;
  const { train, test } = tasks.synthetic[label];
  const testRows = rowsOf(snapshotsOf(dataset, test), 27);
  const scores = centralScores(rowsOf(snapshotsOf(dataset, train), 27), testRows, 27);
  const report = reportScores(scores, testRows.labels);
  expect(report.auc).toBeGreaterThan(0.7);
  expect(report.auc).toBeLessThan(0.9); // people are not clockwork
  expect(report.logLoss).toBeLessThan(report.baseRateLogLoss);
});
