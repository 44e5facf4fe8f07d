/**
 * UCI Online Retail: invoice lines of a British wholesaler of gifts, 2010-12-01 to 2011-12-09 (D. Chen, S. L. Sain,
 * K. Guo, Journal of Database Marketing & Customer Strategy Management 19(3), 2012). CC0.
 */

import { ChoraleError } from '@chorale/shared';
import type { ChoraleEvent } from '@chorale/shared/features';
import { type Customer, CustomersBuilder } from './dataset.ts';

export const onlineRetailSha256 = '887e8c6c13e910bb4732c2ef0e009df32e4160ef55c759b57b26052582dcbd4a';

const header = 'CustomerID,InvoiceDate,InvoiceNo,StockCode,Quantity,UnitPrice,Country';
const line = /^(\d+),(\d{4}-\d\d-\d\dT\d\d:\d\d),(C?\d+),([^,]+),(-?\d+),(\d+(?:\.\d+)?),[^,]*$/;

/** Stamps are local time in Britain without a zone: they are read as UTC with an offset of 0. */
type InvoiceLine = {
  readonly customer: string;
  readonly at: number;
  readonly invoice: string;
  readonly product: { readonly product_id: string; readonly quantity: number; readonly price: number };
};

/**
 * One event per invoice: an order, or a refund if its number starts with C.
 *
 * @param text the uncompressed CSV file
 * @throws ChoraleError `invalid-input`, naming the first malformed line
 */
export function parseOnlineRetail(text: string): Customer[] {
  const [first, ...lines] = text.trimEnd().split('\n');
  if (first !== header) throw new ChoraleError('invalid-input', 'online-retail, line 1: not the expected columns');
  const customers = new CustomersBuilder();
  const invoices = groupByInvoice(lines.map(parseLine));
  for (const invoiceLines of invoices.values()) customers.add(invoiceLines[0]!.customer, eventOf(invoiceLines));
  return customers.build();
}

function parseLine(text: string, index: number): InvoiceLine {
  const fields = line.exec(text);
  const at = fields === null ? Number.NaN : Date.parse(`${fields[2]}Z`);
  // The index counts from 0 behind the header; people count lines from 1.
  if (fields === null || Number.isNaN(at))
    throw new ChoraleError('invalid-input', `online-retail, line ${index + 2}: malformed`);
  const [, customer, , invoice, product_id, quantity, price] = fields;
  return {
    customer: customer!,
    at,
    invoice: invoice!,
    product: { product_id: product_id!, quantity: Number(quantity), price: Number(price) },
  };
}

function groupByInvoice(lines: readonly InvoiceLine[]): Map<string, InvoiceLine[]> {
  const invoices = new Map<string, InvoiceLine[]>();
  for (const line of lines) {
    const key = `${line.customer} ${line.invoice}`;
    const invoice = invoices.get(key);
    if (invoice === undefined) invoices.set(key, [line]);
    else invoice.push(line);
  }
  return invoices;
}

function eventOf(lines: readonly InvoiceLine[]): ChoraleEvent {
  const isReturn = lines[0]!.invoice.startsWith('C');
  // Returns carry negative quantities: the event's name already says so.
  const sign = isReturn ? -1 : 1;
  const products = lines.map(({ product }) => ({ ...product, quantity: sign * product.quantity }));
  const revenue = products.reduce((sum, { quantity, price }) => sum + quantity * price, 0);
  return {
    at: Math.min(...lines.map(({ at }) => at)),
    tzOffsetMinutes: 0,
    name: isReturn ? 'Order Refunded' : 'Order Completed',
    properties: { order_id: lines[0]!.invoice, revenue, products },
  };
}
