/** The continuous Gaussian without sampling, exactly (Balle and Wang, ICML 2018): what every other accountant must not undercut. */

import { millsRatio, normalCdf } from './normal.ts';
import { check, checkDelta } from './sampled-gaussian.ts';
import { leastWhere } from './search.ts';

/**
 * δ(ε) = Φ(μ/2 − ε/μ) − e^ε·Φ(−μ/2 − ε/μ).
 *
 * @param mu √T/z: distance between the two outputs in standard deviations
 */
export function gaussianDelta(mu: number, epsilon: number): number {
  const near = epsilon / mu - mu / 2;
  if (near < 0) return normalCdf(-near) - Math.exp(epsilon) * normalCdf(-near - mu);
  // e^ε·φ(near + μ) = φ(near) makes one density of both terms, so that neither can overflow.
  const density = Math.exp(-0.5 * near * near) / Math.sqrt(2 * Math.PI);
  return density * (millsRatio(near) - millsRatio(near + mu));
}

/** The least ε at δ. @throws ChoraleError `invalid-input` unless μ > 0 and 0 < δ < 1 */
export function gaussianEpsilon(mu: number, delta: number): number {
  check(mu > 0 && mu < 1e5, 'mu lies between 0 and 100,000');
  checkDelta(delta);
  if (gaussianDelta(mu, 0) <= delta) return 0;
  return leastWhere((epsilon) => gaussianDelta(mu, epsilon) <= delta, { low: 0, high: mu, tolerance: 1e-14 });
}
