/** From the histories of one device to a row of `behavior/1`. */

import type { Instant } from '../ports.ts';
import type { DeviceType } from './activity.ts';
import type { Seen, Session } from './activity-history.ts';
import { behavior1 } from './behavior-schema.ts';
import { dayMs, localTime, turn } from './calendar.ts';
import { cartValueOf } from './cart.ts';
import { newest } from './chain.ts';
import { gapMoments, orderWindows } from './purchase-figures.ts';
import type { Totals } from './purchase-history.ts';
import { encodeFeatures } from './schema.ts';
import type { Past } from './timeline.ts';

/** What `behavior/1` reads. */
export type BehaviorPast = { readonly purchases: Past<Totals>; readonly activity: Past<Seen> };

/**
 * What was known about a device just before the cut.
 *
 * @returns one number per feature, not yet standardised; undefined before the first visit, when there is nothing to know
 */
export function behaviorFeatures(past: BehaviorPast, cut: Instant): Float32Array<ArrayBuffer> | undefined {
  const seen = past.activity.before(cut);
  if (seen.firstAt === undefined) return undefined;
  const bought = past.purchases.before(cut);
  return encodeFeatures(
    behavior1,
    purchaseValues(cut, { bought, tenure: daysSince(seen.firstAt, cut) }),
    orderWindows(past.purchases, cut),
    sessionValues(past, cut, { seen, bought }),
    viewValues(past, cut, seen),
    cartValues(past, cut, seen),
    calendarValues(cut, { seen, bought }),
  );
}

function purchaseValues(cut: Instant, { bought, tenure }: { readonly bought: Totals; readonly tenure: number }) {
  const { orders, last } = bought;
  const recency = last && daysSince(last.at, cut);
  const { gapMean, gapStd } = gapMoments(bought);
  const perOrder = (total: number) => (orders === 0 ? undefined : total / orders);
  return {
    recencyPurchase: recency,
    frequency: orders,
    monetary: bought.spend - bought.refunded,
    meanOrderValue: perOrder(bought.spend),
    lastOrderValue: last?.value,
    maxOrderValue: last && bought.largestOrder,
    tenure,
    gapMean,
    gapStd,
    gapLast: bought.lastGapDays,
    // Two orders at one instant have a mean gap of 0: no rhythm either.
    overdue: recency === undefined ? undefined : recency / (gapMean || tenure + 1),
    ownRate: orders / (tenure + 30),
    itemsPerOrder: perOrder(bought.items),
    productsPerOrder: perOrder(bought.products),
    refundOrders: bought.refundOrders,
    refundedShare: last && bought.refunded / (bought.spend || 1),
    isNew: flagOf(last === undefined),
    isGapUnknown: flagOf(gapMean === undefined),
    isGapStdUnknown: flagOf(gapStd === undefined),
  };
}

function sessionValues(
  { activity }: BehaviorPast,
  cut: Instant,
  { seen, bought }: { readonly seen: Seen; readonly bought: Totals },
) {
  const month = newest(seen.sessions, ({ startedAt }) => startedAt >= cut - 30 * dayMs);
  const within = (length: number) => month.filter(({ startedAt }) => startedAt >= cut - length * dayMs);
  const mean = (of: (session: Session) => number) =>
    month.length === 0 ? undefined : month.reduce((sum, session) => sum + of(session), 0) / month.length;
  const shareOn = (device: DeviceType) => mean((session) => flagOf(session.device === device));
  const last = seen.sessions?.item;
  return {
    sessions1: within(1).length,
    sessions7: within(7).length,
    sessions30: month.length,
    // The visit in which the person bought is not one since then.
    sessionsSincePurchase: bought.last && seen.sessionCount - activity.before(bought.last.at + 1).sessionCount,
    lastSessionMinutes: last && minutesOf(last),
    meanSessionMinutes30: mean(minutesOf),
    recencySession: last && daysSince(last.lastAt, cut),
    bounceShare30: mean(({ events }) => flagOf(events === 1)),
    mobileShare30: shareOn('mobile'),
    tabletShare30: shareOn('tablet'),
    desktopShare30: shareOn('desktop'),
    hasNoSession30: flagOf(month.length === 0),
  };
}

function viewValues({ activity }: BehaviorPast, cut: Instant, seen: Seen) {
  const during = counterOf(activity, cut);
  const pages = ({ pageViews }: Seen) => pageViews;
  const products = ({ productViews }: Seen) => productViews;
  const viewed = new Map<string, number>();
  const categories = new Map<string, number>();
  for (const { at, product, category } of newest(seen.views, ({ at }) => at >= cut - 30 * dayMs)) {
    if (product !== undefined && at >= cut - 7 * dayMs) viewed.set(product, (viewed.get(product) ?? 0) + 1);
    if (category !== undefined) categories.set(category, (categories.get(category) ?? 0) + 1);
  }
  const lastView = seen.views?.item;
  return {
    pageViews1: during(pages, 1),
    pageViews7: during(pages, 7),
    pageViews30: during(pages, 30),
    productViews1: during(products, 1),
    productViews7: during(products, 7),
    productViews30: during(products, 30),
    distinctProducts7: viewed.size,
    maxRepeatViews7: Math.max(0, ...viewed.values()),
    categoryEntropy30: entropyOf([...categories.values()]),
    recencyView: lastView && daysSince(lastView.at, cut),
    hasNoCategory30: flagOf(categories.size === 0),
    hasNoView: flagOf(lastView === undefined),
  };
}

function cartValues({ purchases, activity }: BehaviorPast, cut: Instant, seen: Seen) {
  const during = counterOf(activity, cut);
  const additions = ({ cartAdditions }: Seen) => cartAdditions;
  const orders180 = purchases.before(cut).orders - purchases.before(cut - 180 * dayMs).orders;
  const { openedAt } = seen.cart;
  return {
    cartAdditions1: during(additions, 1),
    cartAdditions7: during(additions, 7),
    cartAdditions30: during(additions, 30),
    cartRemovals7: during(({ cartRemovals }) => cartRemovals, 7),
    checkouts7: during(({ checkouts }) => checkouts, 7),
    recencyCart: seen.lastCartAdditionAt === undefined ? undefined : daysSince(seen.lastCartAdditionAt, cut),
    cartAge: openedAt === undefined ? undefined : daysSince(openedAt, cut),
    cartValue: openedAt === undefined ? undefined : cartValueOf(seen.cart),
    cartsPerView30: (during(additions, 30) + 1) / (during(({ productViews }) => productViews, 30) + 10),
    ordersPerCart180: (orders180 + 1) / (during(additions, 180) + 5),
    hasNoCartAddition: flagOf(seen.lastCartAdditionAt === undefined),
    isCartEmpty: flagOf(openedAt === undefined),
  };
}

function calendarValues(cut: Instant, { seen, bought }: { readonly seen: Seen; readonly bought: Totals }) {
  const { weekday } = localTime(cut, seen.tzOffsetMinutes);
  const perOrder = (total: number) => (bought.orders === 0 ? undefined : total / bought.orders);
  const { sin, cos } = turn(weekday / 7);
  return {
    weekendShare: perOrder(bought.weekendOrders),
    orderHourSin: perOrder(bought.hourSin),
    orderHourCos: perOrder(bought.hourCos),
    sameWeekdayShare: perOrder(bought.weekdays[weekday]!),
    cutWeekdaySin: sin,
    cutWeekdayCos: cos,
  };
}

/** How much a running count grew in the days before the cut. */
function counterOf(activity: Past<Seen>, cut: Instant) {
  const now = activity.before(cut);
  return (count: (seen: Seen) => number, length: number) => count(now) - count(activity.before(cut - length * dayMs));
}

function minutesOf({ startedAt, lastAt }: Session): number {
  return Math.min(240, (lastAt - startedAt) / 60_000);
}

/** Shannon's, in bits; undefined of nothing. */
function entropyOf(counts: readonly number[]): number | undefined {
  const total = counts.reduce((sum, one) => sum + one, 0);
  return total === 0 ? undefined : counts.reduce((sum, one) => sum - (one / total) * Math.log2(one / total), 0);
}

function daysSince(at: Instant, cut: Instant): number {
  return (cut - at) / dayMs;
}

function flagOf(holds: boolean): number {
  return holds ? 1 : 0;
}
