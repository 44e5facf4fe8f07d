/** Schema `transactions/1`: the 27 numbers that a log of orders and refunds supports. */

import type { Instant } from '../ports.ts';
import { dayMs, localTime } from './calendar.ts';
import { gapMoments, orderWindows } from './purchase-figures.ts';
import type { Totals } from './purchase-history.ts';
import { encodeFeatures, type Feature, type FeatureSchema } from './schema.ts';
import type { Past } from './timeline.ts';

const count = { unit: 'count', lo: 0, hi: 100_000, scale: 'log1p' } as const;
const money = { unit: 'money', lo: 0, hi: 10_000_000, scale: 'log1p' } as const;
const days = { unit: 'days', lo: 0, hi: 3650, scale: 'log1p' } as const;
const gap = { ...days, missing: 999 } as const;
const share = { unit: 'share', lo: 0, hi: 1, scale: 'linear' } as const;

const features = [
  { name: 'recency', ...days },
  { name: 'tenure', ...days },
  { name: 'frequency', ...count },
  /** Spend net of the refunds seen so far. */
  { name: 'monetary', ...money },
  { name: 'meanOrderValue', ...money },
  { name: 'maxOrderValue', ...money },
  /** Pieces in all orders. */
  { name: 'items', ...count },
  { name: 'meanProductsPerOrder', ...count },
  { name: 'orders7', ...count },
  { name: 'orders14', ...count },
  { name: 'orders30', ...count },
  { name: 'orders60', ...count },
  { name: 'orders90', ...count },
  { name: 'orders180', ...count },
  { name: 'spend30', ...money },
  { name: 'spend90', ...money },
  /** Days between one order and the next. */
  { name: 'gapMean', ...gap },
  { name: 'gapStd', ...gap },
  { name: 'gapLast', ...gap },
  /** Orders per day of tenure, shrunk by a month so that newcomers do not look busy. */
  { name: 'ownRate', unit: 'ratio', lo: 0, hi: 10, scale: 'linear' },
  /** Recency in units of the person's own rhythm. */
  { name: 'overdue', unit: 'ratio', lo: 0, hi: 20, scale: 'linear' },
  { name: 'lastOrderValue', ...money },
  { name: 'lastOrderProducts', ...count },
  { name: 'weekendShare', ...share },
  /** Mean local hour of own orders. */
  { name: 'meanHour', unit: 'hours', lo: 0, hi: 24, scale: 'linear' },
  /** Share of own orders placed on the cut's local weekday. */
  { name: 'sameWeekdayShare', ...share },
  { name: 'refundOrders', ...count },
] as const satisfies readonly Feature[];

export type TransactionFeature = (typeof features)[number]['name'];

export const transactions1: FeatureSchema<TransactionFeature> = { id: 'transactions/1', features };

/**
 * What was known about a device just before the cut.
 *
 * @returns 27 numbers, not yet standardised; undefined before the first purchase, when there is nothing to know
 */
export function transactionFeatures(history: Past<Totals>, cut: Instant): Float32Array<ArrayBuffer> | undefined {
  const past = history.before(cut);
  if (past.last === undefined) return undefined;
  const recency = (cut - past.last.at) / dayMs;
  const tenure = (cut - past.firstAt) / dayMs;
  const { gapMean, gapStd } = gapMoments(past);
  const others = {
    recency,
    tenure,
    frequency: past.orders,
    monetary: past.spend - past.refunded,
    meanOrderValue: past.spend / past.orders,
    maxOrderValue: past.largestOrder,
    items: past.items,
    meanProductsPerOrder: past.products / past.orders,
    gapMean,
    gapStd,
    gapLast: past.lastGapDays,
    ownRate: past.orders / (tenure + 30),
    // Two orders at one instant have a mean gap of 0: no rhythm either.
    overdue: recency / (gapMean || tenure + 1),
    lastOrderValue: past.last.value,
    lastOrderProducts: past.last.products,
    weekendShare: past.weekendOrders / past.orders,
    meanHour: past.hours / past.orders,
    sameWeekdayShare: past.weekdays[localTime(cut, past.last.tzOffsetMinutes).weekday]! / past.orders,
    refundOrders: past.refundOrders,
  };
  return encodeFeatures(transactions1, others, orderWindows(history, cut));
}
