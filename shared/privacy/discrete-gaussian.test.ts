import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Random } from '../ports.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { Chance } from './chance.ts';
import { drawDiscreteGaussian, drawDiscreteLaplace, happensExp, sampleDiscreteGaussian } from './discrete-gaussian.ts';
import { type Fraction, toNumber } from './fraction.ts';

type Known = {
  readonly sigmaSquared: number;
  readonly values: Readonly<Record<string, number>>;
  readonly variance?: number;
};
const known: { readonly pmf: readonly Known[] } = JSON.parse(
  readFileSync(new URL('./vectors/discrete-gaussian.json', import.meta.url), 'utf8'),
);

const whole = (variance: bigint): Fraction => ({ numerator: variance, denominator: 1n });
const quarter: Fraction = { numerator: 1n, denominator: 4n };

/** e^(−x²/2σ²) over its sum, for |x| up to twelve standard deviations. */
function probabilities(sigmaSquared: number): ReadonlyMap<number, number> {
  const reach = Math.ceil(12 * Math.sqrt(sigmaSquared)) + 2;
  const shape = (x: number) => Math.exp((-x * x) / (2 * sigmaSquared));
  const values = Array.from({ length: 2 * reach + 1 }, (_, i) => i - reach);
  const total = values.reduce((sum, x) => sum + shape(x), 0);
  return new Map(values.map((x) => [x, shape(x) / total]));
}

/** Pearson's statistic over runs of values that each hold at least 1/40 of the probability, and its degrees of freedom. */
function chiSquare(draws: ArrayLike<number>, expected: ReadonlyMap<number, number>) {
  const bins = new Map<number, number>();
  const shares = [0];
  for (const [x, probability] of expected) {
    if (shares.at(-1)! >= 1 / 40) shares.push(0);
    shares[shares.length - 1]! += probability;
    bins.set(x, shares.length - 1);
  }
  const counts = shares.map(() => 0);
  for (const x of Array.from(draws)) counts[bins.get(x)!]!++;
  const statistic = shares.reduce((sum, share, i) => {
    const mean = share * draws.length;
    return sum + (counts[i]! - mean) ** 2 / mean;
  }, 0);
  return { statistic, freedom: shares.length - 1 };
}

/** What chance exceeds once in 10^6 (Wilson and Hilferty, 1931; 4.7534 is that quantile of the normal). */
function onceInAMillion(freedom: number): number {
  const spread = 2 / (9 * freedom);
  return freedom * (1 - spread + 4.7534 * Math.sqrt(spread)) ** 3;
}

describe('the expected probabilities', () => {
  it.each(known.pmf)('are the known ones: σ² = $sigmaSquared', ({ sigmaSquared, values, variance }) => {
    const own = probabilities(sigmaSquared);
    for (const [x, probability] of Object.entries(values)) expect(own.get(Number(x))).toBeCloseTo(probability, 9);
    const ownVariance = [...own].reduce((sum, [x, probability]) => sum + x * x * probability, 0);
    if (variance !== undefined) expect(ownVariance).toBeCloseTo(variance, 9);
    expect(ownVariance).toBeLessThanOrEqual(sigmaSquared * (1 + 1e-12));
  });
});

// Seeds are fixed, so nothing here flakes. With fresh seeds each claim would be false by chance once in 10^6 runs.
describe('draws', () => {
  const variances = [quarter, whole(1n), whole(4n), { numerator: 7n, denominator: 3n }, whole(9216n), whole(1n << 20n)];

  it.each(variances)('have the distribution: σ² = $numerator/$denominator', (variance) => {
    const seed = 20_201;
    const draws = drawDiscreteGaussian(variance, 100_000, seededRandom(seed));
    const { statistic, freedom } = chiSquare(draws, probabilities(toNumber(variance)));
    expect(freedom).toBeGreaterThanOrEqual(2);
    expect(statistic, `seed ${seed}`).toBeLessThan(onceInAMillion(freedom));
  });

  it('of a rounded continuous Gaussian are told apart, so the test above can fail', () => {
    const random = seededRandom(20_202);
    const draws = Array.from({ length: 100_000 }, () => Math.round(random.normal()));
    const { statistic, freedom } = chiSquare(draws, probabilities(1));
    expect(statistic).toBeGreaterThan(2 * onceInAMillion(freedom));
  });

  it('have mean 0, variance σ² and the fourth moment of a Gaussian', () => {
    for (const variance of [64n ** 2n, 1024n ** 2n, 1n << 44n]) {
      const seed = `moments of ${variance}`;
      const draws = Float64Array.from(
        sampleDiscreteGaussian(variance, 100_000, seededRandom(seed)),
        (x) => x / Math.sqrt(Number(variance)),
      );
      const moment = (power: number) => draws.reduce((sum, x) => sum + x ** power, 0) / draws.length;
      // Variances of x, x² and x⁴ are 1, 2 and 96; the bound is 4.9 standard errors.
      const within = (spread: number) => 4.9 * Math.sqrt(spread / draws.length);
      expect(Math.abs(moment(1)), seed).toBeLessThan(within(1));
      expect(Math.abs(moment(2) - 1), seed).toBeLessThan(within(2));
      expect(Math.abs(moment(4) - 3), seed).toBeLessThan(within(96));
    }
  });

  it('next to each other are not correlated', () => {
    const draws = sampleDiscreteGaussian(100n, 100_000, seededRandom(20_203));
    const products = draws.subarray(1).reduce((sum, x, i) => sum + x * draws[i]!, 0) / 100;
    expect(Math.abs(products)).toBeLessThan(4.9 * Math.sqrt(draws.length));
  });
});

describe('the draw', () => {
  it('is the same whatever number of bytes is asked for at a time', () => {
    const drawWith = (blockBytes: number) => drawDiscreteGaussian(whole(9216n), 500, seededRandom(3), { blockBytes });
    for (const blockBytes of [1, 7, 64, 65_536]) expect(drawWith(blockBytes)).toEqual(drawWith(4096));
  });

  it('is the same in small numbers and in big ones', () => {
    for (const variance of [1n, 4n, 9216n, 1n << 20n]) {
      const scaled = { numerator: variance << 60n, denominator: 1n << 60n };
      expect(drawDiscreteGaussian(scaled, 2000, seededRandom(4))).toEqual(
        sampleDiscreteGaussian(variance, 2000, seededRandom(4)),
      );
    }
  });

  it('of variance 0 is 0 and needs no randomness', () => {
    const none: Random = { bytes: () => expect.unreachable('no randomness is needed') };
    expect(sampleDiscreteGaussian(0n, 3, none)).toEqual(Int32Array.of(0, 0, 0));
  });

  it('refuses variances that are negative or could leave 32 bits', () => {
    expect(() => sampleDiscreteGaussian(-1n, 1, seededRandom(1))).toThrow(RangeError);
    expect(() => sampleDiscreteGaussian(2n ** 52n + 1n, 1, seededRandom(1))).toThrow(RangeError);
    expect(sampleDiscreteGaussian(2n ** 52n, 100, seededRandom(1)).some((x) => Math.abs(x) > 2 ** 24)).toBe(true);
  });
});

describe('its parts', () => {
  it('fall heads with probability e^−γ, for γ above 1 too', () => {
    const chance = new Chance(seededRandom(20_204));
    for (const [numerator, denominator] of [
      [0, 1],
      [1, 7],
      [1, 1],
      [5, 2],
      [13, 4],
    ] as const) {
      const heads = Array.from({ length: 50_000 }, () => happensExp(numerator, denominator, chance)).filter(Boolean);
      const bias = Math.exp(-numerator / denominator);
      expect(Math.abs(heads.length - 50_000 * bias)).toBeLessThanOrEqual(4.9 * Math.sqrt(50_000 * bias * (1 - bias)));
    }
  });

  it('give the discrete Laplace of any scale', () => {
    for (const scale of [1, 2, 30]) {
      const chance = new Chance(seededRandom(`laplace ${scale}`));
      const draws = Array.from({ length: 50_000 }, () => drawDiscreteLaplace(scale, chance));
      const ratio = Math.exp(-1 / scale);
      const values = Array.from({ length: 2000 * scale + 1 }, (_, i) => i - 1000 * scale);
      const expected = new Map(values.map((x) => [x, ((1 - ratio) / (1 + ratio)) * ratio ** Math.abs(x)]));
      const { statistic, freedom } = chiSquare(draws, expected);
      expect(statistic, `scale ${scale}`).toBeLessThan(onceInAMillion(freedom));
    }
  });
});
