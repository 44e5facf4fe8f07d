/** What lies in a person's cart, and since when. */

import type { Instant } from '../ports.ts';
import type { Activity } from './activity.ts';

export type Cart = {
  /** When the first piece came into a cart that was empty; undefined while it is. */
  readonly openedAt: Instant | undefined;
  readonly lines: readonly CartLine[];
};

type CartLine = { readonly product: string; readonly quantity: number; readonly price: number };

/** Products beyond so many are not followed: a step must not cost more the longer a cart gets. */
const mostLines = 100;

export const emptyCart: Cart = { openedAt: undefined, lines: [] };

/** One piece unless the event says how many. */
export function withAddition(cart: Cart, { at, product = '', price, quantity = 1 }: Activity): Cart {
  const known = cart.lines.find((line) => line.product === product);
  if (quantity === 0 || (known === undefined && cart.lines.length >= mostLines)) return cart;
  const line = {
    product,
    quantity: (known?.quantity ?? 0) + quantity,
    price: price ?? known?.price ?? 0,
  };
  return { openedAt: cart.openedAt ?? at, lines: [...without(cart, product), line] };
}

/** All pieces unless the event says how many. */
export function withRemoval(cart: Cart, { product = '', quantity = Number.POSITIVE_INFINITY }: Activity): Cart {
  const known = cart.lines.find((line) => line.product === product);
  if (known === undefined) return cart;
  const left = known.quantity - quantity;
  const lines = left > 0 ? [...without(cart, product), { ...known, quantity: left }] : without(cart, product);
  return lines.length === 0 ? emptyCart : { ...cart, lines };
}

/** Pieces whose price nobody stated count 0. */
export function cartValueOf({ lines }: Cart): number {
  return lines.reduce((sum, { quantity, price }) => sum + quantity * price, 0);
}

function without({ lines }: Cart, product: string): CartLine[] {
  return lines.filter((line) => line.product !== product);
}
