/** What an event says about a person who is there: looking, choosing, buying. */

import type { Instant } from '../ports.ts';
import type { ChoraleEvent, EventProperties } from './events.ts';
import { idOf, magnitude, readPurchase } from './purchases.ts';

/** In the order in which events of one instant are taken to have happened. */
const kinds = ['page', 'other', 'view', 'addition', 'removal', 'checkout', 'order'] as const;

export type DeviceType = 'mobile' | 'tablet' | 'desktop';

export type Activity = {
  readonly kind: (typeof kinds)[number];
  /** The same for every copy of one event; also for what may be done again a second later. */
  readonly key: string;
  readonly at: Instant;
  readonly tzOffsetMinutes: number;
  readonly product: string | undefined;
  readonly category: string | undefined;
  /** Of one piece, never negative. */
  readonly price: number | undefined;
  readonly quantity: number | undefined;
  readonly device: DeviceType | undefined;
};

/** @returns undefined for what a shop's back office does, since nobody needs to be there for it */
export function readActivity(event: ChoraleEvent): Activity | undefined {
  if (backOffice.has(event.name)) return undefined;
  const { product_id, category, price, quantity, device_type } = event.properties;
  const product = idOf(product_id);
  return {
    kind: kindOf.get(event.name) ?? 'other',
    key: readPurchase(event)?.key ?? `${event.name} ${product ?? idOf(event.properties.path) ?? ''}`,
    at: event.at,
    tzOffsetMinutes: event.tzOffsetMinutes,
    product,
    category: typeof category === 'string' ? category : undefined,
    price: amountOf(price),
    quantity: amountOf(quantity),
    device: typeof device_type === 'string' ? devices.get(device_type.toLowerCase()) : undefined,
  };
}

/** A total order: by time, then as people go about buying, then by what the features read. */
export function compareActivities(a: Activity, b: Activity): number {
  const order = a.at - b.at || kinds.indexOf(a.kind) - kinds.indexOf(b.kind);
  if (order !== 0) return order;
  const differing = told.find((field) => a[field] !== b[field]);
  return differing === undefined ? 0 : compareKnown(a[differing], b[differing]);
}

const told = ['key', 'product', 'category', 'price', 'quantity', 'device', 'tzOffsetMinutes'] as const;

/** What is not said comes first. */
function compareKnown(a: string | number | undefined, b: string | number | undefined): number {
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1;
  return a < b ? -1 : 1;
}

const backOffice: ReadonlySet<string> = new Set(['Order Refunded', 'Order Cancelled', 'Order Updated']);

const kindOf: ReadonlyMap<string, Activity['kind']> = new Map([
  ['page', 'page'],
  ['Product Viewed', 'view'],
  ['Product Added', 'addition'],
  ['Product Removed', 'removal'],
  ['Checkout Started', 'checkout'],
  ['Order Completed', 'order'],
]);

const devices: ReadonlyMap<string, DeviceType> = new Map([
  ['mobile', 'mobile'],
  ['phone', 'mobile'],
  ['ios', 'mobile'],
  ['android', 'mobile'],
  ['tablet', 'tablet'],
  ['desktop', 'desktop'],
]);

function amountOf(value: EventProperties[string] | undefined): number | undefined {
  return typeof value === 'number' ? magnitude(value) : undefined;
}
