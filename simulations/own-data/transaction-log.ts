/** Somebody's own purchase log, one line per order or per piece of one, as people with devices of their own. */

import { ChoraleError, type Instant } from '@chorale/shared';
import type { ChoraleEvent } from '@chorale/shared/features';
import type { Table, TableRow } from '../adapters/table-file.ts';
import { type Customer, CustomersBuilder } from '../datasets/dataset.ts';
import { placeOf } from './columns.ts';
import { type DateFormat, formatsThatRead, instantOf } from './dates.ts';

export type LogColumns = {
  readonly customer: string;
  readonly time: string;
  readonly value: string;
  /** Lines of one customer with the same value here are one order; without it, those of the same time are. */
  readonly order?: string | undefined;
};

export type PurchaseLog = { readonly customers: readonly Customer[]; readonly first: Instant; readonly last: Instant };

/**
 * Positive values are orders, negative ones refunds; lines of one order add up.
 *
 * @param name what errors call the file
 * @throws ChoraleError `invalid-input`, naming the line and what is wrong with it
 */
export function purchaseLogOf(table: Table, columns: LogColumns, format: DateFormat, name: string): PurchaseLog {
  const places = {
    customer: placeOf(table, columns.customer, '--customer'),
    time: placeOf(table, columns.time, '--time'),
    value: placeOf(table, columns.value, '--value'),
    order: columns.order === undefined ? undefined : placeOf(table, columns.order, '--order'),
  };
  const lines = table.rows.map((row) => {
    const refuse = (why: string) => new ChoraleError('invalid-input', `${name}, line ${row.line}: ${why}`);
    const customer = row.fields[places.customer]!.trim();
    if (customer === '') throw refuse(`no customer in "${columns.customer}"; leave such lines out`);
    const at = timeOf(row, places.time, format, refuse);
    const order = places.order === undefined ? String(at) : row.fields[places.order]!.trim();
    if (order === '') throw refuse(`no order in "${columns.order}"`);
    return { customer, at, order, value: amountOf(row, places.value, refuse) };
  });
  const builder = new CustomersBuilder();
  for (const [key, { customer, at, value }] of ordersOf(lines)) builder.add(customer, eventOf(key, at, value));
  const times = lines.map(({ at }) => at);
  const [first, last] = times.reduce(
    ([low, high], at) => [Math.min(low, at), Math.max(high, at)],
    [times[0]!, times[0]!],
  );
  return { customers: builder.build(), first, last };
}

type Refuse = (why: string) => ChoraleError;

function timeOf(row: TableRow, place: number, format: DateFormat, refuse: Refuse): Instant {
  const text = row.fields[place]!;
  const at = instantOf(text, format);
  if (at !== undefined) return at;
  const others = formatsThatRead(text);
  if (others.length === 0) throw refuse(`"${text}" is no date; write them like 2024-05-31 or 2024-05-31T18:30:00Z`);
  const advice = others.map((other) => `--date-format ${other}`).join(' or ');
  throw refuse(`"${text}" is no date in the format ${format}: say ${advice}`);
}

function amountOf(row: TableRow, place: number, refuse: Refuse): number {
  const text = row.fields[place]!.trim();
  const value = Number(text);
  if (text !== '' && Number.isFinite(value)) return value;
  if (/^-?[\d.]*,\d{1,2}$/.test(text)) throw refuse(`"${text}" has a decimal comma: write 12.50, not 12,50`);
  throw refuse(`"${text}" is no amount; write a plain number like 12.50, without a currency`);
}

type Line = { readonly customer: string; readonly at: Instant; readonly order: string; readonly value: number };

/** An order is when its first line is. */
function ordersOf(lines: readonly Line[]): Map<string, { customer: string; at: Instant; value: number }> {
  const orders = new Map<string, { customer: string; at: Instant; value: number }>();
  for (const { customer, at, order, value } of lines) {
    const key = JSON.stringify([customer, order, value < 0]);
    const known = orders.get(key);
    if (known === undefined) orders.set(key, { customer, at, value });
    else orders.set(key, { customer, at: Math.min(at, known.at), value: known.value + value });
  }
  return orders;
}

function eventOf(key: string, at: Instant, value: number): ChoraleEvent {
  const revenue = Math.abs(value);
  const products = [{ product_id: 'all', quantity: 1, price: revenue }];
  const name = value < 0 ? 'Order Refunded' : 'Order Completed';
  return { at, tzOffsetMinutes: 0, name, properties: { order_id: key, revenue, products } };
}
