/** From events to a row and a score, as a device does it again and again: what it costs must not grow with the log. */

import type { Instant } from '@chorale/shared';
import { type ChoraleEvent, dayMs, type EventProperties, featurePrograms } from '@chorale/shared/features';
import { predict } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { logisticSpec } from '../baselines/index.ts';
import type { BenchGroup } from './measurement.ts';
import { leastOf } from './stopwatch.ts';

const events = 10_000;
const scores = 1000;
const end = Date.parse('2025-01-01');

export const featuresGroup: BenchGroup = async function* ({ isQuick, note }) {
  note(`features: a year of ${events} events …`);
  const log = yearOfEvents();
  const runs = isQuick ? 3 : 10;
  const copying = await leastOf(runs, () => log.map((event) => structuredClone(event)));
  const reading = await leastOf(runs, () => {
    for (let i = 0; i < scores / 10; i++) expectSome(log.filter(({ at }) => at >= end - 30 * dayMs && at < end));
  });
  for (const [source, { open, schema }] of featurePrograms) {
    const history = open();
    const observing = await leastOf(runs, () => {
      const fresh = open();
      for (const event of log) fresh.observe(event);
      expectSome(fresh.features(end));
    });
    yield {
      name: `features ${source} observe`,
      value: (1000 * events) / observing.cpuMs,
      unit: '1/s',
      control: (1000 * events) / copying.cpuMs,
      against: 'a copy of each event',
    };
    for (const event of log) history.observe(event);
    const spec = logisticSpec(schema.features.length);
    const parameters = new Float32Array(schema.features.length + 1).fill(0.01);
    const scoring = await leastOf(runs, () => {
      for (let i = 0; i < scores; i++) expectSome(predict(spec, parameters, history.features(end - i)!));
    });
    yield {
      name: `features ${source} score`,
      value: (1000 * scores) / scoring.cpuMs,
      unit: '1/s',
      control: (100 * scores) / reading.cpuMs,
      against: `one pass over a log of ${events} events`,
    };
  }
};

/** A busy year: nearly three visits a day, of ten events each, and an order every other week. */
function yearOfEvents(): ChoraleEvent[] {
  const random = seededRandom('bench/features');
  const names = ['page', 'Product Viewed', 'Product Viewed', 'Product Added', 'Product Removed', 'Products Searched'];
  return Array.from({ length: events }, (_, i): ChoraleEvent => {
    const [visit, step] = [Math.floor(i / 10), i % 10];
    const at = end - 365 * dayMs + Math.floor((visit * 3650 * dayMs) / events) + step * 60_000;
    if (i % 384 === 0) return event(at, 'Order Completed', { order_id: `o${i}`, revenue: 30 });
    const product = random.below(300);
    const properties = { product_id: `p${product}`, category: `c${product % 12}`, price: 1 + (product % 50) };
    return event(at, names[random.below(names.length)]!, properties);
  });
}

function event(at: Instant, name: string, properties: EventProperties): ChoraleEvent {
  return { at, tzOffsetMinutes: 60, name, properties };
}

function expectSome(values: ArrayLike<unknown> | undefined): void {
  if (values === undefined || values.length === 0) throw new Error('a year of events says something');
}
