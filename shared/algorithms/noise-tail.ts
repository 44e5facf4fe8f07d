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
