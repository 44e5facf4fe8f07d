/**
 * What a device may remember about its person: Segment's v2 ecommerce events, `page`, and custom names within bounds.
 * Events never leave the device; only sums computed from them do.
 */

import * as z from 'zod/mini';

/** Names whose properties the features understand (Segment, Ecommerce Spec v2). */
export const standardEvents = [
  'page',
  'Products Searched',
  'Product List Viewed',
  'Product List Filtered',
  'Promotion Viewed',
  'Promotion Clicked',
  'Product Clicked',
  'Product Viewed',
  'Product Added',
  'Product Removed',
  'Cart Viewed',
  'Checkout Started',
  'Checkout Step Viewed',
  'Checkout Step Completed',
  'Payment Info Entered',
  'Order Updated',
  'Order Completed',
  'Order Refunded',
  'Order Cancelled',
  'Coupon Entered',
  'Coupon Applied',
  'Coupon Denied',
  'Coupon Removed',
  'Product Added to Wishlist',
  'Product Removed from Wishlist',
  'Wishlist Product Added to Cart',
  'Product Shared',
  'Cart Shared',
  'Product Reviewed',
] as const;

export type StandardEventName = (typeof standardEvents)[number];

const keyOf = z.string().check(z.minLength(1), z.maxLength(64));
const scalar = z.union([z.string().check(z.maxLength(1024)), z.number(), z.boolean(), z.null()]);
const fields = z.record(keyOf, scalar);
const property = z.union([scalar, z.array(z.union([scalar, fields])).check(z.maxLength(1000)), fields]);

/** One level of nesting holds the products of an order; anything deeper is not behaviour but a document. */
const properties = z
  .record(keyOf, property)
  .check(
    z.refine(
      (value) => JSON.stringify(value).length <= 65_536,
      'an event holds at most 64 Ki characters of properties',
    ),
  );

export const choraleEvent = z.strictObject({
  at: z.int().check(z.minimum(0), z.maximum(8_640_000_000_000_000)),
  /** What local time adds to UTC where the person was: 60 for Berlin in winter. */
  tzOffsetMinutes: z.int().check(z.minimum(-840), z.maximum(840)),
  name: z.string().check(z.minLength(1), z.maxLength(128)),
  properties,
});

export type ChoraleEvent = z.infer<typeof choraleEvent>;
export type EventProperties = ChoraleEvent['properties'];
