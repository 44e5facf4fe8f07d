/** Schema `behavior/1`: what an event log tells about a person's purchases, visits, views, cart and hours. */

import type { Feature, FeatureSchema } from './schema.ts';

const count = { unit: 'count', lo: 0, hi: 1000, scale: 'log1p' } as const;
const manyCount = { ...count, hi: 10_000 } as const;
const money = { unit: 'money', lo: 0, hi: 10_000_000, scale: 'log1p' } as const;
const days = { unit: 'days', lo: 0, hi: 3650, scale: 'log1p' } as const;
const minutes = { unit: 'minutes', lo: 0, hi: 240, scale: 'log1p' } as const;
const share = { unit: 'share', lo: 0, hi: 1, scale: 'linear' } as const;
const ratio = { unit: 'ratio', lo: 0, hi: 10, scale: 'linear' } as const;
const circle = { unit: 'ratio', lo: -1, hi: 1, scale: 'linear' } as const;
const flag = { unit: 'flag', lo: 0, hi: 1, scale: 'linear' } as const;

/** Just outside of what is known: "never" lies beyond every number of days, "none" below every amount. */
const unlessNew = { indicator: 'isNew' } as const;
const never = { missing: 4000 } as const;
const none = { missing: -0.1 } as const;
const noDirection = { missing: -1.1 } as const;

const features = [
  // Purchases
  { name: 'recencyPurchase', ...days, ...never, ...unlessNew },
  /** Distinct orders. */
  { name: 'frequency', ...count },
  /** Spend net of the refunds seen so far. */
  { name: 'monetary', ...money },
  { name: 'meanOrderValue', ...money, ...none, ...unlessNew },
  { name: 'lastOrderValue', ...money, ...none, ...unlessNew },
  { name: 'maxOrderValue', ...money, ...none, ...unlessNew },
  /** Days since the first event of any kind. */
  { name: 'tenure', ...days },
  { name: 'orders7', ...count },
  { name: 'orders14', ...count },
  { name: 'orders30', ...count },
  { name: 'orders60', ...count },
  { name: 'orders90', ...count },
  { name: 'orders180', ...count },
  { name: 'spend30', ...money },
  { name: 'spend90', ...money },
  /** Days between one order and the next. */
  { name: 'gapMean', ...days, ...never, indicator: 'isGapUnknown' },
  { name: 'gapStd', ...days, ...never, indicator: 'isGapStdUnknown' },
  { name: 'gapLast', ...days, ...never, indicator: 'isGapUnknown' },
  /** Recency in units of the person's own rhythm. */
  { name: 'overdue', ...ratio, hi: 20, ...none, ...unlessNew },
  /** Orders per day of tenure, shrunk by a month so that newcomers do not look busy. */
  { name: 'ownRate', ...ratio },
  { name: 'itemsPerOrder', ...manyCount, ...none, ...unlessNew },
  { name: 'productsPerOrder', ...count, ...none, ...unlessNew },
  { name: 'refundOrders', ...count },
  /** Refunds over spend. */
  { name: 'refundedShare', ...share, ...none, ...unlessNew },

  // Visits: those that began in the window
  { name: 'sessions1', ...count },
  { name: 'sessions7', ...count },
  { name: 'sessions30', ...count },
  { name: 'sessionsSincePurchase', ...manyCount, ...none, ...unlessNew },
  { name: 'lastSessionMinutes', ...minutes },
  { name: 'meanSessionMinutes30', ...minutes, ...none, indicator: 'hasNoSession30' },
  { name: 'recencySession', ...days },
  /** Of one event. */
  { name: 'bounceShare30', ...share, ...none, indicator: 'hasNoSession30' },
  { name: 'mobileShare30', ...share, ...none, indicator: 'hasNoSession30' },
  { name: 'tabletShare30', ...share, ...none, indicator: 'hasNoSession30' },
  { name: 'desktopShare30', ...share, ...none, indicator: 'hasNoSession30' },

  // Views
  { name: 'pageViews1', ...count },
  { name: 'pageViews7', ...manyCount },
  { name: 'pageViews30', ...manyCount },
  { name: 'productViews1', ...count },
  { name: 'productViews7', ...manyCount },
  { name: 'productViews30', ...manyCount },
  { name: 'distinctProducts7', ...manyCount },
  /** Views of the product that was viewed most often. */
  { name: 'maxRepeatViews7', ...count },
  /** Entropy of the categories viewed. */
  { name: 'categoryEntropy30', unit: 'bits', lo: 0, hi: 10, scale: 'linear', ...none, indicator: 'hasNoCategory30' },
  { name: 'recencyView', ...days, ...never, indicator: 'hasNoView' },

  // The cart
  { name: 'cartAdditions1', ...count },
  { name: 'cartAdditions7', ...count },
  { name: 'cartAdditions30', ...count },
  { name: 'cartRemovals7', ...count },
  { name: 'checkouts7', ...count },
  { name: 'recencyCart', ...days, ...never, indicator: 'hasNoCartAddition' },
  /** Days since the cart was empty. */
  { name: 'cartAge', ...days, ...never, indicator: 'isCartEmpty' },
  { name: 'cartValue', ...money, ...none, indicator: 'isCartEmpty' },
  { name: 'cartsPerView30', ...ratio },
  { name: 'ordersPerCart180', ...ratio },

  // Hours and weekdays, on the local clock
  { name: 'weekendShare', ...share, ...none, ...unlessNew },
  /** Mean direction of the hours of own orders, a day being a full turn: short where they are spread over the day. */
  { name: 'orderHourSin', ...circle, ...noDirection, ...unlessNew },
  { name: 'orderHourCos', ...circle, ...noDirection, ...unlessNew },
  /** Share of own orders placed on the cut's weekday. */
  { name: 'sameWeekdayShare', ...share, ...none, ...unlessNew },
  { name: 'cutWeekdaySin', ...circle },
  { name: 'cutWeekdayCos', ...circle },

  // What cannot be known yet
  /** No order so far. */
  { name: 'isNew', ...flag },
  { name: 'isGapUnknown', ...flag },
  { name: 'isGapStdUnknown', ...flag },
  { name: 'hasNoSession30', ...flag },
  { name: 'hasNoCategory30', ...flag },
  { name: 'hasNoView', ...flag },
  { name: 'hasNoCartAddition', ...flag },
  { name: 'isCartEmpty', ...flag },
] as const satisfies readonly Feature[];

export type BehaviorFeature = (typeof features)[number]['name'];

export const behavior1: FeatureSchema<BehaviorFeature> = { id: 'behavior/1', features };
