import { rocAuc, tableOfRows } from '@chorale/shared/algorithms';
import { choraleEvent, type ExampleQuery, hourMs, labelledSnapshots } from '@chorale/shared/features';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { centralScores, rowsOf } from '../baselines/index.ts';
import type { Customer } from '../datasets/dataset.ts';
import { endOfObservation, schemaOf, tasks } from '../datasets/tasks.ts';
import { bootstrapInterval, type Scored } from '../metrics/bootstrap.ts';
import { federatedAdditive } from '../study/federated.ts';
import type { Method } from '../study/method.ts';
import { syntheticVisitors } from './visits.ts';

it('the same seed gives the same people, and more people start with the same ones', () => {
  const some = syntheticVisitors({ seed: 1, customers: 20 });
  expect(some).toEqual(syntheticVisitors({ seed: 1, customers: 30 }).slice(0, 20));
  expect(some).not.toEqual(syntheticVisitors({ seed: 2, customers: 20 }));
});

it('their events are in bounds and in order; some only look, and nobody leaves the time that is watched', () => {
  const visitors = syntheticVisitors({ seed: 1, customers: 200 });
  for (const { events } of visitors) {
    expect(events.every((event) => choraleEvent.safeParse(event).success)).toBe(true);
    expect(events.every(({ at }, i) => i === 0 || events[i - 1]!.at <= at)).toBe(true);
    expect(events.every(({ at }) => at < endOfObservation['synthetic-visits'])).toBe(true);
  }
  const buys = visitors.filter(({ events }) => events.some(({ name }) => name === 'Order Completed'));
  expect(buys.length).toBeGreaterThan(140);
  expect(buys.length).toBeLessThan(180);
});

const seed = 1;
const people = syntheticVisitors({ seed, customers: 800 });

describe(`where carts announce orders (people of seed ${seed})`, () => {
  it('behavior/1 ranks people better than their purchases do, whoever else is drawn', async () => {
    const { gain, interval } = await judged(people);
    expect(gain).toBeGreaterThan(0.03);
    expect(interval().low).toBeGreaterThan(0.01);
  });

  it('and so do models that devices train through sums', async () => {
    expect((await judged(people, { method: federatedAdditive })).gain).toBeGreaterThan(0.03);
  });

  it('and people whom the model has never seen', async () => {
    const strangers = { learnsFrom: (i: number) => i % 2 === 0, judgedOn: (i: number) => i % 2 === 1 };
    expect((await judged(people, strangers)).gain).toBeGreaterThan(0.02);
  });

  it('and without the hour before each cut, in which some are about to pay', async () => {
    const afternoon = { laterMs: 15 * hourMs };
    const plain = await judged(people, afternoon);
    const embargoed = await judged(people, { ...afternoon, embargoMs: hourMs });
    expect(embargoed.gain).toBeGreaterThan(0.03);
    expect(embargoed.scores).not.toEqual(plain.scores);
  });
});

it('where they do not, behavior/1 has no advantage', async () => {
  const others = syntheticVisitors({ seed, customers: 800, announcedShare: 0 });
  expect((await judged(others)).gain).toBeLessThan(0.01);
});

type Judging = {
  readonly learnsFrom?: (person: number) => boolean;
  readonly judgedOn?: (person: number) => boolean;
  readonly embargoMs?: number;
  /** How long after midnight the cuts are. */
  readonly laterMs?: number;
  readonly method?: Pick<Method, 'run'>;
};

const central: Pick<Method, 'run'> = {
  run: async ({ people: { train, test }, schema }) => ({ scores: centralScores(train, test, schema.features.length) }),
};

/**
 * A model on either schema and on the same rows, those of people who have bought before; judged on later weeks. It is a
 * logistic regression of all rows together unless a method is named.
 *
 * @returns what `behavior/1` gains in AUC, and where that lies when customers are drawn again
 */
async function judged(customers: readonly Customer[], judging: Judging = {}) {
  const bought = await scored(customers, 'transactions/1', judging);
  const behaved = await scored(customers, 'behavior/1', judging);
  expect(behaved.labels).toEqual(bought.labels);
  const gainAmong = (rows: Float32Array, labels: Float32Array) => {
    const auc = ({ scores }: Scored) =>
      rocAuc(
        tableOfRows(
          Array.from(rows, (row) => scores[row]!),
          labels,
        ),
      );
    return auc(behaved) - auc(bought);
  };
  // The bootstrap draws rows by their number, which finds both of their scores.
  const numbered = { ...bought, scores: bought.scores.map((_, row) => row) };
  return {
    gain: gainAmong(numbered.scores, numbered.labels),
    interval: () => bootstrapInterval(numbered, gainAmong, { random: seededRandom('gain'), replicates: 100 }),
    scores: behaved.scores,
  };
}

async function scored(customers: readonly Customer[], source: string, judging: Judging): Promise<Scored> {
  const { learnsFrom = () => true, judgedOn = () => true, embargoMs = 0, laterMs = 0, method = central } = judging;
  const { train, test } = tasks['synthetic-visits']['purchase-7d'];
  const schema = schemaOf({ ...train, source });
  const later = ({ first, last, everyMs }: ExampleQuery['cuts']) => {
    return { first: first + laterMs, last: last + laterMs, everyMs };
  };
  const rows = (query: ExampleQuery, isAsked: (person: number) => boolean) =>
    customers.map(({ events }, i) => {
      if (!isAsked(i)) return [];
      const asked = { ...query, cuts: later(query.cuts), embargoMs };
      const rowsFrom = (from: string) =>
        labelledSnapshots(events, { ...asked, source: from }, endOfObservation['synthetic-visits']);
      const afterPurchase = new Set(rowsFrom('transactions/1').map(({ cut }) => cut));
      return rowsFrom(source).filter(({ cut }) => afterPurchase.has(cut));
    });
  const learned = rows(train, learnsFrom);
  const width = schema.features.length;
  const people = {
    devices: learned.filter(({ length }) => length > 0),
    train: rowsOf(learned, width),
    test: rowsOf(rows(test, judgedOn), width),
  };
  const { scores } = await method.run({ people, schema, rounds: 150, cohort: 200 }, seed, () => {});
  return { ...people.test, scores };
}
