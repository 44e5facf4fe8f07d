/** Dates as people write them, without ever guessing which number is the month. */

import type { Instant } from '@chorale/shared';

/** How dates with slashes, dots or dashes and no leading year are to be read. */
export const dateFormats = ['iso', 'dmy', 'mdy', 'seconds', 'milliseconds'] as const;
export type DateFormat = (typeof dateFormats)[number];

const time = '(?:[ T](\\d{1,2}):(\\d\\d)(?::(\\d\\d)(?:\\.\\d+)?)?)?\\s*(Z|[+-]\\d\\d:?\\d\\d)?';
const iso = new RegExp(`^(\\d{4})[-/.]?(\\d\\d)[-/.]?(\\d\\d)${time}$`);
const short = new RegExp(`^(\\d{1,2})[-/.](\\d{1,2})[-/.](\\d{4})${time}$`);

/** @returns undefined for what is no date in this format; times without a zone are taken for UTC */
export function instantOf(text: string, format: DateFormat): Instant | undefined {
  const trimmed = text.trim();
  if (format === 'seconds' || format === 'milliseconds') {
    const at = Number(trimmed) * (format === 'seconds' ? 1000 : 1);
    return trimmed !== '' && isInstant(at) ? Math.round(at) : undefined;
  }
  if (format === 'iso') {
    const found = iso.exec(trimmed);
    return found === null ? undefined : instant(found, found[1]!, found[2]!, found[3]!);
  }
  const found = short.exec(trimmed);
  if (found === null) return undefined;
  const [day, month] = format === 'dmy' ? [found[1]!, found[2]!] : [found[2]!, found[1]!];
  return instant(found, found[3]!, month, day);
}

/** What would have read the text, for people who chose otherwise. */
export function formatsThatRead(text: string): DateFormat[] {
  const numeric = /^\d{9,14}$/.test(text.trim());
  return dateFormats.filter((format) => {
    if (format === 'seconds') return numeric && text.trim().length <= 11;
    if (format === 'milliseconds') return numeric && text.trim().length > 11;
    return instantOf(text, format) !== undefined;
  });
}

function instant(found: RegExpExecArray, year: string, month: string, day: string): Instant | undefined {
  const [, , , , hour = '0', minute = '0', second = '0', zone = 'Z'] = found;
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
  const date = new Date(midnight);
  // Date.UTC carries a 31st of February over into March.
  if (date.getUTCMonth() !== Number(month) - 1 || date.getUTCDate() !== Number(day)) return undefined;
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const at = midnight + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1000 - offsetMs(zone);
  return isInstant(at) ? at : undefined;
}

function offsetMs(zone: string): number {
  if (zone === 'Z') return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  return (zone[0] === '-' ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}

function isInstant(at: number): boolean {
  return at >= 0 && at <= 8_640_000_000_000_000;
}
