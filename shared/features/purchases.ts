/** What an order or a refund says, whoever wrote its properties. */

import type { Instant } from '../ports.ts';
import type { ChoraleEvent, EventProperties } from './events.ts';

export type Purchase = {
  readonly kind: 'order' | 'refund';
  /** The same for every copy of one event. */
  readonly key: string;
  readonly orderId: string | undefined;
  readonly at: Instant;
  readonly tzOffsetMinutes: number;
  /** Money, never negative; undefined when the event does not say. */
  readonly value: number | undefined;
  /** Pieces. */
  readonly items: number;
  /** Distinct products. */
  readonly products: number;
};

/** @returns undefined for an event that is neither an order nor a refund */
export function readPurchase(event: ChoraleEvent): Purchase | undefined {
  const kind = kinds.get(event.name);
  if (kind === undefined) return undefined;
  const { order_id, products } = event.properties;
  const orderId = idOf(order_id);
  const lines = Array.isArray(products) ? products.filter(isLine) : [];
  return {
    kind,
    // Without an id, copies of one event still share their instant.
    key: orderId === undefined ? `${kind} at ${event.at}` : `${kind} ${orderId}`,
    orderId,
    at: event.at,
    tzOffsetMinutes: event.tzOffsetMinutes,
    value: statedValue(event.properties) ?? pricedTotal(lines),
    items: lines.reduce((sum, line) => sum + quantityOf(line), 0),
    products: new Set(lines.map((line, i) => line.product_id ?? i)).size,
  };
}

const kinds: ReadonlyMap<string, Purchase['kind']> = new Map([
  ['Order Completed', 'order'],
  ['Order Refunded', 'refund'],
]);

/** Whether an event of this name is an order or a refund. */
export function isPurchaseName(name: string): boolean {
  return kinds.has(name);
}

type Line = Extract<EventProperties[string], Readonly<Record<string, unknown>>>;

function isLine(value: unknown): value is Line {
  return typeof value === 'object' && value !== null;
}

function statedValue({ revenue, total }: EventProperties): number | undefined {
  const value = typeof revenue === 'number' ? revenue : total;
  return typeof value === 'number' ? magnitude(value) : undefined;
}

function pricedTotal(lines: readonly Line[]): number | undefined {
  const prices = lines.flatMap((line) => (typeof line.price === 'number' ? [line.price * quantityOf(line)] : []));
  return prices.length === 0 ? undefined : prices.reduce((sum, price) => sum + magnitude(price), 0);
}

function quantityOf({ quantity }: Line): number {
  return typeof quantity === 'number' ? magnitude(quantity) : 1;
}

/** Ids are text; some shops count instead. */
export function idOf(value: EventProperties[string] | undefined): string | undefined {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : undefined;
}

/**
 * Some shops write refunds as negative numbers, others as positive: the event's name already has the sign.
 * The limit is far above any order and keeps sums of absurd ones finite.
 */
export function magnitude(value: number): number {
  return Math.min(Math.abs(value), 1e12);
}
