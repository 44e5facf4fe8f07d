/** A table in a text file: comma, semicolon or tab between fields, plain or gzipped. */

import { readFile } from 'node:fs/promises';
import { gunzipSync } from 'node:zlib';
import { ChoraleError } from '@chorale/shared';
import { CsvError, parse } from 'csv-parse/sync';

export type Table = {
  readonly columns: readonly string[];
  /** Each with as many fields as there are columns. */
  readonly rows: readonly TableRow[];
};

export type TableRow = {
  /** Where it begins in the file, as an editor counts. */
  readonly line: number;
  readonly fields: readonly string[];
};

const mostBytes = 1024 * 1024 * 1024;

/** @throws ChoraleError `invalid-input` without the file, or if it is no table, with the line where that shows */
export async function readTable(path: string): Promise<Table> {
  return parseTable(textOf(await contentOf(path), path), path);
}

async function contentOf(path: string): Promise<Uint8Array> {
  try {
    const bytes = await readFile(path);
    return bytes[0] === 0x1f && bytes[1] === 0x8b ? gunzipSync(bytes, { maxOutputLength: mostBytes }) : bytes;
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT' || code === 'ENOTDIR') throw new ChoraleError('invalid-input', `there is no file ${path}`);
    const why =
      code === 'EISDIR' ? 'is a folder' : code === 'EACCES' ? 'may not be read' : 'is not a readable gzip file';
    throw new ChoraleError('invalid-input', `${path} ${why}`, { cause: error });
  }
}

function textOf(bytes: Uint8Array, path: string): string {
  if (bytes[0] === 0x50 && bytes[1] === 0x4b)
    throw new ChoraleError('invalid-input', `${path} is a zip archive or a spreadsheet: save the sheet as CSV`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new ChoraleError('invalid-input', `${path} is not UTF-8 text: save it as "CSV UTF-8"`);
  }
}

/** @param name what errors call the file */
export function parseTable(text: string, name: string): Table {
  if (text.trim() === '') throw new ChoraleError('invalid-input', `${name} is empty`);
  const [heading, ...rows] = records(text, name);
  const columns = heading!.fields.map((column) => column.trim());
  const twice = columns.find((column, i) => columns.indexOf(column) < i);
  if (twice !== undefined) throw new ChoraleError('invalid-input', `${name} has two columns named "${twice}"`);
  if (rows.length === 0) throw new ChoraleError('invalid-input', `${name} has a heading and no rows`);
  const ragged = rows.find(({ fields }) => fields.length !== columns.length);
  if (ragged !== undefined)
    throw new ChoraleError(
      'invalid-input',
      `${name}, line ${ragged.line}: ${ragged.fields.length} fields where the heading has ${columns.length}`,
    );
  return { columns, rows };
}

function records(text: string, name: string): TableRow[] {
  const delimiter = delimiterOf(text);
  const options = { bom: true, delimiter, relaxColumnCount: true, skipEmptyLines: true, info: true };
  try {
    const parsed = parse(text, options) as unknown as { record: string[]; info: { lines: number } }[];
    // A record ends on the line that csv-parse counts; fields with line breaks in quotes make it begin earlier.
    return parsed.map(({ record, info }) => ({ fields: record, line: info.lines - breaksIn(record) }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    // csv-parse counts to where it gave up, which may be a thousand lines below the quotation mark.
    const line = lineOf(text, unfinishedField(text, delimiter));
    throw new ChoraleError(
      'invalid-input',
      `${name}, line ${line}: quotation marks do not match in the field that begins here`,
      { cause: error },
    );
  }
}

/** Where the first field begins whose quotation marks do not match. */
function unfinishedField(text: string, delimiter: string): number {
  let start = text.startsWith('\uFEFF') ? 1 : 0;
  for (;;) {
    const end = endOfField(text, start, delimiter);
    if (end === undefined || ![delimiter, '\r', '\n'].includes(text.charAt(end))) return start;
    start = end + 1;
  }
}

/** @returns undefined where a quotation mark is never closed */
function endOfField(text: string, start: number, delimiter: string): number | undefined {
  let at = start;
  if (text[start] !== '"') {
    while (at < text.length && !['"', delimiter, '\r', '\n'].includes(text[at]!)) at++;
    return at;
  }
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return undefined;
    // Two in a row stand for one inside.
    if (text[at + 1] !== '"') return at + 1;
    at++;
  }
}

function lineOf(text: string, place: number): number {
  return text.slice(0, place).split(/\r\n?|\n/).length;
}

function breaksIn(fields: readonly string[]): number {
  return fields.reduce((count, field) => count + field.split('\n').length - 1, 0);
}

/** Whichever of the usual ones is most frequent in the heading; a comma where none is. */
function delimiterOf(text: string): string {
  const heading = text.slice(0, text.search(/\r?\n|$/));
  const count = (delimiter: string) => heading.split(delimiter).length;
  return [',', ';', '\t', '|'].reduce((best, one) => (count(one) > count(best) ? one : best));
}
