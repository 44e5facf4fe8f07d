/** Somebody's own event log, one line per event, as people with devices of their own. */

import { ChoraleError } from '@chorale/shared';
import { behavior1, type ChoraleEvent, type EventProperties, parseEvent } from '@chorale/shared/features';
import type { Table, TableRow } from '../adapters/table-file.ts';
import { CustomersBuilder } from '../datasets/dataset.ts';
import { placeOf } from './columns.ts';
import { amountOf, type CustomerLog, customerOf, type Refuse, refusalOf, timeOf } from './log-lines.ts';
import { type Reading, spanOf } from './log-span.ts';

export type EventColumns = { readonly customer: string; readonly time: string; readonly event: string };

/** Properties that are numbers; all others are text. */
const amounts: ReadonlySet<string> = new Set(['price', 'quantity', 'revenue', 'total', 'value']);

/**
 * Every other column is a property of the same name, where it is not empty. Segment's and GA4's names are understood.
 *
 * @param name what errors call the file
 * @throws ChoraleError `invalid-input`, naming the line and what is wrong with it
 */
export function eventLogOf(table: Table, columns: EventColumns, reading: Reading, name: string): CustomerLog {
  const places = {
    customer: placeOf(table, columns.customer, '--customer'),
    time: placeOf(table, columns.time, '--time'),
    event: placeOf(table, columns.event, '--event'),
  };
  const others = table.columns.flatMap((column, place) =>
    Object.values(places).includes(place) ? [] : [{ column: column.trim(), place }],
  );
  const builder = new CustomersBuilder();
  const lines = table.rows.map((row) => {
    const refuse = refusalOf(name, row);
    const customer = customerOf(row, places.customer, columns.customer, refuse);
    const at = timeOf(row, places.time, reading.format, refuse);
    const properties = propertiesOf(row, others, refuse);
    builder.add(customer, eventOf({ at, name: row.fields[places.event]!.trim(), properties }, refuse));
    return { line: row.line, at };
  });
  const customers = builder.build();
  if (!customers.some(({ events }) => events.some((event) => event.name === 'Order Completed'))) {
    const message = `${name}: nobody ever buys; orders are called "Order Completed" or "purchase" in "${columns.event}"`;
    throw new ChoraleError('invalid-input', message);
  }
  return { customers, ...spanOf(lines, reading, name), source: behavior1.id };
}

type Column = { readonly column: string; readonly place: number };

function propertiesOf(row: TableRow, columns: readonly Column[], refuse: Refuse): EventProperties {
  const told = columns.filter(({ place }) => row.fields[place]!.trim() !== '');
  return Object.fromEntries(
    told.map(({ column, place }) => {
      return [column, amounts.has(column) ? amountOf(row, place, refuse) : row.fields[place]!.trim()];
    }),
  );
}

function eventOf(event: Omit<ChoraleEvent, 'tzOffsetMinutes'>, refuse: Refuse): ChoraleEvent {
  try {
    return parseEvent({ ...event, tzOffsetMinutes: 0 });
  } catch (error) {
    throw error instanceof ChoraleError ? refuse(error.message) : error;
  }
}
