/** Somebody's own purchase log, one line per order or per piece of one, as people with devices of their own. */

import { ChoraleError, type Instant } from '@chorale/shared';
import { type ChoraleEvent, transactions1 } from '@chorale/shared/features';
import type { Table } from '../adapters/table-file.ts';
import { CustomersBuilder } from '../datasets/dataset.ts';
import { placeOf } from './columns.ts';
import { amountOf, type CustomerLog, customerOf, refusalOf, timeOf } from './log-lines.ts';
import { type Reading, spanOf } from './log-span.ts';

export type LogColumns = {
  readonly customer: string;
  readonly time: string;
  readonly value: string;
  /** Lines of one customer with the same value here are one order; without it, those of the same time are. */
  readonly order?: string | undefined;
};

/**
 * Positive values are orders, negative ones refunds; lines of one order add up.
 *
 * @param name what errors call the file
 * @throws ChoraleError `invalid-input`, naming the line and what is wrong with it
 */
export function purchaseLogOf(table: Table, columns: LogColumns, reading: Reading, name: string): CustomerLog {
  const places = {
    customer: placeOf(table, columns.customer, '--customer'),
    time: placeOf(table, columns.time, '--time'),
    value: placeOf(table, columns.value, '--value'),
    order: columns.order === undefined ? undefined : placeOf(table, columns.order, '--order'),
  };
  const lines = table.rows.map((row) => {
    const refuse = refusalOf(name, row);
    const customer = customerOf(row, places.customer, columns.customer, refuse);
    const at = timeOf(row, places.time, reading.format, refuse);
    const order = places.order === undefined ? String(at) : row.fields[places.order]!.trim();
    if (order === '') throw refuse(`no order in "${columns.order}"`);
    return { line: row.line, customer, at, order, value: amountOf(row, places.value, refuse) };
  });
  if (lines.every(({ value }) => value < 0)) {
    const message = `${name}: "${columns.value}" holds no purchases, only refunds; purchases are written as positive amounts`;
    throw new ChoraleError('invalid-input', message);
  }
  const builder = new CustomersBuilder();
  for (const [key, { customer, at, value }] of ordersOf(lines)) builder.add(customer, eventOf(key, at, value));
  return { customers: builder.build(), ...spanOf(lines, reading, name), source: transactions1.id };
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
