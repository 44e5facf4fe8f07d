/**
 * Zero-concentrated differential privacy (Bun, Steinke, 2016): one number ρ that adds up over participations. The discrete
 * Gaussian has the same ρ = Δ₂²/(2σ²) as the continuous one (Canonne, Kamath, Steinke, NeurIPS 2020, Theorem 4).
 */

import { epsilonFromOrder } from './rdp.ts';
import { check, checkDelta } from './sampled-gaussian.ts';
import { leastAt } from './search.ts';

/**
 * The least ε at δ that ρ proves: ρ bounds the Rényi divergence of every order a > 1 by a·ρ.
 *
 * @throws ChoraleError `invalid-input` for a negative ρ or a δ outside (0, 1)
 */
export function epsilonOf(rho: number, delta: number): number {
  check(rho >= 0 && rho < 1e12, 'a rho is at least 0');
  checkDelta(delta);
  if (rho === 0) return 0;
  const bound = (logExcess: number) =>
    epsilonFromOrder(1 + Math.exp(logExcess), (1 + Math.exp(logExcess)) * rho, delta);
  // The best order is near 1 + √(ln(1/δ)/ρ); e^±12 around it covers what the other terms move.
  const centre = 0.5 * Math.log(-Math.log(delta) / rho);
  return Math.max(0, bound(leastAt(bound, centre - 12, centre + 12)));
}

/** ρ of `participations` with this noise multiplier. */
export function rhoOf(noiseMultiplier: number, participations = 1): number {
  return participations / (2 * noiseMultiplier ** 2);
}
