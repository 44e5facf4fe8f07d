/** What both feature schemas read off a purchase history: windows before a cut, and the rhythm of orders. */

import type { Instant } from '../ports.ts';
import { dayMs } from './calendar.ts';
import type { Totals } from './purchase-history.ts';
import type { Past } from './timeline.ts';

/** Windows are half-open, [cut − days, cut): the difference of two running totals. */
export function orderWindows(history: Past<Totals>, cut: Instant) {
  const past = history.before(cut);
  const orders = (days: number) => past.orders - history.before(cut - days * dayMs).orders;
  const spend = (days: number) => past.spend - history.before(cut - days * dayMs).spend;
  return {
    orders7: orders(7),
    orders14: orders(14),
    orders30: orders(30),
    orders60: orders(60),
    orders90: orders(90),
    orders180: orders(180),
    spend30: spend(30),
    spend90: spend(90),
  };
}

/** Mean and standard deviation of the gaps between orders, in days; a spread takes two gaps. */
export function gapMoments({ orders, gapDays, squaredGapDays }: Totals) {
  const gaps = orders - 1;
  if (gaps < 1) return { gapMean: undefined, gapStd: undefined };
  const gapMean = gapDays / gaps;
  if (gaps < 2) return { gapMean, gapStd: undefined };
  return { gapMean, gapStd: Math.sqrt(Math.max(0, squaredGapDays / gaps - gapMean * gapMean)) };
}
