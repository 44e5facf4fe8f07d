import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '@chorale/shared/testing';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runLab } from '../lab.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chorale-own-data-'));
  await writeFile(join(folder, 'my.csv'), purchases(4));
});
afterAll(() => rm(folder, { recursive: true }));

/** Half a year of 80 people, every one with a rhythm of their own. */
function purchases(seed: number): string {
  const random = seededRandom(seed);
  const lines = Array.from({ length: 80 }, (_, id) => {
    const chance = 0.02 + 0.15 * random.uniform();
    const days = Array.from({ length: 180 }, (_, day) => day).filter(() => random.uniform() < chance);
    return days.map((day) => {
      const date = new Date(Date.parse('2024-01-01') + day * 86_400_000).toISOString();
      return `person ${id},${date},${(5 + 50 * random.uniform()).toFixed(2)}`;
    });
  });
  return `id,date,amount\n${lines.flat().join('\n')}\n`;
}

async function lab(...args: readonly string[]) {
  const written = { result: '', notice: '' };
  const code = await runLab(args, {
    result: (text) => {
      written.result += `${text}\n`;
    },
    notice: (text) => {
      written.notice += `${text}\n`;
    },
  });
  return { code, ...written };
}

const log = (file = 'my.csv') => [
  'simulate',
  '--data',
  join(folder, file),
  '--customer',
  'id',
  '--time',
  'date',
  '--value',
  'amount',
];
const small = ['--rounds', '6', '--cohort', '20', '--seeds', '1'];

it('a purchase log becomes records, a page that stands alone, and images', async () => {
  const out = join(folder, 'out');
  const { code, result, notice } = await lab(...log(), ...small, '--out', out, '--json');
  expect(code, notice).toBe(0);
  const methods = result
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  const names = methods.map(({ method }) => method).sort();
  expect(names).toEqual([
    ...['base-rate', 'central-boosting', 'central-logistic', 'federated-additive', 'federated-logistic'],
    ...['local-only', 'own-rate', 'recency-only'],
  ]);
  for (const { method, auc } of methods) expect(auc, method).toBeGreaterThanOrEqual(method === 'base-rate' ? 0.5 : 0.4);
  expect(notice).toContain('no promises are compared');
  const page = await readFile(join(out, 'report.html'), 'utf8');
  for (const title of ['Learning curves', 'ROC', 'Precision and recall', 'Calibration', 'Lift', 'Bytes'])
    expect(page).toContain(`<strong>${title}</strong>`);
  expect(page).not.toMatch(/<script|<link|src=|@import|url\(http/);
  expect([...(await readFile(join(out, 'roc.png'))).subarray(1, 4)]).toEqual([...Buffer.from('PNG')]);

  const again = await lab(...log(), ...small, '--out', out);
  expect(again).toMatchObject({ code: 1, result: '' });
  expect(again.notice).toContain('--resume');
  const resumed = await lab(...log(), ...small, '--out', out, '--json', '--resume');
  expect(resumed).toMatchObject({ code: 0, result });
});

it('a log of all events, such as an invented one, is learned from with the features of behavior/1', async () => {
  const file = join(folder, 'events.csv');
  expect(await lab('invent', file, '--visits', '--customers', '150')).toMatchObject({ code: 0 });
  const columns = ['--customer', 'id', '--time', 'date', '--event', 'event'];
  const out = ['--out', join(folder, 'events'), '--json'];
  const { code, result, notice } = await lab('simulate', '--data', file, ...columns, ...small, ...out);
  expect(code, notice).toBe(0);
  expect(notice).toContain('69 features');
  const aucs = result
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { method: string; auc: number; aucEmbargoed: number; customersUnseen: number });
  const least = {
    ...{ 'federated-additive': 0.6, 'federated-logistic': 0.5, 'central-boosting': 0.65, 'central-logistic': 0.65 },
    ...{ 'local-only': 0.55, 'own-rate': 0.55, 'recency-only': 0.55, 'base-rate': 0.5 },
  };
  expect(aucs.map(({ method }) => method).sort()).toEqual(Object.keys(least).sort());
  for (const { method, auc, aucEmbargoed, customersUnseen } of aucs) {
    expect(auc, method).toBeGreaterThanOrEqual(least[method as keyof typeof least]);
    expect(Math.abs(aucEmbargoed - auc), method).toBeLessThan(0.05);
    expect(customersUnseen, method).toBeGreaterThan(0);
  }
  expect(new Set(aucs.map((one) => one.customersUnseen)).size).toBe(1);
  const page = await readFile(join(folder, 'events', 'report.html'), 'utf8');
  expect(page).toMatch(/of the \d+ test rows \d+ are others then/);
  expect(page).toMatch(/training row: \d+ rows of \d+ customers/);
});

it('a promise is compared where it is asked for, and refused where too few would keep it', async () => {
  const { code, notice } = await lab(...log(), ...small, '--epsilon', '1', '--out', join(folder, 'private'));
  expect(code).toBe(2);
  expect(notice).toContain('a promise of ε takes at least 200');
});

it.each([
  [['simulate', '--data', 'nowhere.csv'], '--customer, --time, --value'],
  [['simulate', '--data', 'nowhere.csv', '--label', 'y', '--time', 't'], '--label is about a plain table'],
  [['simulate', '--data', 'nowhere.csv', '--event', 'e', '--time', 't'], 'an event log takes --customer too'],
  [['simulate', '--data', 'my.csv', '--customer', 'a', '--time', 'b', '--event', 'c', '--value', 'd'], 'purchase log'],
  [['simulate', '--data', 'my.csv', '--customer', 'a', '--time', 'b', '--value', 'c', '--cohort', '5'], '--cohort'],
  [['simulate', '--data', 'my.csv', '--label', 'y', '--epsilon', '-1'], 'positive number such as'],
  [['simulate', '--data', 'my.csv', '--label', 'y', '--horizon', '9'], '7, 30'],
  [['simulate', '--data', 'my.csv', '--label', 'y', '--bounds', 'age=0-9'], 'such as age=0:120'],
  [['simulate', '--data', 'my.csv', '--label', 'y', '--bounds', 'age=:9'], 'such as age=0:120'],
  [['simulate', '--data', 'my.csv', '--label', 'y', '--bounds', 'age=9:9'], '9 must be below 9'],
  [
    ['simulate', '--data', 'a.csv', '--customer', 'a', '--time', 'b', '--value', 'c', '--bounds', 'c=0:9'],
    '--bounds are about a plain table',
  ],
])('wrong usage is exit code 2 and the reason: %j', async (args, reason) => {
  const { code, result, notice } = await lab(...args);
  expect({ code, result }).toEqual({ code: 2, result: '' });
  expect(notice).toContain(reason);
});

it('what no promise covers is said in words, in JSON and on the page; declared bounds are covered', async () => {
  const random = seededRandom(11);
  const rows = Array.from(
    { length: 300 },
    (_, i) => `${i % 60},${random.below(9)},${random.below(5)},${random.below(2)}`,
  );
  await writeFile(join(folder, 'rows.csv'), `who,age,depth,clicked\n${rows.join('\n')}\n`);
  const asked = ['simulate', '--data', join(folder, 'rows.csv'), '--label', 'clicked', '--customer', 'who', ...small];
  const out = join(folder, 'rows');
  const some = await lab(...asked, '--out', out, '--json', '--bounds', 'age=-1:120');
  expect(some.code, some.notice).toBe(0);
  const note = 'the bounds of "depth" were read from all rows';
  expect(some.notice).toContain(note);
  for (const line of some.result.trim().split('\n')) expect(JSON.parse(line).notes[0]).toContain(note);
  const page = await readFile(join(out, 'report.html'), 'utf8');
  expect(page).toContain(note.replaceAll('"', '&quot;'));
  expect(page).toContain("--bounds 'age=-1:120'");
  const all = ['--bounds', 'age=-1:120', '--bounds', 'depth=0:5'];
  const declared = await lab(...asked, '--out', `${out}-declared`, '--json', ...all);
  for (const line of declared.result.trim().split('\n')) expect(JSON.parse(line).notes).toEqual([]);
});

it('a file that is no table is refused with what to do', async () => {
  await writeFile(join(folder, 'latin.csv'), Buffer.from([0x69, 0x64, 0x0a, 0xe9, 0x0a]));
  await writeFile(join(folder, 'sheet.csv'), 'PK\u0003\u0004');
  await writeFile(join(folder, 'cut.csv.gz'), Buffer.from([0x1f, 0x8b, 8, 0, 1]));
  const noticeOf = async (file: string) => {
    const { code, notice } = await lab(...log(file));
    expect(code, notice).toBe(2);
    return notice;
  };
  expect(await noticeOf('none.csv')).toContain('there is no file');
  expect(await noticeOf('latin.csv')).toContain('save it as "CSV UTF-8"');
  expect(await noticeOf('sheet.csv')).toContain('save the sheet as CSV');
  expect(await noticeOf('cut.csv.gz')).toContain('not a readable gzip file');
  expect(await noticeOf('.')).toContain('is a folder');
});
