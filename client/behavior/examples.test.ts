import { ChoraleError } from '@chorale/shared';
import { MemoryDisk, memoryStore } from '@chorale/shared/adapters/node';
import { drawnArm, type ExperimentRow, experiment } from '@chorale/shared/algorithms';
import {
  behavior1,
  type ChoraleEvent,
  dayMs,
  type LabelledSnapshot,
  labelledSnapshots,
} from '@chorale/shared/features';
import { algorithmRound, seededRandom, virtualClock } from '@chorale/shared/testing';
import { describe, expect, expectTypeOf, it } from 'vitest';
import type { contributionFor } from '../session/contribution.ts';
import { EventLog } from './event-log.ts';
import { type ConsentedExamples, consentedExamples } from './examples.ts';
import { ownPlaces } from './fold-secret.ts';
import { type SourceOption, type SourceQuery, sourcesOf } from './sources.ts';

const clock = virtualClock();
const start = clock.now();

function openLog(): EventLog {
  const store = memoryStore({ disk: new MemoryDisk() });
  const ports = { clock, store: async () => store, onError: () => {}, firstNumber: 0 };
  return new EventLog({ maxEvents: 1000, maxPending: 1000, retentionMs: Number.POSITIVE_INFINITY }, ports);
}

const order = (at: number, revenue: number): ChoraleEvent => ({
  at,
  tzOffsetMinutes: 0,
  name: 'Order Completed',
  properties: { order_id: `o${at}`, revenue },
});
const query = {
  source: 'transactions/1',
  label: 'purchase-7d',
  cuts: { first: start + 7 * dayMs, last: start + 28 * dayMs, everyMs: 7 * dayMs },
  maxRows: 52,
} as const;

function request(allows: boolean) {
  const log = openLog();
  for (let week = 0; week < 5; week++) log.add(order(start + week * 7 * dayMs + 1, 10 + week));
  const events = log.events();
  const now = start + 60 * dayMs;
  return {
    purpose: 'training',
    allows: () => allows,
    events,
    sources: sourcesOf(log, {}),
    query,
    now,
    placeOf: () => 0,
  } as const;
}

describe('examples', () => {
  it('are the source’s own rows where consent is given, and none at all where it is not', () => {
    const asked = request(true);
    expect(consentedExamples(asked)).toEqual(labelledSnapshots(asked.events, query, asked.now));
    expect(consentedExamples(asked).length).toBe(4);
    expect(() => consentedExamples(request(false))).toThrow(expect.objectContaining({ code: 'consent-required' }));
  });

  it('of a source or to a query that the device does not know are refused', () => {
    const unknown = { ...request(true), query: { source: 'diary/1' } };
    expect(() => consentedExamples(unknown)).toThrow(expect.objectContaining({ code: 'invalid-input' }));
    const wider = { ...request(true), query: { ...query, maxRows: 10_000 } };
    expect(() => consentedExamples(wider)).toThrow(expect.objectContaining({ code: 'invalid-input' }));
  });

  it('are kept back where the device is in no fold that is asked', () => {
    const fold = { label: 'march', of: 4, part: 2 } as const;
    const rowsIn = (keep: 'inside' | 'outside', place: number) =>
      consentedExamples({ ...request(true), placeOf: () => place, query: { ...query, fold: { ...fold, keep } } })
        .length;
    expect([rowsIn('inside', 0.5), rowsIn('inside', 0.74), rowsIn('inside', 0.75), rowsIn('inside', 0.2)]).toEqual([
      4, 4, 0, 0,
    ]);
    expect([rowsIn('outside', 0.5), rowsIn('outside', 0.75)]).toEqual([0, 4]);
    const labels: string[] = [];
    const placeOf = (label: string) => labels.push(label) - 1;
    consentedExamples({ ...request(true), placeOf, query: { ...query, fold: { ...fold, keep: 'inside' } } });
    expect(labels).toEqual(['fold of march']);
  });

  it('of an experiment are in the arm and the look that the device draws itself', async () => {
    const seed = 7;
    const shares = [0.7, 0.3];
    const effect = 0.3;
    const outcomes: SourceOption = (events, _query, _now, placeOf) => [
      {
        arm: drawnArm(placeOf, 'colours', shares),
        outcome: (events.length + drawnArm(placeOf, 'colours', shares) * effect) / 10,
        place: placeOf('look of colours'),
      },
    ];
    const { events, ...asked } = request(true);
    const random = seededRandom(seed);
    const devices = await Promise.all(
      Array.from({ length: 400 }, async () => {
        const placeOf = await ownPlaces(memoryStore({ disk: new MemoryDisk() }), random);
        const sources = sourcesOf(openLog(), { 'outcomes/1': outcomes });
        const own = events.slice(0, random.below(events.length));
        return consentedExamples({
          ...asked,
          events: own,
          placeOf,
          sources,
          query: { source: 'outcomes/1' },
        }) as readonly unknown[] as readonly ExperimentRow[];
      }),
    );
    const config = experiment.config.parse({ shares, outcome: { lo: 0, hi: 1 }, looks: 2 });
    let state = experiment.init(config, seededRandom(seed));
    for (const look of [0, 1]) state = await algorithmRound(experiment, state, devices, { seed: look });
    const summary = experiment.summary(state);
    const [first, second] = [summary['arm 0 devices']!, summary['arm 1 devices']!];
    expect(first + second, `seed ${seed}`).toBeCloseTo(400, 2);
    expect(summary['sample ratio p'], `seed ${seed}`).toBeGreaterThan(0.001);
    // Of a standard error of about .016.
    expect(Math.abs(summary['arm 1 difference']! - effect / 10), `seed ${seed}`).toBeLessThan(0.06);
  });

  it('are the only thing that a contribution is made of', () => {
    const events: readonly ChoraleEvent[] = [];
    // @ts-expect-error Events never went through the door.
    const smuggled: ConsentedExamples = events;
    expect(smuggled).toBe(events);
    expectTypeOf<Parameters<typeof contributionFor>[1]>().toEqualTypeOf<ConsentedExamples>();
  });
});

describe.each(['transactions/1', 'behavior/1'])('the built-in source %s', (name) => {
  it('gives the same features from running counters as from the whole log, also after a late event', () => {
    const log = openLog();
    const source = sourcesOf(log, {}).get(name)!;
    const fresh = () => {
      const copy = openLog();
      for (const event of log.events()) copy.add(event);
      return sourcesOf(copy, {}).get(name)!.current!(log.events(), query, start + 100 * dayMs);
    };
    expect(source.current!([], query, start)).toBeUndefined();
    for (const at of [10, 20, 15, 30, 5]) {
      log.add(order(start + at * dayMs, at));
      expect(source.current!(log.events(), query, start + 100 * dayMs)).toEqual(fresh());
    }
  });
});

it('the row of a score is filled in as the task asks, whatever the fold that it trained on', () => {
  const log = openLog();
  log.add(order(start, 1));
  const source = sourcesOf(log, {}).get('transactions/1')!;
  const now = start + 10 * dayMs;
  const plain = source.current!(log.events(), query, now)!;
  const medians = Array.from(plain, () => 3);
  const asked = { ...query, fold: { label: 'f', of: 2, part: 1, keep: 'inside' }, impute: { by: 'medians', medians } };
  const filled = source.current!(log.events(), asked as SourceQuery, now)!;
  expect([...filled].filter((value) => value === 3).length).toBeGreaterThan([...plain].filter((v) => v === 3).length);
  expect(() =>
    source.current!(log.events(), { ...asked, impute: { by: 'medians', medians: [1] } } as SourceQuery, now),
  ).toThrow(ChoraleError);
});

it('a task may ask the source behavior/1 for rows of people who have only looked so far', () => {
  const view = { at: start + dayMs, tzOffsetMinutes: 0, name: 'Product Viewed', properties: { product_id: 'p' } };
  const ask = (source: string) => {
    const asked = request(true);
    return consentedExamples({ ...asked, events: [view], query: { ...query, source } }) as readonly LabelledSnapshot[];
  };
  expect(ask('transactions/1')).toEqual([]);
  expect(ask('behavior/1').map(({ features, label }) => [features.length, label])).toEqual(
    Array.from({ length: 4 }, () => [behavior1.features.length, 0]),
  );
});
