/**
 * People who do not exist: each buys at a personal rate until, after some order, they quietly stop (BG/NBD: P. Fader,
 * B. Hardie, K. Lee, Marketing Science 24(2), 2005). Recency and frequency therefore predict the next week, as in life.
 */

import type { ChoraleEvent } from '@chorale/shared/features';
import { dayMs, hourMs } from '@chorale/shared/features';
import { type SeededRandom, seededRandom } from '@chorale/shared/testing';
import type { Customer } from '../datasets/dataset.ts';

export type SyntheticOptions = {
  readonly seed: string | number;
  readonly customers?: number;
};

/** The calendar of Online Retail, so that both share their tasks. */
export const firstDay = Date.parse('2010-12-01');
const days = 374;
/** Nobody was watched any more. */
export const lastDay = firstDay + days * dayMs;

/** Orders per day while active: a gamma with this shape and mean, near what British wholesale customers show. */
const rate = { shape: 0.9, mean: 0.022 };
/** Probability of stopping after an order: a beta. */
const stopping = { a: 0.8, b: 5 };
const refundProbability = 0.08;

/** The same seed gives the same people, and the first n of more people are the same n. */
export function syntheticCustomers({ seed, customers = 3000 }: SyntheticOptions): Customer[] {
  const random = seededRandom(`synthetic/${seed}`);
  return Array.from({ length: customers }, (_, i) => {
    const id = `synthetic-${i + 1}`;
    return { id, events: purchases(id, random.fork(i)) };
  });
}

function purchases(id: string, random: SeededRandom): ChoraleEvent[] {
  const person = {
    ratePerDay: (gamma(rate.shape, random) * rate.mean) / rate.shape,
    stopProbability: beta(stopping, random),
    usualValue: Math.exp(5.2 + 0.8 * random.normal()),
    usualHour: 9 + random.below(9),
  };
  const events: ChoraleEvent[] = [];
  // Most of a shop's customers were there before the log begins: a third shows up in its first weeks.
  let day = random.uniform() < 0.35 ? random.below(45) : random.below(days);
  for (let n = 1; day < days; n++) {
    const at = firstDay + Math.floor(day) * dayMs + (person.usualHour + random.below(2)) * hourMs;
    const order = orderOf(`${id}-${n}`, at, person.usualValue, random);
    events.push(order);
    if (random.uniform() < refundProbability) events.push(refundOf(order, random));
    if (random.uniform() < person.stopProbability) break;
    day += 1 + exponential(random) / person.ratePerDay;
  }
  return events.sort((a, b) => a.at - b.at);
}

function orderOf(orderId: string, at: number, usualValue: number, random: SeededRandom): ChoraleEvent {
  const products = Array.from({ length: 1 + random.below(12) }, () => ({
    product_id: `product-${random.below(500)}`,
    quantity: 1 + random.below(10),
  }));
  const revenue = Math.round(100 * usualValue * Math.exp(0.4 * random.normal())) / 100;
  return {
    at,
    tzOffsetMinutes: 0,
    name: 'Order Completed',
    properties: { order_id: orderId, revenue, products },
  };
}

function refundOf(order: ChoraleEvent, random: SeededRandom): ChoraleEvent {
  const revenue = Math.round(100 * Number(order.properties.revenue) * random.uniform()) / 100;
  return {
    at: order.at + (1 + random.below(14)) * dayMs,
    tzOffsetMinutes: 0,
    name: 'Order Refunded',
    properties: { order_id: String(order.properties.order_id), revenue },
  };
}

/** With mean 1. */
export function exponential(random: SeededRandom): number {
  return -Math.log(1 - random.uniform());
}

/** Marsaglia and Tsang (ACM TOMS 26(3), 2000); a shape below 1 is boosted from shape + 1. */
function gamma(shape: number, random: SeededRandom): number {
  if (shape < 1) return gamma(shape + 1, random) * (1 - random.uniform()) ** (1 / shape);
  const d = shape - 1 / 3;
  for (;;) {
    const x = random.normal();
    const v = (1 + x / Math.sqrt(9 * d)) ** 3;
    if (v > 0 && Math.log(1 - random.uniform()) < x ** 2 / 2 + d - d * v + d * Math.log(v)) return d * v;
  }
}

function beta({ a, b }: { readonly a: number; readonly b: number }, random: SeededRandom): number {
  const [x, y] = [gamma(a, random), gamma(b, random)];
  return x / (x + y);
}
