import { describe, expect, it } from 'vitest';
import { ChoraleError } from '../errors.ts';
import { dayMs } from './calendar.ts';
import type { ChoraleEvent } from './events.ts';
import { labelAt } from './labels.ts';
import { PurchaseHistory } from './purchase-history.ts';
import { type ExampleQuery, exampleQuery, labelledSnapshots } from './snapshots.ts';

const start = Date.parse('2024-01-01');
const day = (days: number) => start + days * dayMs;
const order = (days: number): ChoraleEvent => {
  return { at: day(days), tzOffsetMinutes: 0, name: 'Order Completed', properties: {} };
};

const weekly: ExampleQuery = {
  source: 'transactions/1',
  label: 'purchase-7d',
  cuts: { first: day(7), last: day(28), everyMs: 7 * dayMs },
  maxRows: 52,
};

describe('a label', () => {
  const history = new PurchaseHistory();
  for (const event of [order(0), order(10)]) history.observe(event);

  it('is positive from the cut itself up to the end of the horizon, which is outside', () => {
    expect(labelAt(history, day(10), 7, day(99))).toBe(1);
    expect(labelAt(history, day(10) + 1, 7, day(99))).toBe(0);
    expect(labelAt(history, day(3), 7, day(99))).toBe(0);
    expect(labelAt(history, day(3) + 1, 7, day(99))).toBe(1);
  });

  it('is censored until the device was seen after the horizon, whether or not the person bought', () => {
    expect(labelAt(history, day(10), 7, day(17) - 1)).toBe('censored');
    expect(labelAt(history, day(11), 7, day(18) - 1)).toBe('censored');
    expect(labelAt(history, day(11), 7, day(18))).toBe(0);
  });
});

describe('labelled snapshots', () => {
  it('stand at every cut after the first purchase, oldest first', () => {
    const snapshots = labelledSnapshots([order(8), order(24)], weekly, day(99));
    expect(snapshots.map(({ cut, label }) => [cut, label])).toEqual([
      [day(14), 0],
      [day(21), 1],
      [day(28), 0],
    ]);
    expect(snapshots.every(({ features }) => features.length === 27)).toBe(true);
  });

  it('leave out what is not mature', () => {
    expect(labelledSnapshots([order(8)], weekly, day(28)).map(({ cut }) => cut)).toEqual([day(14), day(21)]);
  });

  it('are the latest ones when there are too many', () => {
    expect(labelledSnapshots([order(0)], { ...weekly, maxRows: 2 }, day(99)).map(({ cut }) => cut)).toEqual([
      day(21),
      day(28),
    ]);
  });

  it('keep to the grid of the first cut', () => {
    const query = { ...weekly, cuts: { ...weekly.cuts, last: day(27) } };
    expect(labelledSnapshots([order(0)], query, day(99)).at(-1)?.cut).toBe(day(21));
  });

  it.each([
    'transactions/1',
    'behavior/1',
  ])('of %s know nothing of the time before the cut that is embargoed', (source) => {
    const last = order(14 - 0.5 / 24);
    const query = { ...weekly, source, cuts: { ...weekly.cuts, first: day(14), last: day(14) } };
    const embargoed = { ...query, embargoMs: dayMs / 24 };
    const features = (events: ChoraleEvent[], asked: ExampleQuery) =>
      labelledSnapshots(events, asked, day(99)).map((row) => row.features);
    expect(features([order(8), last], embargoed)).toEqual(features([order(8)], query));
    expect(features([order(8), last], query)).not.toEqual(features([order(8)], query));
    expect(features([last], embargoed)).toEqual([]);
    // It hides what was, not what comes: the label is the same.
    expect(labelledSnapshots([order(8), last, order(15)], embargoed, day(99))).toMatchObject([{ label: 1 }]);
  });

  it('are none without purchases', () => {
    expect(labelledSnapshots([], weekly, day(99))).toEqual([]);
  });

  it('are refused for a schema that is not known', () => {
    expect(() => labelledSnapshots([], { ...weekly, source: 'sessions/9' }, day(99))).toThrow(ChoraleError);
  });
});

describe('an example query', () => {
  it('passes when it is weekly and bounded', () => {
    expect(exampleQuery.parse(weekly)).toEqual(weekly);
    expect(exampleQuery.parse({ ...weekly, embargoMs: 1 })).toEqual({ ...weekly, embargoMs: 1 });
  });

  it.each([
    { ...weekly, maxRows: 53 },
    { ...weekly, maxRows: 0 },
    { ...weekly, label: 'purchase-1d' },
    { ...weekly, cuts: { ...weekly.cuts, everyMs: dayMs } },
    { ...weekly, cuts: { ...weekly.cuts, first: day(35) } },
    { ...weekly, rows: 'all' },
    { ...weekly, embargoMs: 2 * dayMs },
  ])('is refused out of bounds: %#', (query) => {
    expect(exampleQuery.safeParse(query).success).toBe(false);
  });
});
