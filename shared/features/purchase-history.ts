/** A device's orders and refunds, with running totals: every count or sum over a window is the difference of two totals. */

import type { Instant } from '../ports.ts';
import { dayMs, localTime, turn } from './calendar.ts';
import type { ChoraleEvent } from './events.ts';
import { type Purchase, readPurchase } from './purchases.ts';
import { type Past, Timeline } from './timeline.ts';

/** Everything known about purchases up to some instant. */
export type Totals = {
  readonly orders: number;
  readonly spend: number;
  readonly largestOrder: number;
  readonly items: number;
  /** Distinct products per order, summed over orders. */
  readonly products: number;
  readonly weekendOrders: number;
  /** Sum of local hours. */
  readonly hours: number;
  /** Sums of the sine and cosine of local hours, a day being a full turn. */
  readonly hourSin: number;
  readonly hourCos: number;
  /** Orders on each local weekday, from Sunday. */
  readonly weekdays: readonly number[];
  readonly gapDays: number;
  readonly squaredGapDays: number;
  readonly lastGapDays: number | undefined;
  readonly firstAt: Instant;
  readonly last: Order | undefined;
  readonly refunded: number;
  readonly refundOrders: number;
};

type Order = Pick<Purchase, 'at' | 'tzOffsetMinutes' | 'products'> & { readonly value: number };

const nothing: Totals = {
  orders: 0,
  spend: 0,
  largestOrder: 0,
  items: 0,
  products: 0,
  weekendOrders: 0,
  hours: 0,
  hourSin: 0,
  hourCos: 0,
  weekdays: [0, 0, 0, 0, 0, 0, 0],
  gapDays: 0,
  squaredGapDays: 0,
  lastGapDays: undefined,
  firstAt: 0,
  last: undefined,
  refunded: 0,
  refundOrders: 0,
};

/** Grows event by event; neither their order of arrival nor copies of one event make a difference. */
export class PurchaseHistory implements Past<Totals> {
  readonly #timeline = new Timeline<Purchase, Totals>({
    start: nothing,
    step: (totals, purchase) =>
      purchase.kind === 'order' ? withOrder(totals, purchase) : this.#withRefund(totals, purchase),
    compare,
  });
  readonly #byKey = new Map<string, Purchase>();

  /** Ignores events that are neither orders nor refunds. Of two copies the earlier one counts. */
  observe(event: ChoraleEvent): void {
    const purchase = readPurchase(event);
    if (purchase === undefined) return;
    const copy = this.#byKey.get(purchase.key);
    if (copy !== undefined && compare(copy, purchase) <= 0) return;
    if (copy !== undefined) this.#timeline.remove(copy);
    this.#byKey.set(purchase.key, purchase);
    this.#timeline.insert(purchase);
  }

  /** Whether this event is the one of its copies that counts; of an event that is no purchase, false. */
  counts(event: Pick<Purchase, 'key' | 'at'>): boolean {
    return this.#byKey.get(event.key)?.at === event.at;
  }

  /** Totals over everything strictly before `cut`. */
  before(cut: Instant): Totals {
    return this.#timeline.before(cut);
  }

  hasOrderWithin(from: Instant, to: Instant): boolean {
    return this.before(to).orders > this.before(from).orders;
  }

  /** A refund that names no amount gives back its whole order. */
  #withRefund(totals: Totals, refund: Purchase): Totals {
    const order = this.#byKey.get(`order ${refund.orderId}`);
    const wholeOrder = order !== undefined && order.at <= refund.at ? order.value : undefined;
    const value = refund.value ?? wholeOrder ?? 0;
    return { ...totals, refunded: totals.refunded + value, refundOrders: totals.refundOrders + 1 };
  }
}

function withOrder(totals: Totals, order: Purchase): Totals {
  const { hour, weekday } = localTime(order.at, order.tzOffsetMinutes);
  const value = order.value ?? 0;
  const gapDays = totals.last === undefined ? undefined : (order.at - totals.last.at) / dayMs;
  return {
    ...totals,
    orders: totals.orders + 1,
    spend: totals.spend + value,
    largestOrder: Math.max(totals.largestOrder, value),
    items: totals.items + order.items,
    products: totals.products + order.products,
    weekendOrders: totals.weekendOrders + (weekday === 0 || weekday === 6 ? 1 : 0),
    hours: totals.hours + hour,
    hourSin: totals.hourSin + turn(hour / 24).sin,
    hourCos: totals.hourCos + turn(hour / 24).cos,
    weekdays: totals.weekdays.with(weekday, totals.weekdays[weekday]! + 1),
    gapDays: totals.gapDays + (gapDays ?? 0),
    squaredGapDays: totals.squaredGapDays + (gapDays ?? 0) ** 2,
    lastGapDays: gapDays,
    firstAt: totals.last === undefined ? order.at : totals.firstAt,
    last: { at: order.at, tzOffsetMinutes: order.tzOffsetMinutes, products: order.products, value },
  };
}

/** A total order, so that arrival never decides: by time, then by what the totals read. */
function compare(a: Purchase, b: Purchase): number {
  return (
    a.at - b.at ||
    compareText(a.key, b.key) ||
    (a.value ?? -1) - (b.value ?? -1) ||
    a.items - b.items ||
    a.products - b.products ||
    a.tzOffsetMinutes - b.tzOffsetMinutes
  );
}

function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
