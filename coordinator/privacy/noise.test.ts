import { seededRandom, virtualClock } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import { addCentralNoise } from './noise.ts';

const seed = 'central noise';
/** σ² = 400. */
const plan = { mechanism: 'central', noiseNumerator: 2, noiseDenominator: 1, sensitivitySquared: 100n } as const;

it(`central noise reaches every coordinate, in parts between which others have their turn (seed ${seed})`, async () => {
  const clock = virtualClock();
  const sum = new Uint32Array(50_000);
  const noisyParts = () =>
    [0, 25_000, 49_000].map((from) => sum.subarray(from, from + 1000).some((word) => word !== 0));
  const added = addCentralNoise(sum, plan, { clock, random: seededRandom(seed) });
  // Whoever is served now does not wait for all of it.
  expect(noisyParts()).toEqual([true, false, false]);
  await clock.run(added);
  expect(noisyParts()).toEqual([true, true, true]);
  const squares = sum.reduce((total, word) => total + (word | 0) ** 2, 0);
  // Standard deviation of the mean of 50,000 squares of variance 400: 2.5; six of them.
  expect(Math.abs(squares / sum.length - 400)).toBeLessThan(15);
});

it('without central noise a sum stays as it is', async () => {
  const sum = Uint32Array.of(1, 2, 3);
  await addCentralNoise(
    sum,
    { ...plan, mechanism: 'distributed' },
    { clock: virtualClock(), random: seededRandom(seed) },
  );
  expect(sum).toEqual(Uint32Array.of(1, 2, 3));
});
