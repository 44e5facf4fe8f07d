import { dayMs, exampleQuery, labels } from '@chorale/shared/features';
import { describe, expect, it } from 'vitest';
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
