/** Random logs of one person (they need fast-check): dense enough in time for copies, visits, carts and ties to matter. */

import fc from 'fast-check';
import { type ChoraleEvent, dayMs } from '../features/index.ts';

/** Logs begin on this Monday, and go on for sixty days. */
export const eventsStart = Date.parse('2024-01-01');
const busyMinute = eventsStart + 20 * dayMs;

const ids = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const halfSeconds = fc.integer({ min: 0, max: 12 }).map((count) => busyMinute + 500 * count);
const wholeDays = fc.integer({ min: 0, max: 70 }).map((days) => eventsStart + days * dayMs);
const instants = fc.oneof(
  fc.integer({ min: 0, max: 60 * 24 * 60 }).map((minutes) => eventsStart + 60_000 * minutes),
  halfSeconds,
  wholeDays,
);
const named = fc.constantFrom(
  ...['page', 'Product Viewed', 'Product Viewed', 'Product Added', 'Product Added', 'Product Removed'],
  ...['Checkout Started', 'Order Completed', 'Order Completed', 'Order Refunded', 'Products Searched', 'Poem Read'],
);
const anyEvent: fc.Arbitrary<ChoraleEvent> = fc.record({
  at: instants,
  tzOffsetMinutes: fc.constantFrom(-300, 0, 60, 120),
  name: named,
  properties: fc.record(
    {
      order_id: ids,
      product_id: ids,
      category: fc.constantFrom('shoes', 'hats', 'socks'),
      price: fc.integer({ min: 0, max: 90 }),
      quantity: fc.integer({ min: 0, max: 3 }),
      revenue: fc.integer({ min: 0, max: 500 }),
      device_type: fc.constantFrom('mobile', 'iOS', 'tablet', 'desktop', 'fridge'),
      products: fc.array(fc.record({ product_id: ids, quantity: fc.nat(3), price: fc.nat(50) }), { maxLength: 3 }),
    },
    { requiredKeys: [] },
  ),
});
export const anyEvents = fc.array(anyEvent, { maxLength: 40, size: 'max' });
export const anyCut = fc.oneof(wholeDays, halfSeconds);
