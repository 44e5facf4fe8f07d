/**
 * What people who do not exist do before they buy. Purchases are those of `synthetic.ts`; around them, visits with views and
 * carts are made up by plain rules, since no log of real ones may be used: what is found here says nothing about anybody.
 */

import type { Instant } from '@chorale/shared';
import { type ChoraleEvent, dayMs, hourMs } from '@chorale/shared/features';
import { type SeededRandom, seededRandom } from '@chorale/shared/testing';
import type { Customer } from '../datasets/dataset.ts';
import { exponential, firstDay, lastDay, type SyntheticOptions, syntheticCustomers } from './synthetic.ts';

export type VisitOptions = SyntheticOptions & {
  /** Share of orders that show days before in a cart. At 0, visits and carts have nothing to do with what comes. */
  readonly announcedShare?: number;
};

const onlookerShare = 0.2;
/** A mean: some come every week, some twice a year. */
const visitsPerDay = 0.06;
/** Of a visit for its own sake: something goes into the cart, and of that, something comes out again. */
const idleCartProbability = 0.15;
const removalProbability = 0.5;
/** From a cart that means it to its order: a day, and on average so many more. */
const leadDays = 4;
const longestLeadDays = 21;
const minuteMs = 60_000;

type Person = { readonly visitsPerDay: number; readonly mobileShare: number; readonly category: number };

/** The same seed gives the same people, and the first n of more people are the same n. */
export function syntheticVisitors({ seed, customers, announcedShare = 0.7 }: VisitOptions): Customer[] {
  const random = seededRandom(`visits/${seed}`);
  return syntheticCustomers({ seed, ...(customers === undefined ? {} : { customers }) }).map(({ id, events }, i) => {
    const own = random.fork(i);
    const isOnlooker = own.uniform() < onlookerShare;
    return { id, events: behavior(isOnlooker ? [] : events, announcedShare, own) };
  });
}

function behavior(purchases: readonly ChoraleEvent[], announcedShare: number, random: SeededRandom): ChoraleEvent[] {
  const person = {
    visitsPerDay: visitsPerDay * exponential(random),
    mobileShare: random.uniform(),
    category: random.below(categories),
  };
  // Whoever bought before their first idle visit came for that.
  const start = Math.min(firstDay + random.below(180) * dayMs, purchases[0]?.at ?? lastDay);
  const events = [...purchases, ...idleVisits(start, person, random)];
  for (const order of purchases.filter(({ name }) => name === 'Order Completed')) {
    events.push(...orderVisit(order, person, random));
    if (random.uniform() < announcedShare) events.push(...announcement(order, person, random));
  }
  return events
    .filter(({ at }) => at < lastDay)
    .map(inLondon)
    .sort((a, b) => a.at - b.at);
}

function* idleVisits(start: Instant, person: Person, random: SeededRandom): Generator<ChoraleEvent> {
  for (let day = exponential(random) / person.visitsPerDay; ; day += exponential(random) / person.visitsPerDay) {
    const at = daytime(start + day * dayMs, random);
    if (at >= lastDay) return;
    const products = Array.from({ length: 1 + random.below(4) }, () => favourite(person, random));
    const fills = random.uniform() < idleCartProbability;
    yield* visit(at, { products, cart: fills ? products.slice(0, 1) : [] }, person, random);
    if (fills && random.uniform() < removalProbability)
      yield { ...plain('Product Removed', at + dayMs), properties: productOf(products[0]!) };
  }
}

/** What is bought is looked at and put into the cart in the minutes before. */
function* orderVisit(order: ChoraleEvent, person: Person, random: SeededRandom): Generator<ChoraleEvent> {
  const products = productsOf(order);
  yield* visit(order.at - 20 * minuteMs, { products, cart: products }, person, random);
  yield plain('Checkout Started', order.at - minuteMs);
}

/** Days before, too, where an order announces itself. */
function* announcement(order: ChoraleEvent, person: Person, random: SeededRandom): Generator<ChoraleEvent> {
  const lead = Math.min(1 + leadDays * exponential(random), longestLeadDays);
  const products = productsOf(order);
  yield* visit(daytime(order.at - lead * dayMs, random), { products, cart: products.slice(0, 2) }, person, random);
  if (lead > 3) yield* visit(daytime(order.at - 0.5 * lead * dayMs, random), { products, cart: [] }, person, random);
}

type Doing = { readonly products: readonly number[]; readonly cart: readonly number[] };

/** A page, then products one by one, a minute or two each. */
function* visit(at: Instant, { products, cart }: Doing, person: Person, random: SeededRandom): Generator<ChoraleEvent> {
  const device_type = random.uniform() < person.mobileShare ? 'mobile' : 'desktop';
  yield { ...plain('page', at), properties: { path: '/', device_type } };
  let when = at;
  for (const product of products) {
    when += (0.5 + random.uniform()) * minuteMs;
    yield { ...plain('Product Viewed', when), properties: productOf(product) };
    if (cart.includes(product)) yield { ...plain('Product Added', when + 10_000), properties: productOf(product) };
  }
}

function plain(name: string, at: Instant): ChoraleEvent {
  return { at: Math.floor(at), tzOffsetMinutes: 0, name, properties: {} };
}

const categories = 20;

/** Product n is in category n mod 20. */
function productOf(product: number): ChoraleEvent['properties'] {
  return { product_id: `product-${product}`, category: `category-${product % categories}`, price: 1 + (product % 47) };
}

/** At most the first few: nobody looks at forty. */
function productsOf({ properties: { products } }: ChoraleEvent): number[] {
  // As `synthetic.ts` writes them.
  const lines = products as unknown as readonly { readonly product_id: string }[];
  return lines.slice(0, 4).map(({ product_id }) => Number(product_id.slice('product-'.length)));
}

function favourite({ category }: Person, random: SeededRandom): number {
  const anywhere = random.below(500);
  return random.uniform() < 0.6 ? anywhere - (anywhere % categories) + category : anywhere;
}

/** On the same day, between eight in the morning and ten at night. */
function daytime(at: Instant, random: SeededRandom): Instant {
  return at - (at % dayMs) + Math.floor((8 + 14 * random.uniform()) * hourMs);
}

/** British Summer Time in the one year that these people live through. */
const summer = { from: Date.parse('2011-03-27T01:00Z'), to: Date.parse('2011-10-30T01:00Z') };

function inLondon(event: ChoraleEvent): ChoraleEvent {
  return event.at >= summer.from && event.at < summer.to ? { ...event, tzOffsetMinutes: 60 } : event;
}
