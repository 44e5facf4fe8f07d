import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyCut, anyEvents, eventsStart } from '../testing/any-events.ts';
import { type Activity, compareActivities, readActivity } from './activity.ts';
import { type BehaviorFeature, behavior1 } from './behavior-schema.ts';
import { dayMs, hourMs, localTime } from './calendar.ts';
import type { ChoraleEvent, EventProperties } from './events.ts';
import { type FeatureHistory, featurePrograms } from './programs.ts';
import { type Purchase, readPurchase } from './purchases.ts';
import { encodedBounds, encodeFeatures, missingValues } from './schema.ts';

const minuteMs = 60_000;
const at = (days: number, hours = 0, minutes = 0) => eventsStart + days * dayMs + hours * hourMs + minutes * minuteMs;

type Properties = EventProperties;
const event = (name: string, instant: number, properties: Properties = {}, tzOffsetMinutes = 0): ChoraleEvent => {
  return { at: instant, tzOffsetMinutes, name, properties };
};
const view = (instant: number, product_id = 'p', more: Properties = {}) =>
  event('Product Viewed', instant, { product_id, ...more });
const add = (instant: number, product_id = 'p', more: Properties = {}) =>
  event('Product Added', instant, { product_id, ...more });
const order = (instant: number, properties: Properties = {}, tzOffsetMinutes = 0) =>
  event('Order Completed', instant, properties, tzOffsetMinutes);

function historyOf(events: Iterable<ChoraleEvent>): FeatureHistory {
  const history = featurePrograms.get(behavior1.id)!.open();
  for (const one of events) history.observe(one);
  return history;
}
const featuresOf = (events: Iterable<ChoraleEvent>, cut: number) => historyOf(events).features(cut);

/** Features by name, log1p undone; undefined where they say that nobody can know. */
function readable(events: Iterable<ChoraleEvent>, cut: number): Record<BehaviorFeature, number | undefined> {
  const row = featuresOf(events, cut);
  if (row === undefined) throw new Error('nothing before the cut');
  const missing = missingValues(behavior1);
  const entries = behavior1.features.map(({ name, scale }, i) => {
    if (missing[i] !== null && row[i] === Math.fround(missing[i]!)) return [name, undefined] as const;
    return [name, scale === 'log1p' ? Math.expm1(row[i]!) : row[i]!] as const;
  });
  return Object.fromEntries(entries) as Record<BehaviorFeature, number | undefined>;
}

describe('behavior/1', () => {
  it('says what a whole log says, read anew for every cut', () => {
    fc.assert(
      fc.property(anyEvents, anyCut, (events, cut) => {
        const expected = recomputed(events, cut);
        const row = featuresOf(events, cut);
        expect(row === undefined).toBe(expected === undefined);
        if (expected === undefined || row === undefined) return;
        const told = encodeFeatures(behavior1, expected);
        behavior1.features.forEach(({ name }, i) => {
          expect([name, row[i]]).toEqual([name, expect.closeTo(told[i]!, 5)]);
        });
      }),
      { numRuns: 400 },
    );
  });

  it('does not depend on the order of arrival', () => {
    const shuffled = anyEvents.chain((events) =>
      fc.tuple(fc.constant(events), fc.shuffledSubarray(events, { minLength: events.length })),
    );
    fc.assert(
      fc.property(shuffled, anyCut, ([events, arrivals], cut) => {
        expect(featuresOf(arrivals, cut)).toEqual(featuresOf(events, cut));
      }),
    );
  });

  it('does not depend on what was asked between arrivals', () => {
    fc.assert(
      fc.property(anyEvents, anyCut, (events, cut) => {
        const asked = historyOf([]);
        for (const one of events) {
          asked.observe(one);
          asked.features(at(99));
        }
        expect(asked.features(cut)).toEqual(featuresOf(events, cut));
      }),
    );
  });

  it('is not changed by copies of events', () => {
    fc.assert(
      fc.property(anyEvents, anyCut, (events, cut) => {
        expect(featuresOf([...events, ...events], cut)).toEqual(featuresOf(events, cut));
      }),
    );
  });

  it('takes the same of one product within a second for a copy, and an order’s id for good', () => {
    const once = [view(at(1)), add(at(1, 1)), order(at(1, 2), { order_id: 'o', revenue: 9 })];
    const again = [view(at(1) + 999), add(at(1, 1) + 999), order(at(1, 2) + 999, { order_id: 'o', revenue: 9 })];
    expect(featuresOf([...once, ...again], at(3))).toEqual(featuresOf(once, at(3)));
    const twice = readable([...once, view(at(1) + 1000), add(at(1, 1) + 1000)], at(3));
    expect([twice.productViews7, twice.cartAdditions7]).toEqual([expect.closeTo(2, 4), expect.closeTo(2, 4)]);
    const other = readable([...once, view(at(1), 'q')], at(3));
    expect(other.productViews7).toBeCloseTo(2, 4);
  });

  it('finds the copies of an instant however many events share it, and of a second among the last hundred', () => {
    const burst = Array.from({ length: 300 }, (_, i) => view(at(1), `p${i}`));
    const viewsOf = (...more: ChoraleEvent[]) => readable([...burst, ...burst, ...more], at(2)).productViews7;
    expect(viewsOf()).toBeCloseTo(300, 2);
    const [last] = burst
      .map(({ properties }) => String(properties.product_id))
      .sort()
      .slice(-1);
    expect(viewsOf(view(at(1) + 500, last))).toBeCloseTo(300, 2);
    expect(viewsOf(view(at(1) + 500, 'p0'))).toBeCloseTo(301, 2);
  });

  it('does not empty a cart for a late copy of an order', () => {
    const events = [order(at(1), { order_id: 'o' }), add(at(2)), order(at(2, 1), { order_id: 'o' })];
    expect(readable(events, at(3)).cartAge).toBeCloseTo(1, 4);
    expect(readable([...events, order(at(2, 2), { order_id: 'p' })], at(3)).cartAge).toBeUndefined();
    // Which of two is the copy may turn out later.
    const history = historyOf(events.slice(1));
    expect(history.features(at(3))).not.toEqual(featuresOf(events, at(3)));
    history.observe(events[0]!);
    expect(history.features(at(3))).toEqual(featuresOf(events, at(3)));
  });

  it('lets an order empty the cart of its own day where a log knows only days', () => {
    const sameDay = [order(at(1), { order_id: 'o' }), add(at(1)), event('Product Removed', at(1), { product_id: 'q' })];
    expect(readable(sameDay, at(2))).toMatchObject({ isCartEmpty: 1, sessions7: expect.closeTo(1, 4) });
  });

  it('stays within its declared bounds, also of absurd logs', () => {
    const absurd = fc.constantFrom(1e308, 1e12, 0);
    const events = anyEvents.chain((some) =>
      absurd.map((huge) => [
        ...some,
        add(at(1), 'x', { price: huge, quantity: huge }),
        order(at(9), { revenue: huge }),
      ]),
    );
    fc.assert(
      fc.property(events, anyCut, (some, cut) => {
        const row = featuresOf(some, cut);
        for (const [i, feature] of behavior1.features.entries()) {
          const { lo, hi } = encodedBounds(feature);
          if (row !== undefined) expect(row[i]).toBeGreaterThanOrEqual(Math.fround(lo));
          if (row !== undefined) expect(row[i]).toBeLessThanOrEqual(Math.fround(hi));
        }
      }),
    );
  });

  it('says beside every missing value that it is missing, and beside no other', () => {
    const names = behavior1.features.map(({ name }) => name);
    fc.assert(
      fc.property(anyEvents, anyCut, (events, cut) => {
        const row = featuresOf(events, cut);
        const missing = missingValues(behavior1);
        for (const [i, { name, indicator }] of behavior1.features.entries()) {
          if (row === undefined || missing[i] === null) continue;
          const isMissing = row[i] === Math.fround(missing[i]!) ? 1 : 0;
          expect([name, row[names.indexOf(indicator as BehaviorFeature)]]).toEqual([name, isMissing]);
        }
      }),
    );
  });

  it('declares a constant for "missing" where no known value lies, and an indicator for each', () => {
    const names: readonly string[] = behavior1.features.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const { name, lo, hi, ...more } of behavior1.features) {
      expect(lo, name).toBeLessThan(hi);
      const { missing, indicator } = more as { missing?: number; indicator?: string };
      expect(missing === undefined, name).toBe(indicator === undefined);
      if (missing === undefined) continue;
      expect(missing < lo || missing > hi, name).toBe(true);
      expect(names).toContain(indicator);
    }
  });
});

describe('time in behavior/1', () => {
  /** What follows the local clock; all else is the same wherever the person is. */
  const local: readonly BehaviorFeature[] = [
    ...([
      'weekendShare',
      'orderHourSin',
      'orderHourCos',
      'sameWeekdayShare',
      'cutWeekdaySin',
      'cutWeekdayCos',
    ] as const),
  ];

  it('is the person’s own: who lives the same day in another zone has the same features', () => {
    fc.assert(
      fc.property(anyEvents, anyCut, fc.integer({ min: -8, max: 8 }), (events, cut, hours) => {
        const elsewhere = events.map((one) => ({
          ...one,
          at: one.at - hours * hourMs,
          tzOffsetMinutes: one.tzOffsetMinutes + hours * 60,
        }));
        expect(featuresOf(elsewhere, cut - hours * hourMs)).toEqual(featuresOf(events, cut));
      }),
    );
  });

  it('knows zones in hours and weekdays only', () => {
    fc.assert(
      fc.property(anyEvents, anyCut, fc.constantFrom(-600, 0, 840), (events, cut, tzOffsetMinutes) => {
        const moved = events.map((one) => ({ ...one, tzOffsetMinutes }));
        const [here, there] = [featuresOf(events, cut), featuresOf(moved, cut)];
        behavior1.features.forEach(({ name }, i) => {
          if (!local.includes(name)) expect([name, there?.[i]]).toEqual([name, here?.[i]]);
        });
      }),
    );
  });

  it('goes on over the change to daylight saving: nine o’clock stays nine o’clock, and a day 24 hours', () => {
    // Berlin, 31 March 2024: +60 until 01:00 UTC, +120 from then on.
    const change = Date.parse('2024-03-31T01:00Z');
    const orders = [-2, -1, 0, 1, 2].map((day) => {
      const local = Date.parse('2024-03-31T09:00Z') + day * dayMs;
      const tzOffsetMinutes = local - hourMs < change ? 60 : 120;
      return order(local - tzOffsetMinutes * minuteMs, { order_id: `o${day}` }, tzOffsetMinutes);
    });
    const cut = orders.at(-1)!.at + hourMs;
    const told = readable(orders, cut);
    expect(Math.atan2(told.orderHourSin!, told.orderHourCos!)).toBeCloseTo((9 / 24) * 2 * Math.PI, 6);
    expect(Math.hypot(told.orderHourSin!, told.orderHourCos!)).toBeCloseTo(1, 6);
    expect(told.gapMean).toBeCloseTo((4 * 24 - 1) / 24 / 4, 4);
    expect(told.weekendShare).toBeCloseTo(2 / 5, 6);
    // In autumn an hour comes twice, and both of its half past two are in order.
    const twice = [
      event('page', Date.parse('2024-10-27T00:30Z'), {}, 120),
      event('page', Date.parse('2024-10-27T01:30Z'), {}, 60),
    ];
    expect(readable(twice, Date.parse('2024-10-27T02:00Z'))).toMatchObject({
      sessions1: expect.closeTo(2, 4),
      recencySession: expect.closeTo(0.5 / 24, 4),
    });
  });

  it('begins another visit after half an hour, and not before', () => {
    const visits = (pause: number) => readable([view(at(1)), view(at(1) + pause, 'q')], at(2)).sessions7;
    expect(visits(30 * minuteMs - 1)).toBeCloseTo(1, 4);
    expect(visits(30 * minuteMs)).toBeCloseTo(2, 4);
  });

  it('has half-open windows: their first instant belongs to them, and the cut does not', () => {
    const views = (instant: number) => readable([event('page', at(0)), view(instant)], at(8)).productViews7;
    expect([views(at(1)), views(at(8) - 1)]).toEqual([expect.closeTo(1, 4), expect.closeTo(1, 4)]);
    expect([views(at(1) - 1), views(at(8))]).toEqual([0, 0]);
  });
});

describe('a person in behavior/1', () => {
  it('is nobody before the first visit; what the back office does is none', () => {
    const refund = event('Order Refunded', at(1), { order_id: 'x', revenue: 5 });
    expect(featuresOf([refund, view(at(2))], at(2))).toBeUndefined();
    expect(featuresOf([refund, view(at(2))], at(2) + 1)).toHaveLength(behavior1.features.length);
  });

  it('who looks and fills a cart is told exactly', () => {
    const told = readable(
      [
        event('page', at(1, 9), { path: '/', device_type: 'desktop' }),
        event('page', at(10, 20, 0), { path: '/', device_type: 'iPhone' }),
        view(at(10, 20, 5), 'a', { category: 'shoes', device_type: 'Phone' }),
        view(at(10, 20, 10), 'a', { category: 'shoes' }),
        view(at(10, 20, 15), 'b', { category: 'hats' }),
        add(at(10, 20, 16), 'b', { price: 30, quantity: 2 }),
        add(at(10, 20, 17), 'a', { price: 10 }),
        event('Product Removed', at(10, 20, 18), { product_id: 'b', quantity: 1 }),
        event('Checkout Started', at(10, 20, 20)),
      ],
      at(11, 20, 20),
    );
    const expected: Partial<Record<BehaviorFeature, number | undefined>> = {
      recencyPurchase: undefined,
      frequency: 0,
      meanOrderValue: undefined,
      tenure: 10 + (11 * 60 + 20) / 1440,
      ownRate: 0,
      sessions1: 0,
      sessions7: 1,
      sessions30: 2,
      lastSessionMinutes: 20,
      meanSessionMinutes30: 10,
      bounceShare30: 0.5,
      mobileShare30: 0.5,
      tabletShare30: 0,
      desktopShare30: 0.5,
      recencySession: 1,
      pageViews1: 0,
      pageViews30: 2,
      // The last day's window begins at 20:20.
      productViews1: 0,
      productViews7: 3,
      distinctProducts7: 2,
      maxRepeatViews7: 2,
      categoryEntropy30: Math.log2(3) - 2 / 3,
      cartAdditions7: 2,
      cartRemovals7: 1,
      checkouts7: 1,
      cartAge: 1 + 4 / 1440,
      cartValue: 40,
      cartsPerView30: 3 / 13,
      ordersPerCart180: 1 / 7,
      isNew: 1,
      isCartEmpty: 0,
      hasNoView: 0,
    };
    for (const [name, value] of Object.entries(expected))
      expect([name, told[name as BehaviorFeature]]).toEqual([name, value && expect.closeTo(value, 3)]);
  });

  it('has a refund counted once, against what was spent and never below nothing', () => {
    const bought = [order(at(1), { order_id: 'o', revenue: 80 }), order(at(2), { order_id: 'p', revenue: 20 })];
    const refund = (properties: Properties) => event('Order Refunded', at(3), { order_id: 'o', ...properties });
    const told = (...refunds: ChoraleEvent[]) => readable([...bought, ...refunds], at(9));
    expect(told(refund({}), refund({}))).toMatchObject({
      monetary: expect.closeTo(20, 3),
      refundedShare: expect.closeTo(0.8, 6),
      refundOrders: expect.closeTo(1, 4),
      frequency: expect.closeTo(2, 4),
    });
    expect(told(refund({ revenue: -30 })).monetary).toBeCloseTo(70, 3);
    expect(told(refund({ revenue: 900 }))).toMatchObject({ monetary: 0, refundedShare: 1 });
  });
});

/** The same features by definition, from a whole log at once: no running totals, no chains. */
function recomputed(
  events: readonly ChoraleEvent[],
  cut: number,
): Record<BehaviorFeature, number | undefined> | undefined {
  const known = events.filter((one) => one.at < cut);
  const { orders, refunds } = purchasesOf(known);
  const kept: Activity[] = [];
  for (const one of known.flatMap((given) => readActivity(given) ?? []).sort(compareActivities))
    if (!kept.some(({ key, at: before }) => key === one.key && one.at - before < 1000)) kept.push(one);
  if (kept.length === 0) return undefined;

  const days = (instant: number | undefined) => (instant === undefined ? undefined : (cut - instant) / dayMs);
  const during = <One extends { at: number }>(all: readonly One[], length: number) =>
    all.filter((one) => one.at >= cut - length * dayMs);
  const of = (kind: Activity['kind']) => kept.filter((one) => one.kind === kind);
  const perOrder = (value: (one: Purchase) => number) => meanOf(orders.map(value));

  const values = orders.map(({ value = 0 }) => value);
  const spend = sumOf(values);
  const refunded = sumOf(
    refunds.map(({ value, orderId, at: when }) => {
      return value ?? orders.find((one) => one.key === `order ${orderId}` && one.at <= when)?.value ?? 0;
    }),
  );
  const spent = (length: number) => sumOf(during(orders, length).map(({ value = 0 }) => value));
  const gaps = orders.slice(1).map((one, i) => (one.at - orders[i]!.at) / dayMs);
  const [gapMean, squares] = [meanOf(gaps), meanOf(gaps.map((gap) => gap * gap))];
  const last = orders.at(-1);
  const tenure = days(kept[0]!.at)!;

  const visits: Activity[][] = [];
  for (const one of kept) {
    const current = visits.at(-1);
    if (current && one.at - current.at(-1)!.at < 30 * minuteMs) current.push(one);
    else visits.push([one]);
  }
  const sessions = visits.map((visit) => ({
    at: visit[0]!.at,
    minutes: Math.min(240, (visit.at(-1)!.at - visit[0]!.at) / minuteMs),
    bounce: visit.length === 1 ? 1 : 0,
    device: visit.find(({ device }) => device)?.device,
  }));
  const month = during(sessions, 30);
  const on = (type: string) => meanOf(month.map(({ device }) => (device === type ? 1 : 0)));

  const views = of('view');
  const perProduct = countsOf(during(views, 7).map(({ product }) => product));
  const categories = countsOf(during(views, 30).map(({ category }) => category));
  const shares = categories.map((count) => count / sumOf(categories));
  const cart = cartOf(kept, orders);
  const additions = of('addition');
  const weekday = localTime(cut, kept.at(-1)!.tzOffsetMinutes).weekday;
  const clock = ({ at: when, tzOffsetMinutes }: Purchase) => localTime(when, tzOffsetMinutes);
  const angle = (one: Purchase) => (clock(one).hour / 24) * 2 * Math.PI;

  return {
    recencyPurchase: days(last?.at),
    frequency: orders.length,
    monetary: spend - refunded,
    meanOrderValue: meanOf(values),
    lastOrderValue: values.at(-1),
    maxOrderValue: values.length === 0 ? undefined : Math.max(...values),
    tenure,
    orders7: during(orders, 7).length,
    orders14: during(orders, 14).length,
    orders30: during(orders, 30).length,
    orders60: during(orders, 60).length,
    orders90: during(orders, 90).length,
    orders180: during(orders, 180).length,
    spend30: spent(30),
    spend90: spent(90),
    gapMean,
    gapStd: gaps.length < 2 ? undefined : Math.sqrt(Math.max(0, squares! - gapMean! ** 2)),
    gapLast: gaps.at(-1),
    overdue: last && days(last.at)! / (gapMean || tenure + 1),
    ownRate: orders.length / (tenure + 30),
    itemsPerOrder: perOrder(({ items }) => items),
    productsPerOrder: perOrder(({ products }) => products),
    refundOrders: refunds.length,
    refundedShare: last && refunded / (spend || 1),
    sessions1: during(sessions, 1).length,
    sessions7: during(sessions, 7).length,
    sessions30: month.length,
    sessionsSincePurchase: last && sessions.filter((session) => session.at > last.at).length,
    lastSessionMinutes: sessions.at(-1)!.minutes,
    meanSessionMinutes30: meanOf(month.map(({ minutes }) => minutes)),
    recencySession: days(kept.at(-1)!.at),
    bounceShare30: meanOf(month.map(({ bounce }) => bounce)),
    mobileShare30: on('mobile'),
    tabletShare30: on('tablet'),
    desktopShare30: on('desktop'),
    pageViews1: during(of('page'), 1).length,
    pageViews7: during(of('page'), 7).length,
    pageViews30: during(of('page'), 30).length,
    productViews1: during(views, 1).length,
    productViews7: during(views, 7).length,
    productViews30: during(views, 30).length,
    distinctProducts7: perProduct.length,
    maxRepeatViews7: Math.max(0, ...perProduct),
    categoryEntropy30: shares.length === 0 ? undefined : -sumOf(shares.map((share) => share * Math.log2(share))),
    recencyView: days(views.at(-1)?.at),
    cartAdditions1: during(additions, 1).length,
    cartAdditions7: during(additions, 7).length,
    cartAdditions30: during(additions, 30).length,
    cartRemovals7: during(of('removal'), 7).length,
    checkouts7: during(of('checkout'), 7).length,
    recencyCart: days(additions.at(-1)?.at),
    cartAge: days(cart.openedAt),
    cartValue: cart.openedAt === undefined ? undefined : cart.value,
    cartsPerView30: (during(additions, 30).length + 1) / (during(views, 30).length + 10),
    ordersPerCart180: (during(orders, 180).length + 1) / (during(additions, 180).length + 5),
    weekendShare: perOrder((one) => (clock(one).weekday % 6 === 0 ? 1 : 0)),
    orderHourSin: perOrder((one) => Math.sin(angle(one))),
    orderHourCos: perOrder((one) => Math.cos(angle(one))),
    sameWeekdayShare: perOrder((one) => (clock(one).weekday === weekday ? 1 : 0)),
    cutWeekdaySin: Math.sin((weekday / 7) * 2 * Math.PI),
    cutWeekdayCos: Math.cos((weekday / 7) * 2 * Math.PI),
    isNew: last ? 0 : 1,
    isGapUnknown: gaps.length < 1 ? 1 : 0,
    isGapStdUnknown: gaps.length < 2 ? 1 : 0,
    hasNoSession30: month.length === 0 ? 1 : 0,
    hasNoCategory30: categories.length === 0 ? 1 : 0,
    hasNoView: views.length === 0 ? 1 : 0,
    hasNoCartAddition: additions.length === 0 ? 1 : 0,
    isCartEmpty: cart.openedAt === undefined ? 1 : 0,
  };
}

/** The earliest of all copies each; what copies of one instant differ in decides between those. */
function purchasesOf(events: readonly ChoraleEvent[]) {
  const sorted = events
    .flatMap((one) => readPurchase(one) ?? [])
    .sort(
      (a, b) =>
        a.at - b.at ||
        (a.key < b.key ? -1 : a.key > b.key ? 1 : 0) ||
        (a.value ?? -1) - (b.value ?? -1) ||
        a.items - b.items ||
        a.products - b.products ||
        a.tzOffsetMinutes - b.tzOffsetMinutes,
    );
  const first = sorted.filter(({ key }, i) => sorted.findIndex((one) => one.key === key) === i);
  return {
    orders: first.filter(({ kind }) => kind === 'order'),
    refunds: first.filter(({ kind }) => kind === 'refund'),
  };
}

function cartOf(kept: readonly Activity[], orders: readonly Purchase[]) {
  const pieces = new Map<string, { quantity: number; price: number }>();
  let openedAt: number | undefined;
  for (const { kind, key, at: when, product = '', price, quantity } of kept) {
    const line = pieces.get(product) ?? { quantity: 0, price: 0 };
    if (kind === 'addition' && quantity !== 0)
      pieces.set(product, { quantity: line.quantity + (quantity ?? 1), price: price ?? line.price });
    if (kind === 'removal') {
      const left = quantity === undefined ? 0 : line.quantity - quantity;
      if (left > 0) pieces.set(product, { ...line, quantity: left });
      else pieces.delete(product);
    }
    if (kind === 'order' && orders.some((one) => one.key === key && one.at === when)) pieces.clear();
    openedAt = pieces.size === 0 ? undefined : (openedAt ?? when);
  }
  return { openedAt, value: sumOf([...pieces.values()].map((line) => line.quantity * line.price)) };
}

function countsOf(names: readonly (string | undefined)[]): number[] {
  return [...new Set(names)].flatMap((name) => (name === undefined ? [] : names.filter((one) => one === name).length));
}

function sumOf(numbers: readonly number[]): number {
  return numbers.reduce((sum, one) => sum + one, 0);
}

function meanOf(numbers: readonly number[]): number | undefined {
  return numbers.length === 0 ? undefined : sumOf(numbers) / numbers.length;
}
