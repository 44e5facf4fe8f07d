/** Google Analytics 4 names, so that an app that already speaks them needs no second vocabulary. */

import type { ChoraleEvent, EventProperties, StandardEventName } from './events.ts';

export const ga4Events: Readonly<Record<string, StandardEventName>> = {
  page_view: 'page',
  search: 'Products Searched',
  view_item_list: 'Product List Viewed',
  view_promotion: 'Promotion Viewed',
  select_promotion: 'Promotion Clicked',
  select_item: 'Product Clicked',
  view_item: 'Product Viewed',
  add_to_cart: 'Product Added',
  remove_from_cart: 'Product Removed',
  view_cart: 'Cart Viewed',
  begin_checkout: 'Checkout Started',
  add_payment_info: 'Payment Info Entered',
  purchase: 'Order Completed',
  refund: 'Order Refunded',
  add_to_wishlist: 'Product Added to Wishlist',
};

const ga4Properties: ReadonlyMap<string, string> = new Map(
  Object.entries({
    transaction_id: 'order_id',
    value: 'revenue',
    items: 'products',
    search_term: 'query',
    item_id: 'product_id',
    item_name: 'name',
    item_category: 'category',
    item_brand: 'brand',
    item_variant: 'variant',
  }),
);

/** GA4 wraps even a single product in `items`; the standard has its fields beside the others. */
const singleProductEvents: ReadonlySet<string> = new Set<StandardEventName>([
  'Product Clicked',
  'Product Viewed',
  'Product Added',
  'Product Removed',
  'Product Added to Wishlist',
]);

/** An event under its standard name and property names; unknown names pass through untouched. */
export function canonicalEvent(event: ChoraleEvent): ChoraleEvent {
  const name = Object.hasOwn(ga4Events, event.name) ? ga4Events[event.name] : undefined;
  if (name === undefined) return event;
  const { products, ...properties } = renamed(event.properties);
  if (!Array.isArray(products)) return { ...event, name, properties };
  const items = products.map((item) => (isFields(item) ? renamed(item) : item));
  const [first] = items;
  if (singleProductEvents.has(name) && isFields(first))
    return { ...event, name, properties: { ...properties, ...first } };
  return { ...event, name, properties: { ...properties, products: items } };
}

function renamed<Value>(fields: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [ga4Properties.get(key) ?? key, value]));
}

type Fields = Extract<EventProperties[string], Readonly<Record<string, unknown>>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
