import { describe, expect, it, vi } from 'vitest';
import { ChoraleError } from '../errors.ts';
import { dayMs } from './calendar.ts';
import type { ChoraleEvent } from './events.ts';
import type { Imputation } from './imputation.ts';
import { labelAt } from './labels.ts';
import { featurePrograms } from './programs.ts';
import { PurchaseHistory } from './purchase-history.ts';
import { missingValues } from './schema.ts';
import { type ExampleQuery, exampleQuery, imputedNow, labelledSnapshots } from './snapshots.ts';
import { transactions1 } from './transactions.ts';

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

  it('make nothing of cuts that are still to come, however many a task names', () => {
    const query = { ...weekly, cuts: { ...weekly.cuts, last: 8_640_000_000_000_000 } };
    const program = featurePrograms.get(query.source)!;
    const history = program.open();
    const asked = vi.spyOn(history, 'features');
    const open = vi.spyOn(program, 'open').mockReturnValue(history);
    expect(labelledSnapshots([order(8)], query, day(28)).map(({ cut }) => cut)).toEqual([day(14), day(21)]);
    // Two that are mature, and the one before the first purchase.
    expect(asked).toHaveBeenCalledTimes(3);
    open.mockRestore();
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

describe('imputation', () => {
  const at = transactions1.features.findIndex(({ name }) => name === 'gapLast');
  const gaps = missingValues(transactions1)[at]!;
  const width = transactions1.features.length;
  const only = (value: number) => Array.from({ length: width }, (_, i) => (i === at ? value : 0));
  const scales = new Array<number>(width).fill(1);
  const gapsOf = (events: ChoraleEvent[], how?: Imputation) =>
    labelledSnapshots(events, how === undefined ? weekly : { ...weekly, impute: how }, day(99)).map(
      ({ features }) => features[at]!,
    );
  const [once, twice] = [[order(1)], [order(1), order(15)]];
  const fourteen = Math.fround(Math.log1p(14));

  it('puts what the task says in the place of what is missing, and nothing in the place of what is known', () => {
    expect(gapsOf(twice)).toEqual([gaps, gaps, fourteen, fourteen].map(Math.fround));
    expect(gapsOf(twice, { by: 'medians', medians: only(2) })).toEqual([2, 2, fourteen, fourteen]);
    const centres = [only(1), new Array<number>(width).fill(1000)];
    expect(gapsOf(twice, { by: 'neighbours', count: 1, scales, centres })).toEqual([1, 1, fourteen, fourteen]);
  });

  it('from the device’s own rows looks at earlier ones only: a later gap would give the label away', () => {
    const own: Imputation = { by: 'neighbours', count: 3, scales };
    expect(gapsOf(twice, own)).toEqual(gapsOf(twice));
    expect(gapsOf(once, own).slice(0, 2)).toEqual(gapsOf(twice, own).slice(0, 2));
  });

  it('fills in the row of this moment as it does those of the past', () => {
    const how: ExampleQuery = { ...weekly, impute: { by: 'medians', medians: only(2) } };
    const now = labelledSnapshots(once, weekly, day(99)).at(-1)!;
    const filled = imputedNow(now.features, once, how, now.cut);
    expect(filled).toEqual(labelledSnapshots(once, how, day(99)).at(-1)!.features);
    expect(filled[at]).toBe(2);
    expect(imputedNow(now.features, once, weekly, now.cut)).toBe(now.features);
    // A row that lost what its earlier ones knew.
    const forgetful = Float32Array.from(now.features);
    const own: ExampleQuery = { ...weekly, impute: { by: 'neighbours', count: 1, scales } };
    expect(imputedNow(forgetful, twice, own, day(99))[at]).toBe(fourteen);
  });

  it('of another width is refused', () => {
    expect(() => gapsOf(once, { by: 'medians', medians: [1] })).toThrow(`impute: there are ${width} features`);
    expect(() => gapsOf(once, { by: 'neighbours', count: 1, scales, centres: [[1]] })).toThrow(ChoraleError);
  });
});

describe('an example query', () => {
  it('passes when it is weekly and bounded', () => {
    expect(exampleQuery.parse(weekly)).toEqual(weekly);
    expect(exampleQuery.parse({ ...weekly, embargoMs: 1 })).toEqual({ ...weekly, embargoMs: 1 });
  });

  it.each([
    { ...weekly, maxRows: 53 },
    { ...weekly, impute: { by: 'means' } },
    { ...weekly, impute: { by: 'medians', medians: [Number.NaN] } },
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
