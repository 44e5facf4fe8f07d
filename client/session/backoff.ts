/** How long to wait before trying again, so that a coordinator that comes back is not met by a stampede. */

export type BackoffPolicy = { readonly baseMs: number; readonly maxMs: number };

/** Between rounds nobody waits for this device. */
export const patientBackoff: BackoffPolicy = { baseMs: 1000, maxMs: 300_000 };
/** In a round the others do, and a turn lasts seconds. */
export const roundBackoff: BackoffPolicy = { baseMs: 200, maxMs: 5000 };

/**
 * Doubles with every failure up to a ceiling, then takes a uniform draw from the upper half: devices that failed
 * together spread out, and none comes back at once.
 *
 * @param failures in a row, from 1
 * @param chance a 32-bit draw, uniform in [0, 1)
 * @returns whole ms in [ceiling / 2, ceiling)
 */
export function backoffMs(failures: number, chance: number, { baseMs, maxMs }: BackoffPolicy): number {
  const ceiling = Math.min(maxMs, baseMs * 2 ** Math.min(failures - 1, 30));
  return Math.floor((ceiling * (1 + chance)) / 2);
}
