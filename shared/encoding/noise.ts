/** Third stage: each device's own part of the noise, on the integers, where its distribution is exact. */

import { invariant } from '../errors.ts';
import type { Stage } from './stage.ts';

/**
 * Adds noise of the context's variance, mod 2^32; nothing for a variance of 0.
 *
 * @throws invariant where noise is asked for and no sampler is lent: silence here would be a false promise
 */
export const addNoise: Stage<Int32Array, Int32Array> = (integers, { noiseVariance, sampler, random }) => {
  if (noiseVariance === 0n) return integers;
  invariant(sampler, 'no sampler yet: noise is asked for and none was lent');
  const noise = sampler(noiseVariance, integers.length, random);
  invariant(noise.length === integers.length, 'the sampler drew too few or too many numbers');
  return integers.map((value, i) => value + noise[i]!);
};
