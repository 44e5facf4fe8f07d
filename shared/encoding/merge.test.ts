import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.ts';
import { addModulo } from '../vectors.ts';
import { chooseEncoding, encodingOn } from './grid.ts';
import type { Aggregate, Layout } from './layout.ts';
import { canMerge, cutOf, leastCohorts, type MergeRule, mergeCohorts } from './merge.ts';
import { type CohortSum, decode, encode, isPlausible } from './pipeline.ts';

const seed = 'merge';
const sum: MergeRule = { rule: 'sum' };
const median: MergeRule = { rule: 'median' };
const trimmed: MergeRule = { rule: 'trimmed-mean', trim: 0.2 };

const layout: Layout<'update'> = [{ name: 'update', length: 3, clipNorm: 0.7, meanOver: 'contributors' }];
const encoding = chooseEncoding(layout, { mechanism: 'none', maxDevices: 100 });
const perUnit = encoding.amplitude / 0.7;

/** A cohort whose mean is this, in units: what its devices gave does not matter here. */
function cohortOf(mean: readonly number[], contributors = 10): CohortSum {
  const sum = Uint32Array.from(mean, (value) => Math.round(value * contributors * perUnit));
  return { sum, contributors, noiseVariance: 0n };
}

function meanOf({ sums, contributors }: Aggregate<'update'>): number[] {
  return [...sums.update].map((value) => value / contributors);
}

const within = (length: number) => fc.double({ min: -length, max: length, noNaN: true });
/** Means that honest cohorts can have: no longer than the clip norm. */
const honestMean = fc.tuple(within(0.4), within(0.4), within(0.4));

describe(`cohorts that are added up (seed ${seed})`, () => {
  it('give to the last digit what one cohort of all their devices would', () => {
    const sized = fc.record({ cohorts: fc.integer({ min: 1, max: 6 }), devices: fc.integer({ min: 1, max: 8 }) });
    fc.assert(
      fc.property(sized, fc.integer(), ({ cohorts, devices }, draw) => {
        const random = seededRandom(draw);
        const together = new Uint32Array(3);
        const parts = Array.from({ length: cohorts }, (): CohortSum => {
          const own = new Uint32Array(3);
          for (let device = 0; device < devices; device++) {
            const update = Float32Array.from({ length: 3 }, () => random.normal());
            addModulo(own, encode({ update }, encoding, { random, noiseVariance: 0n }));
          }
          addModulo(together, own);
          return { sum: own, contributors: devices, noiseVariance: 25n, centralVariance: 9n };
        });
        const whole = {
          contributors: cohorts * devices,
          noiseVariance: 25n,
          centralVariance: BigInt(9 * cohorts),
        };
        expect(mergeCohorts(parts, encoding, sum)).toEqual(decode(together, encoding, whole));
      }),
    );
  });

  it('may add up to more than 32 bits', () => {
    const full = { ...cohortOf([0, 0, 0]), sum: new Uint32Array(3).fill(2 ** 31 - 1) };
    const { sums } = mergeCohorts(new Array<CohortSum>(8).fill(full), encoding, sum);
    expect(sums.update[0]! * perUnit).toBeCloseTo(8 * (2 ** 31 - 1), 3);
  });
});

describe('a robust merge', () => {
  const means = [0.1, 0.4, -0.3, 0.2, 0.25].map((value) => [value, -value, 0]);

  it('takes in each coordinate the middle of the cohorts’ means, or the mean of those that it keeps', () => {
    const cohorts = means.map((mean) => cohortOf(mean));
    expect(meanOf(mergeCohorts(cohorts, encoding, median))[0]).toBeCloseTo(0.2, 5);
    expect(meanOf(mergeCohorts(cohorts, encoding, median))[1]).toBeCloseTo(-0.2, 5);
    expect(meanOf(mergeCohorts(cohorts, encoding, trimmed))[0]).toBeCloseTo((0.1 + 0.2 + 0.25) / 3, 5);
    const even = [...cohorts, cohortOf([0.3, 0, 0])];
    expect(meanOf(mergeCohorts(even, encoding, median))[0]).toBeCloseTo((0.2 + 0.25) / 2, 5);
  });

  it('counts a small cohort as much as a large one, and all contributors', () => {
    const cohorts = means.map((mean, i) => cohortOf(mean, 5 + i));
    const merged = mergeCohorts(cohorts, encoding, median);
    expect(merged.contributors).toBe(5 + 6 + 7 + 8 + 9);
    expect(meanOf(merged)[0]).toBeCloseTo(0.2, 5);
  });

  it('does not depend on the order of the cohorts', () => {
    const cohorts = means.map((mean) => cohortOf(mean));
    for (const rule of [median, trimmed])
      expect(mergeCohorts(cohorts.toReversed(), encoding, rule)).toEqual(mergeCohorts(cohorts, encoding, rule));
  });

  it.each([
    ['the sum does not care', sum, 0, 0],
    ['the median leaves one of five', median, 5, 2],
    ['the median leaves two of six', median, 6, 2],
    ['a trim is rounded up', { rule: 'trimmed-mean', trim: 0.01 }, 5, 1],
    ['a trim is not rounded up twice', { rule: 'trimmed-mean', trim: 0.07 }, 100, 7],
    ['a trim leaves something', { rule: 'trimmed-mean', trim: 0.49 }, 5, 2],
  ] as const)('%s', (_, rule, cohorts, cut) => {
    expect(cutOf(rule, cohorts)).toBe(cut);
  });
});

describe('a poisoned cohort', () => {
  const reach = { contributors: 10, noiseVariance: 0n };
  /** As far as a sum may go without being discarded as implausible. */
  const poison = (sign: number): CohortSum => {
    const steps = sign * 10 * (encoding.amplitude + 1);
    return { ...reach, sum: new Uint32Array(3).fill(steps >>> 0) };
  };

  it.each([
    ['a trimmed mean', trimmed, 1],
    ['the median', median, 2],
  ])('leaves %s between the honest ones, and no sum', (_, rule, poisoned) => {
    fc.assert(
      fc.property(fc.array(honestMean, { minLength: 5 - poisoned, maxLength: 5 - poisoned }), (honest) => {
        const bad = Array.from({ length: poisoned }, () => poison(1));
        expect(isPlausible(bad[0]!.sum, encoding, reach)).toBe(true);
        const cohorts = [...honest.map((mean) => cohortOf(mean)), ...bad];
        const merged = meanOf(mergeCohorts(cohorts, encoding, rule));
        const sides = merged.map((_, i) => honest.map((mean) => mean[i]!).sort((a, b) => a - b));
        const isBetween = (value: number, i: number) =>
          value >= sides[i]![0]! - 1e-5 && value <= sides[i]!.at(-1)! + 1e-5;
        expect(merged.every(isBetween)).toBe(true);
        // The same with the defence taken away: one cohort of five at .7 moves every mean of the rest below .4.
        const added = meanOf(mergeCohorts(cohorts, encoding, sum));
        expect(added.every((value, i) => value > (honest.length * sides[i]![0]! + 0.69) / 5 - 1e-9)).toBe(true);
      }),
    );
  });

  it('among too many moves the merge by what clipping leaves it, where a sum is moved by what the range leaves it', () => {
    const cohorts = [cohortOf([0, 0, 0]), cohortOf([0, 0, 0]), poison(1), poison(1), poison(1)];
    const merged = meanOf(mergeCohorts(cohorts, encoding, median));
    // Every coordinate was at the clip norm; together they are now.
    expect(Math.hypot(...merged)).toBeCloseTo(0.7, 5);
    const added = meanOf(mergeCohorts([poison(1), poison(1), poison(1), poison(1), poison(1)], encoding, sum));
    expect(Math.hypot(...added)).toBeCloseTo(0.7 * Math.sqrt(3), 5);
  });
});

describe('means over what another segment sums up', () => {
  const weighted: Layout<'update' | 'weight'> = [
    { name: 'update', length: 1, clipNorm: 1, meanOver: { segment: 'weight' } },
    { name: 'weight', length: 1, clipNorm: 1, meanOver: 'contributors' },
  ];
  const grid = chooseEncoding(weighted, { mechanism: 'none', maxDevices: 100 });
  const weighing = (mean: number, weight: number, contributors = 10): CohortSum => ({
    sum: Uint32Array.of(Math.round(mean * weight * 2 ** 20) >>> 0, Math.round(weight * 2 ** 20) >>> 0),
    contributors,
    noiseVariance: 0n,
  });

  it('are compared as quotients: a cohort of devices with few rows says as much as any', () => {
    const cohorts = [weighing(0.5, 1), weighing(0.4, 9), weighing(0.3, 5), weighing(0.2, 2), weighing(0.1, 3)];
    const { sums, contributors } = mergeCohorts(cohorts, grid, median);
    expect(sums.update[0]! / sums.weight[0]!).toBeCloseTo(0.3, 5);
    expect(sums.weight[0]! / contributors).toBeCloseTo(0.3, 5);
  });

  it('where a cohort weighs nothing, or less, are no change', () => {
    const cohorts = [weighing(0.3, 2), weighing(0.3, 2), weighing(0.5, 2), weighing(0.5, 2), weighing(0.9, -3)];
    // As a quotient the last one would be the greatest.
    const { sums } = mergeCohorts(cohorts, grid, median);
    expect(sums.update[0]! / sums.weight[0]!).toBeCloseTo(0.3, 5);
    const none = mergeCohorts(new Array<CohortSum>(5).fill(weighing(0, 0)), grid, median);
    expect([...none.sums.update, ...none.sums.weight]).toEqual([0, 0]);
  });

  it('can be claimed of no segment that is not one number of means', () => {
    const [update, weight] = weighted as [(typeof weighted)[0], (typeof weighted)[0]];
    expect(canMerge(weighted, median)).toBe(true);
    expect(canMerge([update], median)).toBe(false);
    expect(canMerge([update, { ...weight, length: 2 }], median)).toBe(false);
    expect(canMerge([update, { ...weight, meanOver: { segment: 'update' } }], median)).toBe(false);
  });
});

describe('noise', () => {
  const wide: Layout<'update'> = [{ name: 'update', length: 4000, clipNorm: 0.5, meanOver: 'contributors' }];
  const grid = encodingOn(wide, 1000);
  const noiseVariance = 200n ** 2n;
  const noisy = (cohorts: number): CohortSum[] =>
    Array.from({ length: cohorts }, (_, cohort) => {
      const random = seededRandom(seed).fork(`noise ${cohorts} ${cohort}`);
      const sum = new Uint32Array(4000);
      for (let device = 0; device < 4; device++) {
        // A tenth of the clip norm in all coordinates together, the same for everybody.
        const update = new Float32Array(4000).fill(0.05 / Math.sqrt(4000));
        addModulo(sum, encode({ update }, grid, { random, noiseVariance }));
      }
      return { sum, contributors: 4, noiseVariance };
    });

  it.each([
    [sum, 5],
    [trimmed, 10],
    [median, 5],
    [median, 8],
  ])('that is left after %o over %i cohorts is what the aggregate says', (rule, cohorts) => {
    const [length] = noisy(1).map(({ sum }) => Math.hypot(...new Int32Array(sum)) / (4 * 2000));
    expect(length, 'noise alone is longer than the clip norm, and yet is not clipped').toBeGreaterThan(3 * 0.5);
    const { sums, noiseStd, contributors } = mergeCohorts(noisy(cohorts), grid, rule);
    const truth = (contributors * 0.05) / Math.sqrt(4000);
    const squares = sums.update.reduce((total, value) => total + (value - truth) ** 2, 0);
    // 4000 draws err by more than 6 % once in 10^7; the formula by 1.5 %.
    expect(Math.abs(Math.sqrt(squares / 4000) / noiseStd.update - 1), `seed ${seed}`).toBeLessThan(0.075);
  });
});

describe('forbidden', () => {
  const four = new Array<CohortSum>(4).fill(cohortOf([0, 0, 0]));

  it('a robust merge of fewer than five cohorts, which one poisoner is too large a part of', () => {
    expect([sum, trimmed, median].map(leastCohorts)).toEqual([1, 5, 5]);
    for (const rule of [trimmed, median])
      expect(() => mergeCohorts(four, encoding, rule)).toThrow('the cohorts that its rule needs');
    expect(mergeCohorts(four, encoding, sum).contributors).toBe(40);
  });

  it('a robust merge of counts', () => {
    const counts: Layout<'rows'> = [{ name: 'rows', length: 3, clipNorm: 1 }];
    expect([sum, trimmed, median].map((rule) => canMerge(counts, rule))).toEqual([true, false, false]);
    const grid = chooseEncoding(counts, { mechanism: 'none', maxDevices: 10 });
    expect(() => mergeCohorts([...four, four[0]!], grid, median)).toThrow('of means');
  });
});
