/** Third stage: each device's own part of the noise, on the integers, where its distribution is exact. */

import { invariant } from '../errors.ts';
import { sampleDiscreteGaussian } from '../privacy/discrete-gaussian.ts';
import type { Stage } from './stage.ts';

/**
 * Adds noise of the context's variance, mod 2^32: discrete Gaussian unless another sampler is lent. A variance of 0 adds
 * nothing and draws nothing.
 */
export const addNoise: Stage<Int32Array, Int32Array> = (integers, { noiseVariance, sampler, random }) => {
  if (noiseVariance === 0n) return integers;
  const noise = (sampler ?? sampleDiscreteGaussian)(noiseVariance, integers.length, random);
  invariant(noise.length === integers.length, 'the sampler drew too few or too many numbers');
  return integers.map((value, i) => value + noise[i]!);
};
