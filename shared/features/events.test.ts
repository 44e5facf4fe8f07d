import { describe, expect, it } from 'vitest';
import { ChoraleError } from '../errors.ts';
import { choraleEvent, standardEvents } from './events.ts';
import { canonicalEvent, ga4Events } from './ga4.ts';
import { parseEvent } from './parse.ts';

const event = { at: 1_700_000_000_000, tzOffsetMinutes: 60, name: 'Order Completed', properties: {} };

describe('an event from outside', () => {
  it('may carry a standard or a custom name and one level of nesting', () => {
    const products = [{ product_id: 'p1', quantity: 2, price: 9.5 }];
    for (const name of ['Order Completed', 'Poem Read']) {
      const given = { ...event, name, properties: { order_id: 'o1', revenue: 19, products, tags: ['a', 'b'] } };
      expect(parseEvent(given)).toEqual(given);
    }
  });

  it.each([
    ['at', { ...event, at: -1 }],
    ['at', { ...event, at: 0.5 }],
    ['tzOffsetMinutes', { ...event, tzOffsetMinutes: 900 }],
    ['name', { ...event, name: '' }],
    ['name', { ...event, name: 'n'.repeat(129) }],
    ['properties', { ...event, properties: { price: Number.NaN } }],
    ['properties', { ...event, properties: { text: 't'.repeat(1025) } }],
    ['properties', { ...event, properties: { products: Array.from({ length: 1001 }, () => 1) } }],
    ['properties', { ...event, properties: { deep: { deeper: { deepest: 1 } } } }],
    [
      'properties',
      { ...event, properties: Object.fromEntries(Array.from({ length: 70 }, (_, i) => [i, 'x'.repeat(1000)])) },
    ],
    ['event', { ...event, extra: 1 }],
    ['event', null],
  ])('is refused when it is out of bounds in %s', (field, input) => {
    expect(() => parseEvent(input)).toThrow(
      new ChoraleError('invalid-input', `this event is out of bounds in: ${field}`),
    );
  });

  it('is refused without repeating its values', () => {
    const secret = 's'.repeat(2000);
    const refusal = () => parseEvent({ ...event, properties: { secret } });
    expect(refusal).toThrow(ChoraleError);
    expect(refusal).not.toThrow(new RegExp(secret));
  });
});

describe('Google Analytics names', () => {
  it('map to standard names', () => {
    for (const name of Object.values(ga4Events)) expect(standardEvents).toContain(name);
  });

  it('bring their order along', () => {
    const items = [{ item_id: 'p1', quantity: 2, price: 9.5, item_category: 'shoes' }];
    const purchase = { ...event, name: 'purchase', properties: { transaction_id: 'o1', value: 19, items } };
    expect(parseEvent(purchase)).toEqual({
      ...event,
      properties: {
        order_id: 'o1',
        revenue: 19,
        products: [{ product_id: 'p1', quantity: 2, price: 9.5, category: 'shoes' }],
      },
    });
  });

  it('unwrap the one item of a product event', () => {
    const view = {
      ...event,
      name: 'view_item',
      properties: { constructor: 'EUR', items: [{ item_id: 'p1', price: 5 }] },
    };
    expect(canonicalEvent(view)).toEqual({
      ...event,
      name: 'Product Viewed',
      properties: { constructor: 'EUR', product_id: 'p1', price: 5 },
    });
  });

  it('leave every other event as it is, even one named like a property of all objects', () => {
    for (const name of ['Order Completed', 'Poem Read', 'constructor', '__proto__']) {
      const custom = choraleEvent.parse({ ...event, name, properties: { value: 1, items: [1] } });
      expect(canonicalEvent(custom)).toBe(custom);
    }
  });
});
