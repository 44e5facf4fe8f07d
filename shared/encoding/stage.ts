/** What the steps from a person's numbers to integers have in common. `pipeline.ts` puts them in order. */

import type { Random } from '../ports.ts';
import type { Encoding } from './grid.ts';

/** Nearest is for sums that another machine must reproduce; it biases, so it is never combined with noise. */
export type Rounding = 'stochastic' | 'nearest';

/**
 * Draws `length` independent integers of exactly this distribution: mean 0, the given variance in grid steps squared.
 * The only randomness it may use is the one passed in.
 */
export type NoiseSampler = (variance: bigint, length: number, random: Random) => Int32Array;

/** What a stage may know besides the numbers that pass through it. */
export type StageContext = {
  readonly encoding: Encoding<string>;
  readonly rounding: Rounding;
  /** Variance of this device's own noise, in grid steps squared. */
  readonly noiseVariance: bigint;
  readonly sampler: NoiseSampler | undefined;
  readonly random: Random;
};

/** One step on the device. It never changes its input. */
export type Stage<In, Out> = (input: In, context: StageContext) => Out;
