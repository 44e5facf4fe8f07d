/** Days, hours and weekdays as the person lived them. */

import type { Instant } from '../ports.ts';

export const hourMs = 3_600_000;
export const dayMs = 24 * hourMs;

/** Hour 0–23 and weekday 0–6 (0 is Sunday) on the local clock. */
export function localTime(at: Instant, tzOffsetMinutes: number): { readonly hour: number; readonly weekday: number } {
  const local = at + tzOffsetMinutes * 60_000;
  const day = Math.floor(local / dayMs);
  // 1970-01-01 was a Thursday.
  return { hour: Math.floor((local - day * dayMs) / hourMs), weekday: (((day + 4) % 7) + 7) % 7 };
}

/** Where a share of a full turn lies on the unit circle, so that the end of a day or week is close to its beginning. */
export function turn(share: number): { readonly sin: number; readonly cos: number } {
  return { sin: Math.sin(2 * Math.PI * share), cos: Math.cos(2 * Math.PI * share) };
}
