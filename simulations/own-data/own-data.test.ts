import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { parseTable } from '../adapters/table-file.ts';
import { type DateFormat, formatsThatRead, instantOf } from './dates.ts';
import { eventLogOf } from './event-log.ts';
import { type LabelledColumns, peopleOfTable } from './labelled-table.ts';
import { peopleOfLog } from './log-task.ts';
import { purchaseLogOf } from './transaction-log.ts';

const columns = { customer: 'id', time: 'date', value: 'amount' };
const now = Date.parse('2025-01-01');
const logOf = (text: string, more: { order?: string; format?: DateFormat } = {}) =>
  purchaseLogOf(parseTable(text, 'my.csv'), { ...columns, ...more }, { format: more.format ?? 'iso', now }, 'my.csv');

describe('a table', () => {
  it.each([
    ['id;date\n1;2', ['1', '2']],
    ['id\tdate\n1\t2', ['1', '2']],
    ['\uFEFFid,date\r\n"1","a, ""b"""\r\n', ['1', 'a, "b"']],
  ])('may be written in several ways: %j', (text, fields) => {
    const table = parseTable(text, 'my.csv');
    expect(table.columns).toEqual(['id', 'date']);
    expect(table.rows).toEqual([{ line: 2, fields }]);
  });

  it('counts lines as an editor does, also after a field with a line break and an empty line', () => {
    const { rows } = parseTable('id,note\n1,"two\nlines"\n\n2,x\n', 'my.csv');
    expect(rows.map(({ line }) => line)).toEqual([2, 5]);
  });

  it.each([
    ['', 'my.csv is empty'],
    [' \n', 'my.csv is empty'],
    ['id,date\n', 'a heading and no rows'],
    ['id,id\n1,2\n', 'two columns named "id"'],
    ['id,date\n1,2\n1,2,3\n', 'my.csv, line 3: 3 fields where the heading has 2'],
    ['id,date\n"1,2\n', 'my.csv, line 2: quotation marks do not match'],
    ['id,date\n1,2\n"a\nb ""c""",2\n3,"4\n5,6\n7,8\n', 'my.csv, line 5: quotation marks do not match'],
    ['id,date\r\n1,"2\r\n3,4\r\n5,"6"\r\n', 'my.csv, line 2: quotation marks do not match'],
    ['id,date\n1,2\n3,4 "5\n', 'my.csv, line 3: quotation marks do not match'],
  ])('that is none is refused: %j', (text, message) => {
    expect(() => parseTable(text, 'my.csv')).toThrow(message);
  });
});

describe('a date', () => {
  it.each([
    ['2024-05-31', 'iso', '2024-05-31T00:00:00Z'],
    ['2024-05-31 18:30', 'iso', '2024-05-31T18:30:00Z'],
    ['2024-05-31T18:30:05+02:00', 'iso', '2024-05-31T16:30:05Z'],
    ['20240531', 'iso', '2024-05-31T00:00:00Z'],
    ['31.5.2024 08:00', 'dmy', '2024-05-31T08:00:00Z'],
    ['05/31/2024', 'mdy', '2024-05-31T00:00:00Z'],
    ['1717142400', 'seconds', '2024-05-31T08:00:00Z'],
    ['1717142400000', 'milliseconds', '2024-05-31T08:00:00Z'],
  ] as const)('%s is read as %s', (text, format, expected) => {
    expect(instantOf(text, format)).toBe(Date.parse(expected));
  });

  it.each(['2024-02-30', '2024-13-01', '2023-02-29', '2024-05-31 25:00', 'yesterday', ''])('%j is none', (text) => {
    expect(instantOf(text, 'iso')).toBeUndefined();
  });

  it('that could be two is never guessed', () => {
    expect(formatsThatRead('03/04/2024')).toEqual(['dmy', 'mdy']);
    expect(formatsThatRead('31/04/2024')).toEqual([]);
    expect(() => logOf('id,date,amount\n1,03/04/2024,5\n')).toThrow('say --date-format dmy or --date-format mdy');
    expect(() => logOf('id,date,amount\n1,1717142400,5\n')).toThrow('say --date-format seconds');
  });
});

describe('a purchase log', () => {
  it('is orders and refunds by customer; lines of one order add up', () => {
    const text = 'id,date,amount,basket\na,2024-01-02,5,x\nb,2024-01-01,3,y\na,2024-01-02,7.5,x\na,2024-01-05,-2,z\n';
    const { customers } = logOf(text, { order: 'basket' });
    expect(customers.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(customers[0]!.events.map(({ name, properties }) => [name, properties.revenue])).toEqual([
      ['Order Completed', 12.5],
      ['Order Refunded', 2],
    ]);
  });

  it.each([
    ['id,date,amount\n,2024-01-01,5\n', 'my.csv, line 2: no customer in "id"'],
    ['id,date,amount\n1,soon,5\n', 'line 2: "soon" is no date; write them like 2024-05-31'],
    ['id,date,amount\n1,2024-01-01,€5\n', 'line 2: "€5" is no amount'],
    ['id,date,amount\n1,2024-01-01,"5,50"\n', '"5,50" has a decimal comma'],
    ['id,date,amount\n1,2024-01-01,\n', '"" is no amount'],
    ['id,date,amount\n1,2024-01-01,-5\n', 'my.csv: "amount" holds no purchases, only refunds'],
    ['id,day,amount\n1,2024-01-01,5\n', '--time: there is no column "date"; the file has "id", "day", "amount".'],
    ['id,Date,amount\n1,2024-01-01,5\n', 'Did you mean --time "Date"?'],
  ])('with a fault is refused, and the fault is named: %j', (text, message) => {
    expect(() => logOf(text)).toThrow(message);
  });

  const lines = (customers: number, days: number) =>
    Array.from({ length: customers }, (_, id) =>
      Array.from({ length: Math.ceil(days / 9) }, (_, i) => {
        const at = Date.parse('2024-01-01') + (9 * i + (id % 9)) * 86_400_000;
        return `${id},${new Date(at).toISOString()},5`;
      }).join('\n'),
    ).join('\n');

  it('that is too small or too short says by how much', () => {
    expect(() => peopleOfLog(logOf(`id,date,amount\n${lines(9, 200)}\n`), 7)).toThrow('9 customers; at least 50');
    expect(() => peopleOfLog(logOf(`id,date,amount\n${lines(60, 30)}\n`), 7)).toThrow(/spans \d+ days; a horizon of 7/);
    const once = Array.from({ length: 60 }, (_, id) => `${id},2024-0${1 + (id % 6)}-11,5`).join('\n');
    expect(() => peopleOfLog(logOf(`id,date,amount\n${once}\n`), 7)).toThrow('at least 10 of either kind are needed');
  });

  it('of one customer or one day says so in the singular', () => {
    expect(() => peopleOfLog(logOf('id,date,amount\n1,2024-01-01,5\n'), 7)).toThrow('1 customer; at least 50');
    const day = Array.from({ length: 60 }, (_, id) => `${id},2024-01-01,5`).join('\n');
    expect(() => peopleOfLog(logOf(`id,date,amount\n${day}\n`), 7)).toThrow('the log spans 1 day;');
  });

  it('in seconds that are read as milliseconds, or the other way round, says what to say', () => {
    const text = 'id,date,amount\n1,1717142400,5\n2,1717142500,5\n';
    expect(() => logOf(text, { format: 'milliseconds' })).toThrow('January 1970, which milliseconds make of seconds');
    const thousandfold = text.replaceAll('00,', '00000,');
    expect(() => logOf(thousandfold, { format: 'seconds' })).toThrow('say --date-format milliseconds');
    expect(logOf(text, { format: 'seconds' }).last).toBe(1_717_142_500_000);
    expect(logOf(`${text}3,1717142400000,5\n`, { format: 'milliseconds' }).first).toBe(1_717_142_400);
  });

  it('with a date after today is refused, and its line is named; zones east of UTC are allowed for', () => {
    const text = 'id,date,amount\n1,2024-12-31,5\n2,2924-01-02,5\n';
    expect(() => logOf(text)).toThrow('my.csv, line 3: the date 2924-01-02 lies in the future');
    expect(logOf(text.replace('2924-01-02', '2025-01-01 13:00')).last).toBeGreaterThan(now);
  });

  it('that fails for a date far from the others names its line; a log of many years is none the worse', () => {
    const few = Array.from({ length: 60 }, (_, id) => `${id},2004-0${1 + (id % 6)}-11,5`).join('\n');
    const log = logOf(`id,date,amount\n${few}\n1,2024-01-01,5\n`);
    expect(() => peopleOfLog(log, 7)).toThrow('line 62: 2024-01-01 is more than ten years from 2004-04-11');
    const long = lines(80, 200).replaceAll(/^0,2024/gm, '0,1999');
    expect(peopleOfLog(logOf(`id,date,amount\n${long}\n`), 7).devices.length).toBe(80);
  });

  it('trains on weeks whose labels end before the first test week begins', () => {
    const people = peopleOfLog(logOf(`id,date,amount\n${lines(80, 200)}\n`), 7);
    expect(people.test.rowCount).toBe(80 * 4);
    expect(people.devices.length).toBe(80);
    const [last] = people.devices[0]!.slice(-1) as unknown as [{ cut: number }];
    const end = Date.parse('2024-01-01') + 200 * 86_400_000;
    expect(last.cut).toBeLessThan(end - 4 * 7 * 86_400_000);
  });
});

describe('an event log', () => {
  const heading = 'id,date,event,product_id,price,order_id,revenue';
  const eventsOf = (lines: string) =>
    eventLogOf(
      parseTable(`${heading}\n${lines}`, 'my.csv'),
      { ...columns, event: 'event' },
      { format: 'iso', now },
      'my.csv',
    );

  it('is events by customer in the order of time; every other column is a property where it says something', () => {
    const { customers, source } = eventsOf(
      'a,2024-01-03,Order Completed,,,o1,30\nb,2024-01-02,page,,,,\na,2024-01-02,Product Viewed,p1,29.5,,\n',
    );
    expect(customers.map(({ id, events }) => [id, events.map(({ name, properties }) => [name, properties])])).toEqual([
      [
        'a',
        [
          ['Product Viewed', { product_id: 'p1', price: 29.5 }],
          ['Order Completed', { order_id: 'o1', revenue: 30 }],
        ],
      ],
      ['b', [['page', {}]]],
    ]);
    expect(source).toBe('behavior/1');
  });

  it('may speak Google’s language', () => {
    const text =
      'id,date,event,item_id,transaction_id,value\na,2024-01-02,add_to_cart,p1,,\na,2024-01-02,purchase,,o1,30\n';
    const [one] = eventLogOf(
      parseTable(text, 'my.csv'),
      { ...columns, event: 'event' },
      { format: 'iso', now },
      'my.csv',
    ).customers;
    expect(one!.events.map(({ name, properties }) => [name, properties])).toEqual([
      ['Product Added', { product_id: 'p1' }],
      ['Order Completed', { order_id: 'o1', revenue: 30 }],
    ]);
  });

  it.each([
    ['a,2024-01-02,,,,,\n', 'my.csv, line 2: this event is out of bounds in: name'],
    ['a,2024-01-02,page,,dear,,\n', 'line 2: "dear" is no amount'],
    [',2024-01-02,page,,,,\n', 'line 2: no customer in "id"'],
    ['a,2024-01-02,page,,,,\na,today,page,,,,\n', 'line 3: "today" is no date'],
    ['a,2024-01-02,page,,,,\n', 'nobody ever buys; orders are called "Order Completed" or "purchase" in "event"'],
  ])('with a fault is refused, and the fault is named: %j', (lines, message) => {
    expect(() => eventsOf(lines)).toThrow(message);
  });
});

describe('a labelled table', () => {
  const random = seededRandom(3);
  const rows = Array.from({ length: 400 }, (_, i) => {
    const colour = ['red', 'green', 'blue'][random.below(3)]!;
    return `${i % 80},${random.below(100)},${colour},${random.below(2) === 1 ? 'yes' : 'No'}`;
  });
  const text = `who,age,colour,clicked\n${rows.join('\n')}\n`;
  const tableOf = (changed = text, more: Partial<LabelledColumns> = {}) =>
    peopleOfTable(parseTable(changed, 'my.csv'), { label: 'clicked', customer: 'who', ignore: [], ...more }, 'my.csv');

  it('becomes numbers: a feature for each number and for each word', () => {
    const { people, schema } = tableOf();
    expect(schema.features.map(({ name }) => name)).toEqual(['age', 'colour = blue', 'colour = green', 'colour = red']);
    expect(people.devices.length).toBe(64);
    expect(people.test.rowCount).toBe(16 * 5);
    expect(people.devices.every((device) => device.length === 5)).toBe(true);
  });

  it('says which bounds and words were read from rows that no promise covers', () => {
    expect(tableOf().notes).toEqual([
      expect.stringMatching(/^the bounds of "age" were read from all rows, those of the test too: no promise of ε/),
      expect.stringMatching(/^which words "colour" can hold was read from all rows/),
    ]);
    expect(tableOf(text, { ignore: ['colour'], bounds: [{ column: 'age', lo: 0, hi: 120 }] }).notes).toEqual([]);
  });

  it('has the bounds that were declared, whatever its rows hold', () => {
    const { people, schema } = tableOf(text, { bounds: [{ column: 'age', lo: 10, hi: 60 }] });
    expect(schema.features[0]).toMatchObject({ name: 'age', lo: 10, hi: 60 });
    const ages = [people.train, people.test].flatMap(({ features }) => [...features].filter((_, i) => i % 4 === 0));
    expect([Math.min(...ages), Math.max(...ages)]).toEqual([10, 60]);
    const untouched = tableOf(text, { bounds: [{ column: 'age', lo: -5, hi: 500 }] });
    expect(untouched.people.test.features).toEqual(tableOf().people.test.features);
    expect(untouched.schema.features[0]).toMatchObject({ lo: -5, hi: 500 });
  });

  it('keeps test devices out of training', () => {
    const { people } = tableOf();
    const [train, test] = [new Set(people.train.owners), new Set(people.test.owners)];
    expect([...test].filter((owner) => train.has(owner))).toEqual([]);
  });

  it.each([
    [
      text.replace(/,(yes|No)\n/, ',maybe\n'),
      {},
      'line 2: "maybe" in "clicked" is no label; write 1 or 0, true or false, yes or no',
    ],
    [text.replace(/(\n\d+),\d+,/, '$1,,'), {}, 'line 2: "age" is empty; fill it in or say --ignore "age"'],
    [text, { ignore: ['age', 'color'] }, 'Did you mean --ignore "colour"?'],
    [text, { bounds: [{ column: 'ages', lo: 0, hi: 1 }] }, 'Did you mean --bounds "age"?'],
    [text, { bounds: [{ column: 'who', lo: 0, hi: 1 }] }, '--bounds: "who" is not learned from'],
    [text, { bounds: [{ column: 'colour', lo: 0, hi: 1 }] }, '--bounds: "colour" holds words'],
    [text, { bounds: [1, 2].map((hi) => ({ column: 'age', lo: 0, hi })) }, '--bounds: "age" has bounds already'],
    [text, { ignore: ['age', 'colour'] }, 'no column is left to learn from'],
    [text.replaceAll(/,(\d+),(red|green|blue)/g, (_, age) => `,${age},${age}x`), {}, 'different words where 20'],
    [text.replaceAll(/,(yes|No)\n/g, ',no\n'), {}, 'at least 10 of either kind are needed'],
    [text.replaceAll(/\n\d+,/g, '\nme,'), {}, '1 device; at least 50 are needed'],
  ])('with a fault is refused, and the fault is named (%#)', (changed, more, message) => {
    expect(() => tableOf(changed, more)).toThrow(message);
  });
});
