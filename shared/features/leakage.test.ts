/**
 * What must not get into a row: anything that nobody could have known when it is used. One test for each way in, for both
 * programs. What concerns splits and fits (normalisers, unseen customers) is tested in the laboratory.
 */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyCut, anyEvents, eventsStart } from '../testing/any-events.ts';
import { dayMs, hourMs } from './calendar.ts';
import type { ChoraleEvent } from './events.ts';
import { featurePrograms } from './programs.ts';
import { type ExampleQuery, type LabelledSnapshot, labelledSnapshots } from './snapshots.ts';

describe.each([...featurePrograms.values()])('a row of $schema.id', ({ schema: { id: source, features }, open }) => {
  const featuresOf = (events: readonly ChoraleEvent[], cut: number) => {
    const history = open();
    for (const event of events) history.observe(event);
    return history.features(cut);
  };
  const query: ExampleQuery = {
    source,
    label: 'purchase-7d',
    cuts: { first: eventsStart + 7 * dayMs, last: eventsStart + 70 * dayMs, everyMs: 7 * dayMs },
    maxRows: 52,
  };
  const rowsOf = (events: readonly ChoraleEvent[], seenUntil: number, asked: Partial<ExampleQuery> = {}) =>
    labelledSnapshots(events, { ...query, ...asked }, seenUntil);
  const always = eventsStart + 999 * dayMs;

  it('knows nothing that happened at the cut or after it: no event, no copy, no refund, no correction', () => {
    fc.assert(
      fc.property(anyEvents, anyEvents, anyCut, (events, others, cut) => {
        const past = events.filter(({ at }) => at < cut);
        const future = others.map((event) => ({ ...event, at: cut + Math.max(0, event.at - cut) }));
        expect(featuresOf([...future, ...past], cut)).toEqual(featuresOf(past, cut));
      }),
    );
  });

  it('keeps the money of an order whose refund comes after the cut', () => {
    const instant = (days: number) => eventsStart + days * dayMs;
    const event = (name: string, at: number, revenue: number): ChoraleEvent => {
      return { at, tzOffsetMinutes: 0, name, properties: { order_id: 'o', revenue } };
    };
    const bought = [event('Order Completed', instant(1), 80)];
    const refunded = (at: number) => featuresOf([...bought, event('Order Refunded', at, 80)], instant(5));
    expect(refunded(instant(5))).toEqual(featuresOf(bought, instant(5)));
    expect(refunded(instant(5) - 1)).not.toEqual(featuresOf(bought, instant(5)));
  });

  it('knows nothing of the visit it is made in, where an embargo is asked', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        const embargoed = rowsOf(events, always, { embargoMs: hourMs });
        for (const { cut, features: told } of embargoed) {
          const known = events.filter(({ at }) => at < cut - hourMs);
          expect(told).toEqual(featuresOf(known, cut));
        }
        const labels = new Map(rowsOf(events, always).map(({ cut, label }) => [cut, label]));
        for (const { cut, label } of embargoed) expect(label).toBe(labels.get(cut));
      }),
    );
  });

  it('has features that its label’s window does not reach, and a label that nothing outside of it reaches', () => {
    fc.assert(
      fc.property(anyEvents, (events) => {
        for (const { cut, features: told, label } of rowsOf(events, always)) {
          const isInside = ({ at }: ChoraleEvent) => at >= cut && at < cut + 7 * dayMs;
          const outside = events.filter((event) => !isInside(event));
          expect(featuresOf(outside, cut)).toEqual(told);
          const orderBefore = new Set(
            events
              .filter(({ at, name }) => at < cut && name === 'Order Completed')
              .map(({ properties }) => properties.order_id),
          );
          // An order that was known before the cut is no news when it is told once more.
          const isNews = ({ name, properties: { order_id } }: ChoraleEvent) =>
            name === 'Order Completed' && (order_id === undefined || !orderBefore.has(order_id));
          expect(label).toBe(events.some((event) => isInside(event) && isNews(event)) ? 1 : 0);
        }
      }),
    );
  });

  it('is there only when its time is over, positive or not, and then for good', () => {
    fc.assert(
      fc.property(anyEvents, fc.integer({ min: 0, max: 80 }), fc.nat(20), (events, days, more) => {
        const seenUntil = eventsStart + days * dayMs + more;
        const known = rowsOf(events, seenUntil);
        const all = rowsOf(events, always);
        const mature = ({ cut }: LabelledSnapshot) => cut + 7 * dayMs <= seenUntil;
        expect(known).toEqual(all.filter(mature));
        // Nor does it matter whether the device already knows what it could not have seen yet.
        expect(
          rowsOf(
            events.filter(({ at }) => at < seenUntil),
            seenUntil,
          ),
        ).toEqual(known);
      }),
    );
  });

  it('comes at most once a week, and 52 times', () => {
    const visits = Array.from({ length: 100 }, (_, week): ChoraleEvent => {
      return { at: eventsStart + week * 7 * dayMs, tzOffsetMinutes: 0, name: 'Order Completed', properties: {} };
    });
    const cuts = { ...query.cuts, last: eventsStart + 700 * dayMs };
    const rows = rowsOf(visits, always, { cuts });
    expect(rows).toHaveLength(52);
    expect(rows.every(({ cut }, i) => i === 0 || cut - rows[i - 1]!.cut >= 7 * dayMs)).toBe(true);
  });

  it('takes no figure from elsewhere, such as the value of a page that analytics has computed from later orders', () => {
    const foreign = fc.record({
      PageValues: fc.nat(99),
      page_value: fc.nat(99),
      lifetime_value: fc.nat(99),
      score: fc.nat(9),
    });
    fc.assert(
      fc.property(anyEvents, foreign, anyCut, (events, figures, cut) => {
        const adorned = events.map((event) => ({ ...event, properties: { ...event.properties, ...figures } }));
        expect(featuresOf(adorned, cut)).toEqual(featuresOf(events, cut));
      }),
    );
  });

  it('uses ids to tell things apart and for nothing else', () => {
    const rename = (id: string) => `${99 - id.charCodeAt(0)} ${id}`;
    fc.assert(
      fc.property(anyEvents, anyCut, (all, cut) => {
        // Of one instant's events, ids decide the order.
        const events = all.filter(({ at }, i) => all.findIndex((event) => event.at === at) === i);
        const renamed = events.map((event) => ({ ...event, properties: withIds(event.properties, rename) }));
        expect(featuresOf(renamed, cut)).toEqual(featuresOf(events, cut));
      }),
    );
  });

  it('has as many numbers as its schema has names', () => {
    const visit: ChoraleEvent = { at: eventsStart, tzOffsetMinutes: 0, name: 'Order Completed', properties: {} };
    expect(featuresOf([visit], eventsStart + 1)).toHaveLength(features.length);
  });
});

function withIds(properties: ChoraleEvent['properties'], rename: (id: string) => string): ChoraleEvent['properties'] {
  const entries = Object.entries(properties).map(([key, value]) => [
    key,
    key.endsWith('_id') && typeof value === 'string' ? rename(value) : value,
  ]);
  const { products, ...rest } = Object.fromEntries(entries) as ChoraleEvent['properties'];
  if (!Array.isArray(products)) return rest;
  return { ...rest, products: products.map((line) => withIds(line as ChoraleEvent['properties'], rename)) as never };
}
