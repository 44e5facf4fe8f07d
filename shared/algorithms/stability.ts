/**
 * How far a population has moved, from counts per bin then and now: the population stability index (N. Siddiqi, Credit Risk
 * Scorecards, 2006), beside what chance alone makes of it (B. Yurdakul, J. Naranjo, Statistical Properties of the Population
 * Stability Index, Journal of Risk Model Validation 14(4), 2020).
 */

/** In each bin, so that an empty one gives no infinite index. */
const pseudoCount = 0.5;

/** Σ (now − then)·ln(now ÷ then) over the shares of bins. At .1 people usually look, at .25 they act. */
export function stabilityIndex(then: ArrayLike<number>, now: ArrayLike<number>): number {
  const [before, after] = [sharesOf(then), sharesOf(now)];
  return before.reduce((sum, share, bin) => sum + (after[bin]! - share) * Math.log(after[bin]! / share), 0);
}

export type Chance = {
  /** Rows then and now. */
  readonly rows: readonly [number, number];
  /** Standard deviation of the noise in each count of now. */
  readonly noiseStd: number;
};

/** How many standard deviations above its mean an index counts as more than chance: one period of some 200. */
const chanceDeviations = 4;

/**
 * The index that chance hardly reaches where nothing moved. By sampling it is (1/rows then + 1/rows now)·χ² with one degree
 * of freedom less than there are bins; noise adds to the variance of every share what the share's own size divides. Mean and
 * variance are those of that sum of squares of normal draws: the trace of Σ/shares, and twice that of its square.
 */
export function stabilityByChance(then: ArrayLike<number>, { rows: [before, after], noiseStd }: Chance): number {
  const shares = sharesOf(then);
  const sum = (of: (share: number) => number) => shares.reduce((total, share) => total + of(share), 0);
  const sampling = 1 / Math.max(1, before) + 1 / Math.max(1, after);
  const noise = (noiseStd / Math.max(1, after)) ** 2;
  const freedom = shares.length - 1;
  const mean = sampling * freedom + noise * sum((share) => 1 / share);
  const variance =
    2 *
    (sampling ** 2 * freedom +
      2 * sampling * noise * sum((share) => (1 - share) / share) +
      noise ** 2 * sum((share) => 1 / share ** 2));
  return mean + chanceDeviations * Math.sqrt(variance);
}

function sharesOf(counts: ArrayLike<number>): number[] {
  const smoothed = Array.from(counts, (count) => Math.max(0, count) + pseudoCount);
  const total = smoothed.reduce((sum, count) => sum + count, 0);
  return smoothed.map((count) => count / total);
}
