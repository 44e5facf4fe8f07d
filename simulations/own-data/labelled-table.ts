/** Somebody's own table of rows with a label, split among devices. */

import { ChoraleError } from '@chorale/shared';
import type { LabelledRow } from '@chorale/shared/algorithms';
import type { Feature, FeatureSchema } from '@chorale/shared/features';
import { seededRandom } from '@chorale/shared/testing';
import type { Table } from '../adapters/table-file.ts';
import { rowsOf } from '../baselines/index.ts';
import type { People } from '../scenarios/purchase-people.ts';
import { placeOf } from './columns.ts';
import { checkLabels, counted } from './log-task.ts';

export type LabelledColumns = {
  readonly label: string;
  /** Rows with the same value here are on one device. */
  readonly customer?: string | undefined;
  readonly ignore: readonly string[];
  /** Of columns of numbers: what lies outside is brought to the nearer bound, as a device would. */
  readonly bounds?: readonly DeclaredBounds[] | undefined;
  /** Devices that rows are dealt to at random where no column says whose they are. */
  readonly devices?: number | undefined;
};

export type DeclaredBounds = { readonly column: string; readonly lo: number; readonly hi: number };

/** A column of words becomes one feature for each of them, up to so many. */
const mostWords = 20;
const testShare = 0.2;
const rowsPerDevice = 10;

const yes = new Set(['1', 'true', 'yes', 'y', 't']);
const no = new Set(['0', 'false', 'no', 'n', 'f']);

/**
 * A fifth of the devices is kept for the test: models are judged on people they never saw.
 *
 * @param name what errors call the file
 * @throws ChoraleError `invalid-input`, naming the line or column and what is wrong with it
 */
export function peopleOfTable(
  table: Table,
  columns: LabelledColumns,
  name: string,
): { readonly people: People; readonly schema: FeatureSchema; readonly notes: readonly string[] } {
  const label = placeOf(table, columns.label, '--label');
  const owner = columns.customer === undefined ? undefined : placeOf(table, columns.customer, '--customer');
  const ignored = new Set([label, owner, ...columns.ignore.map((column) => placeOf(table, column, '--ignore'))]);
  const used = table.columns.map((_, place) => place).filter((place) => !ignored.has(place));
  const declared = declaredBounds(table, columns.bounds ?? [], used);
  const found = used.map((place) => inputsOf(table, place, name, declared.get(place)));
  const inputs = found.flat();
  if (inputs.length === 0) throw new ChoraleError('invalid-input', `${name}: no column is left to learn from`);
  const rows = table.rows.map((row, i) => ({
    features: Float32Array.from(inputs, ({ values }) => values[i]!),
    label: labelOf(row.fields[label]!, `${name}, line ${row.line}`, columns.label),
  }));
  const devices = devicesOf(table, rows, owner, columns.devices);
  const schema = { id: 'own/1', features: inputs.map(({ feature }) => feature) };
  return { people: splitDevices(devices, inputs.length), schema, notes: notesOf(table, used, declared, found) };
}

/** @throws ChoraleError `invalid-input` for a column that is not there, is not learned from or has bounds already */
function declaredBounds(table: Table, bounds: readonly DeclaredBounds[], used: readonly number[]) {
  const declared = new Map<number, DeclaredBounds>();
  for (const one of bounds) {
    const place = placeOf(table, one.column, '--bounds');
    const refuse = (why: string) => new ChoraleError('invalid-input', `--bounds: "${one.column}" ${why}`);
    if (!used.includes(place)) throw refuse('is not learned from');
    if (declared.has(place)) throw refuse('has bounds already');
    declared.set(place, one);
  }
  return declared;
}

/** What a promise of ε does not cover, because it was read from the rows and not declared. */
function notesOf(
  table: Table,
  used: readonly number[],
  declared: ReadonlyMap<number, DeclaredBounds>,
  inputs: readonly (readonly Input[])[],
): string[] {
  const isWords = (i: number) => inputs[i]!.some(({ isWord }) => isWord);
  const named = (places: readonly number[]) => places.map((place) => `"${table.columns[place]}"`).join(', ');
  const words = used.filter((_, i) => isWords(i));
  const numbers = used.filter((place, i) => !isWords(i) && !declared.has(place));
  const from = 'read from all rows, those of the test too: no promise of ε covers';
  return [
    ...(numbers.length > 0 ? [`the bounds of ${named(numbers)} were ${from} them; --bounds declares them`] : []),
    ...(words.length > 0 ? [`which words ${named(words)} can hold was ${from} that`] : []),
  ];
}

type Input = { readonly feature: Feature; readonly values: Float64Array; readonly isWord?: true };

function inputsOf(table: Table, place: number, name: string, declared: DeclaredBounds | undefined): Input[] {
  const column = table.columns[place]!;
  const texts = table.rows.map(({ fields }) => fields[place]!.trim());
  const numbers = Float64Array.from(texts, (text) => (text === '' ? Number.NaN : Number(text)));
  const empty = texts.indexOf('');
  if (numbers.every(Number.isFinite)) return [inputOf(column, numbers, declared)];
  if (empty >= 0)
    throw new ChoraleError(
      'invalid-input',
      `${name}, line ${table.rows[empty]!.line}: "${column}" is empty; fill it in or say --ignore "${column}"`,
    );
  if (declared !== undefined)
    throw new ChoraleError('invalid-input', `--bounds: "${column}" holds words; only numbers have bounds`);
  const words = [...new Set(texts)].sort();
  if (words.length <= mostWords)
    return words.map((word) => {
      const values = Float64Array.from(texts, (text) => (text === word ? 1 : 0));
      return { ...inputOf(`${column} = ${word}`, values, { lo: 0, hi: 1 }), isWord: true };
    });
  const strange = numbers.findIndex((value) => !Number.isFinite(value));
  throw new ChoraleError(
    'invalid-input',
    `${name}, line ${table.rows[strange]!.line}: "${texts[strange]}" in "${column}" is no number, and the column has ${words.length} different words where ${mostWords} can be told apart; say --ignore "${column}"`,
  );
}

/** Without declared bounds, those of the rows, which the laboratory can see and a deployment cannot. */
function inputOf(name: string, values: Float64Array, declared?: Pick<DeclaredBounds, 'lo' | 'hi'>): Input {
  const { lo, hi } = declared ?? boundsOf(values);
  const feature = { name, unit: 'ratio', lo, hi: hi > lo ? hi : lo + 1, scale: 'linear' } as const;
  return { feature, values: values.map((value) => Math.min(hi, Math.max(lo, value))) };
}

function boundsOf(values: Float64Array): Pick<DeclaredBounds, 'lo' | 'hi'> {
  return values.reduce(({ lo, hi }, value) => ({ lo: Math.min(lo, value), hi: Math.max(hi, value) }), {
    lo: Number.POSITIVE_INFINITY,
    hi: Number.NEGATIVE_INFINITY,
  } as Pick<DeclaredBounds, 'lo' | 'hi'>);
}

function labelOf(text: string, where: string, column: string): 0 | 1 {
  const word = text.trim().toLowerCase();
  if (yes.has(word)) return 1;
  if (no.has(word)) return 0;
  throw new ChoraleError(
    'invalid-input',
    `${where}: "${text}" in "${column}" is no label; write 1 or 0, true or false, yes or no`,
  );
}

function devicesOf(
  table: Table,
  rows: readonly LabelledRow[],
  owner: number | undefined,
  count = Math.max(50, Math.floor(rows.length / rowsPerDevice)),
): LabelledRow[][] {
  const random = seededRandom('devices of a table');
  const devices = new Map<string, LabelledRow[]>();
  rows.forEach((row, i) => {
    const key = owner === undefined ? String(random.below(count)) : table.rows[i]!.fields[owner]!.trim();
    devices.set(key, [...(devices.get(key) ?? []), row]);
  });
  if (devices.size < 50)
    throw new ChoraleError('invalid-input', `${counted(devices.size, 'device')}; at least 50 are needed`);
  return [...devices.values()];
}

function splitDevices(devices: readonly LabelledRow[][], width: number): People {
  const shuffled = seededRandom('test devices').shuffle(devices);
  const testCount = Math.ceil(testShare * shuffled.length);
  const [test, train] = [shuffled.slice(0, testCount), shuffled.slice(testCount)];
  // Owners are told apart over both, since nobody is in both.
  const nobody = (count: number): LabelledRow[][] => Array.from({ length: count }, () => []);
  const people = {
    devices: train,
    train: rowsOf([...nobody(testCount), ...train], width),
    test: rowsOf([...test, ...nobody(train.length)], width),
  };
  checkLabels(people);
  return people;
}
