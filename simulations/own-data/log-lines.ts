/** What every line of somebody's own log says: whose it is, when it was, and sometimes how much. */

import { ChoraleError, type Instant } from '@chorale/shared';
import type { TableRow } from '../adapters/table-file.ts';
import type { Customer } from '../datasets/dataset.ts';
import { type DateFormat, formatsThatRead, instantOf } from './dates.ts';

export type CustomerLog = {
  readonly customers: readonly Customer[];
  readonly first: Instant;
  readonly last: Instant;
  /** A line so far from the others in time that it explains a failure; logs of many years have such lines too. */
  readonly strayDate?: string;
  /** The feature schema that such a log supports. */
  readonly source: string;
};

export type Refuse = (why: string) => ChoraleError;

/** @param name what errors call the file */
export function refusalOf(name: string, { line }: Pick<TableRow, 'line'>): Refuse {
  return (why) => new ChoraleError('invalid-input', `${name}, line ${line}: ${why}`);
}

export function customerOf({ fields }: TableRow, place: number, column: string, refuse: Refuse): string {
  const customer = fields[place]!.trim();
  if (customer === '') throw refuse(`no customer in "${column}"; leave such lines out`);
  return customer;
}

export function timeOf({ fields }: TableRow, place: number, format: DateFormat, refuse: Refuse): Instant {
  const text = fields[place]!;
  const at = instantOf(text, format);
  if (at !== undefined) return at;
  const others = formatsThatRead(text);
  if (others.length === 0) throw refuse(`"${text}" is no date; write them like 2024-05-31 or 2024-05-31T18:30:00Z`);
  const advice = others.map((other) => `--date-format ${other}`).join(' or ');
  throw refuse(`"${text}" is no date in the format ${format}: say ${advice}`);
}

export function amountOf({ fields }: TableRow, place: number, refuse: Refuse): number {
  const text = fields[place]!.trim();
  const value = Number(text);
  if (text !== '' && Number.isFinite(value)) return value;
  if (/^-?[\d.]*,\d{1,2}$/.test(text)) throw refuse(`"${text}" has a decimal comma: write 12.50, not 12,50`);
  throw refuse(`"${text}" is no amount; write a plain number like 12.50, without a currency`);
}
