/** From when to when a log goes, and which of its dates cannot be meant. */

import { ChoraleError, type Instant } from '@chorale/shared';
import { dayMs } from '@chorale/shared/features';
import type { DateFormat } from './dates.ts';
import { type CustomerLog, refusalOf } from './log-lines.ts';

/** How the dates of a log are written, and when it is read. */
export type Reading = { readonly format: DateFormat; readonly now: Instant };

type DatedLine = { readonly line: number; readonly at: Instant };
type Span = Pick<CustomerLog, 'first' | 'last' | 'strayDate'>;

const farMs = 10 * 365.25 * dayMs;

/**
 * @param lines at least one
 * @param name what errors call the file
 * @throws ChoraleError `invalid-input` where seconds were read as milliseconds, or a line is dated after today
 */
export function spanOf(lines: readonly DatedLine[], { format, now }: Reading, name: string): Span {
  const times = Float64Array.from(lines, ({ at }) => at).sort();
  const [first, last, median] = [times[0]!, times.at(-1)!, times[times.length >> 1]!];
  if (format === 'milliseconds' && last < 31 * dayMs) {
    const message = `${name}: every date is in January 1970, which milliseconds make of seconds: say --date-format seconds`;
    throw new ChoraleError('invalid-input', message);
  }
  if (format === 'seconds' && first > now + dayMs)
    throw new ChoraleError('invalid-input', `${name}: every date is in the future: say --date-format milliseconds`);
  // Dates without a zone are taken for UTC; clocks east of it are up to 14 hours ahead.
  const future = lines.find(({ at }) => at > now + dayMs);
  if (future !== undefined) throw refusalOf(name, future)(`the date ${dateOf(future.at)} lies in the future`);
  const stray = lines.find(({ at }) => Math.abs(at - median) > farMs);
  if (stray === undefined) return { first, last };
  const why = `${dateOf(stray.at)} is more than ten years from ${dateOf(median)}, the median date`;
  return { first, last, strayDate: `line ${stray.line}: ${why}` };
}

function dateOf(at: Instant): string {
  return new Date(at).toISOString().split('T')[0]!;
}
