/** People whose every view and purchase is unmistakable: if any of it turns up anywhere, it is known whose it was. */

import { type ChoraleEvent, dayMs, hourMs } from '@chorale/shared/features';
import { type SeededRandom, seededRandom } from '@chorale/shared/testing';
import type { Customer } from '../datasets/dataset.ts';

const firstDay = Date.parse('2011-01-03');
/** Snapshots are taken in these weeks, after everybody's first order. */
export const cuts = { first: firstDay + 60 * dayMs, last: firstDay + 102 * dayMs, everyMs: 7 * dayMs };

/** The same seed gives the same people. */
export function distinctivePeople(count: number, seed: string): Customer[] {
  const random = seededRandom(`people/${seed}`);
  return Array.from({ length: count }, (_, i) => personOf(random.fork(i)));
}

function personOf(random: SeededRandom): Customer {
  const orders = Array.from({ length: 8 + random.below(6) }, (_, i) => orderOf(i, random));
  const refund = refundOf(orders[0]!, random);
  const visits = orders.flatMap((order) => visitBefore(order, random));
  return { id: word('person', random), events: [...orders, refund, ...visits].sort((a, b) => a.at - b.at) };
}

function orderOf(i: number, random: SeededRandom): ChoraleEvent {
  const products = Array.from({ length: 1 + random.below(4) }, () => ({
    product_id: word('product', random),
    price: price(random),
    quantity: 1 + random.below(9),
  }));
  return {
    at: instantNear(firstDay + (i * 9 + random.below(8)) * dayMs, random),
    tzOffsetMinutes: 0,
    name: 'Order Completed',
    properties: { order_id: word('order', random), revenue: price(random), coupon: word('coupon', random), products },
  };
}

/** Hours before, a look at something else, and something in the cart. */
function visitBefore({ at }: ChoraleEvent, random: SeededRandom): ChoraleEvent[] {
  const start = at - random.below(5 * hourMs);
  const seen = { product_id: word('product', random), category: word('category', random), price: price(random) };
  return ['Product Viewed', 'Product Added'].map((name, i) => {
    const later = i * random.below(20 * 60_000);
    return { at: start + later, tzOffsetMinutes: 0, name, properties: seen };
  });
}

function refundOf({ at, properties }: ChoraleEvent, random: SeededRandom): ChoraleEvent {
  return {
    at: instantNear(at + 2 * dayMs, random),
    tzOffsetMinutes: 0,
    name: 'Order Refunded',
    properties: { order_id: properties.order_id ?? '', revenue: price(random) },
  };
}

function word(kind: string, random: SeededRandom): string {
  return `${kind}-${random.below(2 ** 31).toString(36)}${random.below(2 ** 31).toString(36)}`;
}

/** Eight digits and more: enough to recognise it as text. */
function price(random: SeededRandom): number {
  return (20_000_000 + random.below(60_000_000)) / 1000;
}

function instantNear(at: number, random: SeededRandom): number {
  return at + random.below(dayMs);
}
