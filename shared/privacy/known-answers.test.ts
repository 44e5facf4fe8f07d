/** Every accountant against tuples that other implementations agree on. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { gaussianDelta, gaussianEpsilon } from './gaussian.ts';
import { pldEpsilon } from './pld.ts';
import { rdpEpsilon, rdpOfStep } from './rdp.ts';
import type { Process, SampledGaussian } from './sampled-gaussian.ts';
import { epsilonOf, rhoOf } from './zcdp.ts';

type Known = {
  readonly subsampledGaussian: readonly (Process & {
    readonly delta: number;
    readonly rdpEpsilon: number;
    readonly pldEpsilon: number;
  })[];
  readonly gaussianExact: readonly { readonly mu: number; readonly delta: number; readonly epsilon: number }[];
  readonly zcdp: readonly { readonly rho: number; readonly delta: number; readonly epsilon: number }[];
  readonly rdpOneStep: readonly (SampledGaussian & { readonly order: number; readonly value: number })[];
};
const known: Known = JSON.parse(readFileSync(new URL('./vectors/accountant.json', import.meta.url), 'utf8'));

const relative = (value: number, truth: number) => Math.abs(value / truth - 1);

describe.each(known.subsampledGaussian)('q = $samplingRate, z = $noiseMultiplier, $steps steps, δ = $delta', ({
  delta,
  rdpEpsilon: rdp,
  pldEpsilon: pld,
  ...process
}) => {
  it('Rényi orders prove the known ε to 1e-6 of itself', () => {
    expect(relative(rdpEpsilon(process, delta), rdp)).toBeLessThan(1e-6);
  });

  it('the loss distribution gives the known ε to 1e-3, and its bound is no less than the exact ε', () => {
    const nearest = pldEpsilon(process, delta, { rounding: 'nearest', width: 1e-4 });
    const bound = pldEpsilon(process, delta);
    expect(Math.abs(nearest - pld)).toBeLessThan(1e-3);
    expect(Math.abs(bound - pld)).toBeLessThan(1e-3);
    expect(bound).toBeGreaterThanOrEqual(nearest);
    expect(bound).toBeLessThan(rdp);
    if (process.samplingRate < 1) return;
    const exact = gaussianEpsilon(Math.sqrt(process.steps) / process.noiseMultiplier, delta);
    expect(bound).toBeGreaterThanOrEqual(exact);
    expect(bound).toBeLessThan(exact + 1e-5);
  });
});

it.each(known.rdpOneStep)('one step at order $order has the known divergence $value', ({ order, value, ...step }) => {
  expect(relative(rdpOfStep(order, step), value)).toBeLessThan(1e-9);
});

it.each(known.zcdp)('ρ = $rho at δ = $delta is ε = $epsilon', ({ rho, delta, epsilon }) => {
  expect(Math.abs(epsilonOf(rho, delta) - epsilon)).toBeLessThan(1e-6);
});

it.each(known.gaussianExact)('μ = $mu at δ = $delta is exactly ε = $epsilon', ({ mu, delta, epsilon }) => {
  const own = gaussianEpsilon(mu, delta);
  expect(Math.abs(own - epsilon)).toBeLessThan(1e-6);
  expect(relative(gaussianDelta(mu, own), delta)).toBeLessThan(1e-10);
  expect(epsilonOf(rhoOf(1 / mu), delta)).toBeGreaterThan(own);
});
