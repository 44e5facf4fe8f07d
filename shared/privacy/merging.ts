/** What it costs in noise that a round's devices are in several cohorts, each of whose sums the coordinator sees. */

import { invariant } from '../errors.ts';
import { normalQuantile } from './normal.ts';

/**
 * Noise in a mean over several cohorts ÷ noise in the mean over one cohort of all their devices, as standard deviations:
 * every cohort needs the whole noise for itself, and a robust mean averages it less well than the plain one. Devices that
 * the noise is sized for but that drop out are the same share of each.
 *
 * @param cut cohorts left out at each end, in every coordinate; 0 for the plain mean
 */
export function mergingFactor(cohorts: number, cut: number): number {
  return cohorts * trimmedMeanStd(cohorts, cut);
}

/**
 * Standard deviation of the mean of independent standard normal draws without the `cut` least and the `cut` greatest, from
 * the large-sample formula (Stigler, Annals of Statistics 1, 1973): exact without a cut, and elsewhere within 2.5 % from
 * five draws on. All but one or two left out is the median.
 */
export function trimmedMeanStd(draws: number, cut: number): number {
  invariant(cut >= 0 && 2 * cut < draws, 'a trimmed mean has something left');
  if (cut === 0) return 1 / Math.sqrt(draws);
  const share = cut / draws;
  const edge = normalQuantile(share);
  const density = Math.exp(-(edge ** 2) / 2) / Math.sqrt(2 * Math.PI);
  const kept = 1 - 2 * share;
  const variance = kept - 2 * edge * density + 2 * share * edge ** 2;
  return Math.sqrt(variance / draws) / kept;
}
