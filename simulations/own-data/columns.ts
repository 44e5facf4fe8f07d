/** Which column of somebody's table is meant by a flag. */

import { ChoraleError } from '@chorale/shared';
import type { Table } from '../adapters/table-file.ts';

/** @throws ChoraleError `invalid-input` with the columns that there are, and the nearest one */
export function placeOf({ columns }: Table, column: string, flag: string): number {
  const place = columns.indexOf(column);
  if (place >= 0) return place;
  const nearest = columns.reduce((best, one) => (distance(one, column) < distance(best, column) ? one : best));
  const hint = distance(nearest, column) <= Math.max(2, column.length / 3) ? ` Did you mean ${flag} "${nearest}"?` : '';
  throw new ChoraleError(
    'invalid-input',
    `${flag}: there is no column "${column}"; the file has ${columns.map((one) => `"${one}"`).join(', ')}.${hint}`,
  );
}

/** Levenshtein's, blind to case. */
function distance(one: string, other: string): number {
  const [a, b] = [one.toLowerCase(), other.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
