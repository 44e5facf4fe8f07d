import { describe, expect, it } from 'vitest';
import { sampleDiscreteGaussian } from '../privacy/discrete-gaussian.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { encodingOn } from './grid.ts';
import { addNoise } from './noise.ts';
import type { StageContext } from './stage.ts';

function contextOf(noiseVariance: bigint, seed: number): StageContext {
  const encoding = encodingOn([{ name: 'x', length: 1, clipNorm: 1 }], 100);
  return { encoding, rounding: 'stochastic', noiseVariance, sampler: undefined, random: seededRandom(seed) };
}

describe('a device’s noise', () => {
  it('of variance 0 is none, and draws nothing', () => {
    const integers = Int32Array.of(1, -2, 3);
    const random = { bytes: () => expect.unreachable('no randomness is needed') };
    expect(addNoise(integers, { ...contextOf(0n, 1), random })).toEqual(Int32Array.of(1, -2, 3));
  });

  it('is added to the integers, which stay as they were', () => {
    const integers = Int32Array.of(7, -7, 0, 1000);
    const noise = sampleDiscreteGaussian(9216n, 4, seededRandom(2));
    expect(addNoise(integers, contextOf(9216n, 2))).toEqual(integers.map((value, i) => value + noise[i]!));
    expect(integers).toEqual(Int32Array.of(7, -7, 0, 1000));
  });

  it('wraps mod 2^32 like every other sum of words', () => {
    const sampler = () => Int32Array.of(1);
    expect(addNoise(Int32Array.of(2 ** 31 - 1), { ...contextOf(1n, 1), sampler })).toEqual(Int32Array.of(-(2 ** 31)));
  });

  it('of h devices adds up to h times its variance', () => {
    const [devices, length] = [61, 2000];
    const sum = new Int32Array(length);
    for (let seed = 0; seed < devices; seed++) {
      for (const [i, value] of addNoise(new Int32Array(length), contextOf(9216n, seed)).entries()) sum[i]! += value;
    }
    const ratio = sum.reduce((total, value) => total + value * value, 0) / (length * devices * 9216);
    // 4.9 standard errors of a variance from 2,000 draws: with fresh seeds false once in 10^6 runs.
    expect(Math.abs(ratio - 1)).toBeLessThan(4.9 * Math.sqrt(2 / length));
  });

  it('is never too little in silence: a sampler that draws too few numbers is a defect', () => {
    const sampler = () => new Int32Array(3);
    expect(() => addNoise(new Int32Array(4), { ...contextOf(1n, 1), sampler })).toThrow('too few or too many');
  });
});
