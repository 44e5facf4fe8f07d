import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dayMs, hourMs } from './calendar.ts';
import type { ChoraleEvent } from './events.ts';
import { PurchaseHistory } from './purchase-history.ts';
import { encodedBounds } from './schema.ts';
import { type TransactionFeature, transactionFeatures, transactions1 } from './transactions.ts';

/** A Monday. */
const monday = Date.parse('2024-01-01');
const at = (days: number, hours = 0) => monday + days * dayMs + hours * hourMs;

function order(instant: number, properties: ChoraleEvent['properties'] = {}, tzOffsetMinutes = 0): ChoraleEvent {
  return { at: instant, tzOffsetMinutes, name: 'Order Completed', properties };
}

function refund(instant: number, properties: ChoraleEvent['properties']): ChoraleEvent {
  return { at: instant, tzOffsetMinutes: 0, name: 'Order Refunded', properties };
}

function historyOf(events: Iterable<ChoraleEvent>): PurchaseHistory {
  const history = new PurchaseHistory();
  for (const event of events) history.observe(event);
  return history;
}

/** Features by name, with log1p undone. */
function readable(events: Iterable<ChoraleEvent>, cut: number): Record<TransactionFeature, number> {
  const values = transactionFeatures(historyOf(events), cut);
  if (values === undefined) throw new Error('no purchase before the cut');
  const entries = transactions1.features.map(({ name, scale }, i) => {
    return [name, scale === 'log1p' ? Math.expm1(values[i]!) : values[i]!] as const;
  });
  return Object.fromEntries(entries) as Record<TransactionFeature, number>;
}

const anyPurchase: fc.Arbitrary<ChoraleEvent> = fc.record({
  at: fc.integer({ min: 0, max: 400 * 24 }).map((hours) => at(0, hours)),
  tzOffsetMinutes: fc.constantFrom(-300, 0, 60),
  name: fc.constantFrom('Order Completed', 'Order Refunded', 'Product Viewed'),
  properties: fc.record(
    {
      order_id: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'),
      revenue: fc.integer({ min: 0, max: 1000 }),
      products: fc.array(
        fc.record({
          product_id: fc.constantFrom('p', 'q'),
          quantity: fc.nat(5),
          price: fc.integer({ min: 1, max: 9 }),
        }),
        { maxLength: 3 },
      ),
    },
    { requiredKeys: [] },
  ),
});

const anyHistory = fc.array(anyPurchase, { maxLength: 25 });
const anyCut = fc.integer({ min: 0, max: 410 }).map((days) => at(days));

describe('transaction features', () => {
  it('do not depend on the order of arrival', () => {
    const shuffled = anyHistory.chain((events) =>
      fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })),
    );
    fc.assert(
      fc.property(shuffled, anyCut, ([events, arrivals], cut) => {
        expect(transactionFeatures(historyOf(arrivals), cut)).toEqual(transactionFeatures(historyOf(events), cut));
      }),
    );
  });

  it('do not depend on what was asked between arrivals', () => {
    fc.assert(
      fc.property(anyHistory, anyCut, (events, cut) => {
        const asked = new PurchaseHistory();
        for (const event of events) {
          asked.observe(event);
          transactionFeatures(asked, at(500));
        }
        expect(transactionFeatures(asked, cut)).toEqual(transactionFeatures(historyOf(events), cut));
      }),
    );
  });

  it('are not changed by copies of events', () => {
    fc.assert(
      fc.property(anyHistory, anyCut, (events, cut) => {
        const twice = historyOf([...events, ...events]);
        expect(transactionFeatures(twice, cut)).toEqual(transactionFeatures(historyOf(events), cut));
      }),
    );
  });

  it('are not changed by events at or after the cut', () => {
    fc.assert(
      fc.property(anyHistory, anyCut, (events, cut) => {
        const past = events.filter((event) => event.at < cut);
        expect(transactionFeatures(historyOf(events), cut)).toEqual(transactionFeatures(historyOf(past), cut));
      }),
    );
  });

  it('stay within their declared bounds', () => {
    fc.assert(
      fc.property(anyHistory, anyCut, (events, cut) => {
        const values = transactionFeatures(historyOf(events), cut);
        transactions1.features.forEach((feature, i) => {
          const { lo, hi } = encodedBounds(feature);
          if (values !== undefined) expect(values[i]).toBeGreaterThanOrEqual(Math.fround(lo));
          if (values !== undefined) expect(values[i]).toBeLessThanOrEqual(Math.fround(hi));
        });
      }),
    );
  });

  it('do not exist before the first purchase', () => {
    const history = historyOf([order(at(10)), refund(at(1), { order_id: 'x', revenue: 5 })]);
    expect(transactionFeatures(history, at(10))).toBeUndefined();
    expect(transactionFeatures(history, at(10) + 1)).toHaveLength(27);
  });

  it('tell a small history exactly', () => {
    const events = [
      order(at(0, 10), {
        order_id: '1',
        revenue: 40,
        products: [{ product_id: 'a', quantity: 3 }, { product_id: 'b' }],
      }),
      order(at(5, 10), { order_id: '2', revenue: 10, products: [{ product_id: 'a', quantity: 1, price: 10 }] }),
      order(at(19, 16), { order_id: '3', products: [{ product_id: 'a', quantity: 2, price: 50 }] }),
      refund(at(20), { order_id: 'r1', revenue: -15 }),
    ];
    const told = readable(events, at(28));
    const expected: Record<TransactionFeature, number> = {
      recency: 8 + 8 / 24,
      tenure: 27 + 14 / 24,
      frequency: 3,
      monetary: 135,
      meanOrderValue: 50,
      maxOrderValue: 100,
      items: 7,
      meanProductsPerOrder: 4 / 3,
      orders7: 0,
      orders14: 1,
      orders30: 3,
      orders60: 3,
      orders90: 3,
      orders180: 3,
      spend30: 150,
      spend90: 150,
      gapMean: (5 + 14.25) / 2,
      gapStd: (14.25 - 5) / 2,
      gapLast: 14.25,
      ownRate: 3 / (27 + 14 / 24 + 30),
      overdue: (8 + 8 / 24) / ((5 + 14.25) / 2),
      lastOrderValue: 100,
      lastOrderProducts: 1,
      weekendShare: 2 / 3,
      meanHour: 12,
      sameWeekdayShare: 1 / 3,
      refundOrders: 1,
    };
    for (const { name } of transactions1.features)
      expect([name, told[name]]).toEqual([name, expect.closeTo(expected[name], 3)]);
  });

  it('open windows at their first instant and close them at the cut', () => {
    expect(readable([order(at(21))], at(28)).orders7).toBe(readable([order(at(28) - 1)], at(28)).orders7);
    expect(readable([order(at(21) - 1)], at(28)).orders7).toBe(0);
  });

  it('say so when there is no gap to measure', () => {
    const { gapMean, gapStd, gapLast, overdue } = readable([order(at(0))], at(9));
    for (const gap of [gapMean, gapStd, gapLast]) expect(gap).toBeCloseTo(999, 1);
    expect(overdue).toBeCloseTo(0.9, 6);
  });

  it('live on the local clock of the person', () => {
    // Sunday 23:30 UTC is Monday morning in Tokyo.
    const told = readable([order(at(6, 23.5), {}, 540)], at(7));
    expect(told.weekendShare).toBe(0);
    expect(told.meanHour).toBe(8);
    expect(told.sameWeekdayShare).toBe(1);
  });

  it('give back the whole order when a refund names no amount, but only one already placed', () => {
    const bought = order(at(1), { order_id: '1', revenue: 80 });
    const kept = order(at(2), { order_id: '2', revenue: 20 });
    expect(readable([bought, kept, refund(at(3), { order_id: '1' })], at(9)).monetary).toBeCloseTo(20, 3);
    expect(readable([bought, kept, refund(at(0), { order_id: '1' })], at(9)).monetary).toBeCloseTo(100, 3);
  });

  it('survive absurd amounts', () => {
    const events = [
      order(at(1), { revenue: 1e308 }),
      order(at(2), { revenue: 1e308 }),
      refund(at(3), { revenue: 1e308 }),
    ];
    expect(transactionFeatures(historyOf(events), at(9))?.every(Number.isFinite)).toBe(true);
  });

  it('keep the earlier of two differing copies', () => {
    const first = order(at(1), { order_id: '1', revenue: 80 });
    const later = order(at(2), { order_id: '1', revenue: 99 });
    for (const events of [
      [first, later],
      [later, first],
    ])
      expect(readable(events, at(9))).toMatchObject({
        frequency: expect.closeTo(1, 3),
        monetary: expect.closeTo(80, 3),
      });
  });
});
