import { describe, expect, it } from 'vitest';
import { parseCdnow } from './cdnow.ts';
import { parseOnlineRetail } from './online-retail.ts';

const header = 'CustomerID,InvoiceDate,InvoiceNo,StockCode,Quantity,UnitPrice,Country';
const invoice = [
  '17,2011-01-18T10:17,541431,A1,2,1.50,United Kingdom',
  '17,2011-01-18T10:16,541431,B 2,10,0.25,United Kingdom',
  '17,2011-01-20T09:00,C541433,A1,-1,1.50,United Kingdom',
  '18,2010-12-01T08:26,536365,A1,1,0,France',
];

describe('Online Retail', () => {
  it('becomes one event per invoice, with returns as refunds of positive money', () => {
    expect(parseOnlineRetail([header, ...invoice, ''].join('\n'))).toEqual([
      {
        id: '17',
        events: [
          {
            at: Date.parse('2011-01-18T10:16Z'),
            tzOffsetMinutes: 0,
            name: 'Order Completed',
            properties: {
              order_id: '541431',
              revenue: 5.5,
              products: [
                { product_id: 'A1', quantity: 2, price: 1.5 },
                { product_id: 'B 2', quantity: 10, price: 0.25 },
              ],
            },
          },
          {
            at: Date.parse('2011-01-20T09:00Z'),
            tzOffsetMinutes: 0,
            name: 'Order Refunded',
            properties: {
              order_id: 'C541433',
              revenue: 1.5,
              products: [{ product_id: 'A1', quantity: 1, price: 1.5 }],
            },
          },
        ],
      },
      { id: '18', events: [expect.objectContaining({ name: 'Order Completed' })] },
    ]);
  });

  it.each([
    ['line 1', [invoice[0]!]],
    ['line 3', [header, invoice[0]!, '17,2011-01-18T10:17,541431,A1,two,1.50,United Kingdom']],
    ['line 2', [header, '17,2011-13-18T10:17,541431,A1,2,1.50,United Kingdom']],
    ['line 2', [header, `${invoice[0]},more`]],
    ['line 3', [header, invoice[0]!, '', invoice[1]!]],
  ])('is refused at a malformed %s', (where, lines) => {
    expect(() => parseOnlineRetail(lines.join('\n'))).toThrow(
      expect.objectContaining({ code: 'invalid-input', message: expect.stringContaining(where) }),
    );
  });
});

describe('CDNOW', () => {
  const lines = [' 00001 19970101  1   11.77', ' 00002 19970112  5   77.00', ' 00001 19970110 12 1386.01'];

  it('becomes one order per line, whichever way its lines end', () => {
    for (const end of ['\n', '\r\n']) {
      const customers = parseCdnow(lines.map((line) => line + end).join(''));
      expect(customers.map(({ id, events }) => [id, events.map(({ at }) => at)])).toEqual([
        ['00001', [Date.parse('1997-01-01'), Date.parse('1997-01-10')]],
        ['00002', [Date.parse('1997-01-12')]],
      ]);
      expect(customers[0]?.events[1]?.properties).toMatchObject({ revenue: 1386.01, products: [{ quantity: 12 }] });
    }
  });

  it('is refused at a malformed line', () => {
    // An altered public copy has years written over customer ids.
    for (const bad of [' 1997  19970112  5   77.00', ' 00002 19971312  5   77.00', ' 00002 19970112  5   77.0'])
      expect(() => parseCdnow([lines[0], bad].join('\n'))).toThrow(/line 2/);
  });
});
