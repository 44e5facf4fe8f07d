/** What happened after a cut, or that it is too early to say. */

import type { Instant } from '../ports.ts';
import { dayMs } from './calendar.ts';
import type { FeatureHistory } from './programs.ts';

export const labels = { 'purchase-7d': 7, 'purchase-30d': 30 } as const;
/** Whether the person orders within the horizon that the name tells. */
export type LabelName = keyof typeof labels;

/**
 * 1 if an order falls into [cut, cut + horizon), else 0; censored until the device was seen after the horizon.
 * A young positive is censored too: counting it before its negative siblings mature would tilt the base rate.
 *
 * @param seenUntil the last instant at which this device was known to be watching
 */
export function labelAt(
  history: Pick<FeatureHistory, 'hasOrderWithin'>,
  cut: Instant,
  horizonDays: number,
  seenUntil: Instant,
): 0 | 1 | 'censored' {
  const end = cut + horizonDays * dayMs;
  if (seenUntil < end) return 'censored';
  return history.hasOrderWithin(cut, end) ? 1 : 0;
}
