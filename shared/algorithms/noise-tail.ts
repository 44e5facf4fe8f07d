/** How far noise alone can carry sums: what a count has to exceed before it proves that anybody is there. */

/**
 * A height that none of so many noisy zeros reaches, but with the given chance: discrete Gaussians and their sums are
 * sub-Gaussian, P(X ≥ t) ≤ exp(−t²/2σ²) (Canonne, Kamath, Steinke, NeurIPS 2020, Corollary 17), joined by a union bound.
 *
 * @param noiseStd of each sum; 0 without noise, and then the height is 0
 */
export function noiseReach(
  noiseStd: number,
  { sums, chance }: { readonly sums: number; readonly chance: number },
): number {
  return noiseStd * Math.sqrt(2 * Math.log(sums / chance));
}

/** Chance that noise feigns people in any of the cells beyond the outermost in which they are. */
const strayChance = 0.01;

/**
 * Cells from the first to the last that hold more than noise can feign: beyond, there are few people and much noise.
 *
 * @returns the first, and one past the last; 0 and 0 where noise explains all
 */
export function peopledRange(
  counts: readonly number[],
  noiseStd: number,
): { readonly from: number; readonly to: number } {
  const stray = noiseReach(noiseStd, { sums: counts.length, chance: strayChance });
  const isPeopled = counts.map((count) => count > stray);
  return { from: Math.max(0, isPeopled.indexOf(true)), to: isPeopled.lastIndexOf(true) + 1 };
}
