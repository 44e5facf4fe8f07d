/**
 * Rényi differential privacy of the subsampled Gaussian (Mironov, Talwar, Zhang, 2019): one number per order, which add
 * up over steps and turn into ε at the end (Canonne, Kamath, Steinke, NeurIPS 2020, Proposition 12).
 */

import { checkDelta, checkProcess, logMoment, type Process, type SampledGaussian } from './sampled-gaussian.ts';

/** 1.1, 1.2 … 10.9 and 12, 13 … 63, so that results compare with those of other libraries. */
export const usualOrders: readonly number[] = [
  ...Array.from({ length: 99 }, (_, i) => 1 + (i + 1) / 10),
  ...Array.from({ length: 52 }, (_, i) => 12 + i),
];

/** Beyond the usual: they help where ε is small. */
export const highOrders: readonly number[] = [64, 80, 96, 128, 160, 192, 256, 320, 384, 512];

/** R(a) of one step, for an order above 1: D_a(P‖Q), which is never less than D_a(Q‖P). */
export function rdpOfStep(order: number, step: SampledGaussian): number {
  return logMoment(order, step) / (order - 1);
}

/** The least ε that these orders prove. @throws ChoraleError `invalid-input` for numbers that mean nothing */
export function rdpEpsilon(process: Process, delta: number, orders: readonly number[] = usualOrders): number {
  checkProcess(process);
  checkDelta(delta);
  const proven = orders.map((order) => epsilonFromOrder(order, process.steps * rdpOfStep(order, process), delta));
  return Math.max(0, Math.min(...proven));
}

/** The ε at δ that a Rényi divergence of this order proves; any order is true, some say more. */
export function epsilonFromOrder(order: number, divergence: number, delta: number): number {
  return divergence - (Math.log(delta) + Math.log(order)) / (order - 1) + Math.log1p(-1 / order);
}
