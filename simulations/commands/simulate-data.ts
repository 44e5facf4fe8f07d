/** `lab simulate --data`: what federated learning would make of somebody's own table, before anybody deploys anything. */

import { ChoraleError, hex, type Instant, utf8 } from '@chorale/shared';
import { systemClock } from '@chorale/shared/adapters/node';
import { sha256 } from '@chorale/shared/crypto';
import { behavior1, type FeatureSchema, transactions1 } from '@chorale/shared/features';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { openRecords } from '../adapters/records-file.ts';
import { tableName, writeReport } from '../adapters/report-files.ts';
import { readTable, type Table } from '../adapters/table-file.ts';
import { type DateFormat, dateFormats } from '../own-data/dates.ts';
import { eventLogOf } from '../own-data/event-log.ts';
import { type DeclaredBounds, peopleOfTable } from '../own-data/labelled-table.ts';
import { peopleOfLog } from '../own-data/log-task.ts';
import { purchaseLogOf } from '../own-data/transaction-log.ts';
import { chartsOf } from '../report/charts.ts';
import { htmlReport } from '../report/html-report.ts';
import { createProgress } from '../report/progress.ts';
import type { People } from '../scenarios/purchase-people.ts';
import { baselinesFor } from '../study/baselines.ts';
import { federatedAdditive, federatedLogistic } from '../study/federated.ts';
import type { Ground, Method } from '../study/method.ts';
import { privateLogistic } from '../study/private.ts';
import { type MethodSummary, runStudy, summarize } from '../study/run-study.ts';
import type { LabOutput } from './command.ts';
import { positive, wholeNumber } from './privacy-options.ts';

type Options = {
  readonly data?: string;
  readonly customer?: string;
  readonly time?: string;
  readonly value?: string;
  readonly event?: string;
  readonly order?: string;
  readonly dateFormat: DateFormat;
  readonly horizon: '7' | '30';
  readonly label?: string;
  readonly ignore: readonly string[];
  readonly bounds?: readonly DeclaredBounds[];
  readonly devices?: number;
  readonly rounds: number;
  readonly cohort: number;
  readonly epsilon?: readonly number[] | 'none';
  readonly seeds: number;
  readonly out?: string;
  readonly resume?: true;
  readonly json?: true;
};

const usualEpsilons = [1, 4];

/** Adds what is asked about a table to `lab simulate` itself; its sub-commands keep their own options. */
export function addDataSimulation(simulate: Command, output: LabOutput): void {
  simulate
    // Both have seeds: what stands behind a sub-command is its own.
    .enablePositionalOptions()
    .option('--data <file>', "one's own table: CSV with a heading, plain or gzipped")
    .option('--customer <column>', 'whose line it is')
    .option('--time <column>', 'when it was bought')
    .option('--value <column>', 'what it cost; negative for a refund')
    .option('--event <column>', 'what happened, of a log of all events; every other column is a property of its name')
    .option('--order <column>', 'lines with the same value are one order; those of the same time unless said')
    .addOption(new Option('--date-format <format>', 'how dates are written').choices(dateFormats).default('iso'))
    .addOption(new Option('--horizon <days>', 'who will buy within so many days').choices(['7', '30']).default('7'))
    .option('--label <column>', 'a plain table with 1 or 0 in this column, in place of a purchase log')
    .option('--ignore <columns...>', 'of a plain table, columns not to learn from', [])
    .option(
      '--bounds <name=lo:hi>',
      'of a plain table, what a column of numbers can hold; repeatable, read from the rows unless said',
      declaredBounds,
    )
    .option('--devices <count>', 'of a plain table without --customer, devices to deal rows to', wholeNumber)
    .option(
      '--rounds <count>',
      'secure sums that train the logistic model; a tenth of them the additive one',
      wholeNumber,
      150,
    )
    .option('--cohort <count>', 'devices in one sum', wholeNumber, 200)
    .option('--epsilon <values...>', 'promises to compare, or none; 1 and 4 unless said', epsilons)
    .option('--seeds <count>', 'runs of each method, of which the median counts', wholeNumber, 3)
    .option('--out <folder>', 'where records and report go; lab-<name of the file> unless said')
    .option('--resume', 'go on where an earlier run was cut off')
    .option('--json', 'print one JSON object per method')
    .addHelpText(
      'after',
      '\nExamples: lab simulate --data my.csv --customer id --time date --value amount' +
        '\n          lab simulate --data events.csv --customer id --time date --event event' +
        '\n          lab simulate --data rows.csv --label clicked --epsilon none',
    )
    .action((options: Options) => simulateData(options, simulate, output));
}

async function simulateData(options: Options, simulate: Command, output: LabOutput): Promise<void> {
  if (options.data === undefined) simulate.help({ error: true });
  checkOptions(options);
  const { file: name, stem } = tableName(options.data);
  const table = await readTable(options.data);
  const clock = systemClock();
  const { people, schema, notes } = peopleOf(table, options, { name, now: clock.now() });
  const ground: Ground = { people, schema, rounds: options.rounds, cohort: options.cohort };
  const facts = [...factsOf(name, table, ground), ...notes];
  for (const fact of facts) output.notice(fact);
  const methods = methodsFor(ground, options, output);
  const folder = options.out ?? `lab-${stem}`;
  const id = studyId(table, options);
  const records = await openRecords(`${folder}/records.jsonl`, id, { resume: options.resume ?? false });
  const progress = createProgress(process.stderr);
  const all = await runStudy({ id, ground, methods, seeds: options.seeds }, { records, progress, clock });
  const summaries = summarize(all);
  const charts = chartsOf(summaries);
  const head = { title: `Federated learning on ${name}`, facts, command: commandOf(options) };
  const written = await writeReport(folder, htmlReport(head, summaries, charts), charts);
  for (const summary of summaries) output.result(options.json ? jsonOf(summary, notes) : textOf(summary));
  output.notice(`\n${written[0]} shows it all; ${written.length - 1} images and ${all.length} records lie beside it.`);
}

function checkOptions({ label, bounds, customer, time, value, event, order, seeds, rounds, cohort }: Options): void {
  const needed = event === undefined ? { customer, time, value } : { customer, time };
  const missing = Object.entries(needed).filter(([, column]) => column === undefined);
  if (label === undefined && missing.length > 0) {
    const flags = missing.map(([flag]) => `--${flag}`).join(', ');
    const log = event === undefined ? 'a purchase log' : 'an event log';
    throw new ChoraleError('invalid-input', `${log} takes ${flags} too; a plain table takes --label`);
  }
  if (label !== undefined && (time !== undefined || value !== undefined || event !== undefined))
    throw new ChoraleError('invalid-input', '--label is about a plain table; --time, --value and --event about a log');
  if (label === undefined && bounds !== undefined)
    throw new ChoraleError('invalid-input', '--bounds are about a plain table; the features of a log declare theirs');
  if (event !== undefined && (value !== undefined || order !== undefined))
    throw new ChoraleError(
      'invalid-input',
      '--value and --order are about a purchase log; events have columns of their own',
    );
  if (Math.min(seeds, rounds) < 1) throw new ChoraleError('invalid-input', 'it takes a seed and a round');
  if (cohort < 10 || cohort > 1000) throw new ChoraleError('invalid-input', '--cohort: between 10 and 1000 devices');
}

type Learned = { readonly people: People; readonly schema: FeatureSchema; readonly notes: readonly string[] };

function peopleOf(table: Table, options: Options, { name, now }: { name: string; now: Instant }): Learned {
  const { label, customer, time, value, event, order, ignore, bounds, devices, dateFormat } = options;
  if (label !== undefined) return peopleOfTable(table, { label, customer, ignore, bounds, devices }, name);
  const horizon = options.horizon === '7' ? 7 : 30;
  const reading = { format: dateFormat, now };
  const lines = { customer: customer!, time: time! };
  if (event !== undefined) {
    const log = eventLogOf(table, { ...lines, event }, reading, name);
    return { people: peopleOfLog(log, horizon), schema: behavior1, notes: [] };
  }
  const log = purchaseLogOf(table, { ...lines, value: value!, order }, reading, name);
  return { people: peopleOfLog(log, horizon), schema: transactions1, notes: [] };
}

function methodsFor(ground: Ground, { epsilon }: Options, output: LabOutput): Method[] {
  const plain = [federatedAdditive, federatedLogistic, ...baselinesFor(ground.schema)];
  if (epsilon === 'none') return plain;
  const promises = (epsilon ?? usualEpsilons).map(privateLogistic);
  try {
    for (const method of promises) method.rounds(ground);
  } catch (error) {
    // Whoever asked is refused; whoever did not is told.
    if (epsilon !== undefined || !(error instanceof ChoraleError)) throw error;
    output.notice(`no promises are compared: ${error.message}`);
    return plain;
  }
  return [...plain, ...promises];
}

function factsOf(name: string, table: Table, { people: { devices, train, test }, schema }: Ground): string[] {
  const positives = test.labels.reduce((sum, label) => sum + label, 0);
  return [
    `${name}: ${table.rows.length} lines`,
    `${devices.length} devices that train`,
    `${train.rowCount} training rows, ${test.rowCount} test rows`,
    `${((100 * positives) / test.rowCount).toFixed(1)} % of the test rows are positive`,
    `${schema.features.length} features`,
  ];
}

/** Of the data and of everything that changes a figure. */
function studyId(table: Table, options: Options): string {
  const { data: _, out: __, resume: ___, json: ____, seeds: _____, epsilon: ______, ...settings } = options;
  return hex(sha256(utf8(JSON.stringify([settings, table.columns, table.rows.map(({ fields }) => fields)])))).slice(
    0,
    16,
  );
}

function commandOf(options: Options): string {
  const flags = Object.entries(options).flatMap(([key, value]) => {
    if (key === 'resume' || key === 'json' || (Array.isArray(value) && value.length === 0)) return [];
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    const words = (Array.isArray(value) ? value : [value]).map((one) => quoted(wordOf(one)));
    // Each has a flag of its own.
    return key === 'bounds' ? words.flatMap((word) => [flag, word]) : [flag, ...words];
  });
  return `npm run lab -- simulate ${flags.join(' ')}`;
}

/** Bounds are the only option that is an object. */
function wordOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const { column, lo, hi } = value as DeclaredBounds;
  return `${column}=${lo}:${hi}`;
}

function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function textOf({ record: { title, figures, interval95 } }: MethodSummary): string {
  const interval = `${interval95.low.toFixed(4)}–${interval95.high.toFixed(4)}`;
  return `${title.padEnd(44)} AUC ${figures.auc!.toFixed(4)} (${interval})  lift ${figures.liftAtTenth!.toFixed(2)}`;
}

function jsonOf({ record, aucs }: MethodSummary, notes: readonly string[]): string {
  const { method, figures, interval95, epsilon = null, cost = null } = record;
  return JSON.stringify({ method, ...figures, interval95, epsilon, cost, aucs, notes });
}

function declaredBounds(text: string, before: readonly DeclaredBounds[] = []): readonly DeclaredBounds[] {
  const [, column, ...ends] = /^(.+)=([^:]+):([^:]+)$/.exec(text) ?? [];
  const [lo, hi] = ends.map((end) => (end.trim() === '' ? Number.NaN : Number(end)));
  if (column === undefined || lo === undefined || hi === undefined || !Number.isFinite(lo) || !Number.isFinite(hi))
    throw new InvalidArgumentError('It must be a column and two numbers, such as age=0:120.');
  if (lo >= hi) throw new InvalidArgumentError(`${lo} must be below ${hi}.`);
  return [...before, { column, lo, hi }];
}

function epsilons(text: string, before: readonly number[] | 'none' = []): readonly number[] | 'none' {
  if (text === 'none') return 'none';
  const value = positive(text);
  if (value > 100) throw new InvalidArgumentError('It must be at most 100.');
  return [...(before === 'none' ? [] : before), value];
}
