/** One arm's sums, and what they say about its people. */

/** Count, ΣY, ΣY², ΣX, ΣX², ΣXY. */
export const momentsPerArm = 6;

export type ArmSums = Readonly<Record<'count' | 'y' | 'yy' | 'x' | 'xx' | 'xy', number>>;

export type ArmMoments = {
  readonly count: number;
  readonly meanY: number;
  readonly meanX: number;
  /** Of one person's outcome, of what was measured before, and of both together. */
  readonly varianceY: number;
  readonly varianceX: number;
  readonly covariance: number;
  /** Variance that noise in the sums adds to a mean. */
  readonly noise: number;
};

/** @param noiseVariance of each sum; it reaches a mean through its sum and through the count that divides it */
export function armMoments({ count, y, yy, x, xx, xy }: ArmSums, noiseVariance: number): ArmMoments {
  const [meanY, meanX] = [y / count, x / count];
  const unbiased = count / (count - 1);
  const spread = (square: number, mean: number) => Math.max(0, (square / count - mean * mean) * unbiased);
  return {
    ...{ count, meanY, meanX },
    varianceY: spread(yy, meanY),
    varianceX: spread(xx, meanX),
    covariance: (xy / count - meanX * meanY) * unbiased,
    noise: (noiseVariance * (1 + meanY * meanY)) / (count * count),
  };
}
