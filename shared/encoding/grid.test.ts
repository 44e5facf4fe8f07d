import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChoraleError } from '../errors.ts';
import { chooseEncoding, encodingOn, type GridRequest, noiseVariance, sensitivityBound, sumsFit } from './grid.ts';
import type { Layout } from './layout.ts';
import { decode } from './pipeline.ts';

const one: Layout<'update'> = [{ name: 'update', length: 28, clipNorm: 1 }];
const noisy = (maxDevices: number, honestSurvivors: number, numerator: number): GridRequest => ({
  mechanism: 'distributed',
  maxDevices,
  honestSurvivors,
  noise: { numerator, denominator: 10 },
});

describe('without noise', () => {
  it('the grid is 2^20 steps per unit as long as the sum of the largest cohort fits', () => {
    const encoding = chooseEncoding(one, { mechanism: 'none', maxDevices: 1024 });
    expect(encoding).toMatchObject({ inverseGrid: 2 ** 20, amplitude: 2 ** 20, dimension: 28 });
    expect(sumsFit(encoding, 1024, 0n)).toBe(true);
  });

  it('larger weights get the largest power of two that fits, and never one that does not', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2000 }), fc.integer({ min: 3, max: 1024 }), (weight, maxDevices) => {
        const layout: Layout<'x'> = [{ name: 'x', length: 3, clipNorm: 5, weight }];
        const encoding = chooseEncoding(layout, { mechanism: 'none', maxDevices });
        const finer = { amplitude: 2 * encoding.amplitude };
        expect(Math.log2(encoding.inverseGrid) % 1).toBe(0);
        expect(sumsFit(encoding, maxDevices, 0n)).toBe(true);
        expect(encoding.inverseGrid === 2 ** 20 || !sumsFit(finer, maxDevices, 0n)).toBe(true);
      }),
    );
  });

  it('weights that fit on no grid are refused', () => {
    const layout: Layout<'x'> = [{ name: 'x', length: 1, clipNorm: 1, weight: 2 ** 24 }];
    expect(() => chooseEncoding(layout, { mechanism: 'none', maxDevices: 1024 })).toThrow(ChoraleError);
  });
});

describe('a segment of whole numbers', () => {
  const norm = 50 * Math.sqrt(27);
  const counts: Layout<'counts' | 'update'> = [
    { name: 'counts', length: 27, clipNorm: norm, isExact: true },
    { name: 'update', length: 3, clipNorm: 5 },
  ];
  const norms = (request: GridRequest) => chooseEncoding(counts, request).layout.map(({ clipNorm }) => clipNorm);

  it('gets a power of two without noise, and no other segment does', () => {
    expect(norms({ mechanism: 'none', maxDevices: 100 })).toEqual([512, 5]);
  });

  it('keeps its honest bound under noise, whoever adds it: 260 where a power of two would be 512', () => {
    const noise = { numerator: 1, denominator: 1 };
    const request = { mechanism: 'central', maxDevices: 100, noise } as const;
    expect(norms(request)).toEqual([norm, 5]);
    expect(norms(noisy(100, 70, 10))).toEqual([norm, 5]);
    const encoding = chooseEncoding(counts, request);
    const centralVariance = noiseVariance(encoding, { noise, honestSurvivors: 1 });
    const sum = new Uint32Array(encoding.dimension);
    const { noiseStd } = decode(sum, encoding, { contributors: 1, noiseVariance: 0n, centralVariance });
    // z√2·C, as two segments share the noise, and a little for rounding.
    expect(noiseStd.counts / (Math.SQRT2 * norm)).toBeGreaterThan(1);
    expect(noiseStd.counts / (Math.SQRT2 * norm)).toBeLessThan(1.01);
  });
});

describe('with noise on every device', () => {
  it('the grid is the coarsest on which one device adds a standard deviation of 96 steps, and half a weight has 16', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 3, max: 100 }),
        fc.integer({ min: 16, max: 700 }),
        fc.integer({ min: 1, max: 2000 }),
        (numerator, honest, length) => {
          const layout: Layout<'x' | 'y'> = [
            { name: 'x', length, clipNorm: 0.5 },
            { name: 'y', length: 1, clipNorm: 1, weight: 0.5 },
          ];
          const request = noisy(1024, honest, numerator);
          if (request.mechanism !== 'distributed') return;
          const encoding = chooseEncoding(layout, request);
          const isFine = (inverseGrid: number) =>
            inverseGrid >= 32 && noiseVariance(encodingOn(layout, inverseGrid), request) >= 9216n;
          expect([encoding.inverseGrid, encoding.inverseGrid - 1].map(isFine)).toEqual([true, false]);
        },
      ),
    );
  });

  it('the variance is rounded up: h devices together never add too little', () => {
    const [noise, sensitivitySquared] = [{ numerator: 7, denominator: 3 }, 1_000_003n];
    const variance = noiseVariance({ sensitivitySquared }, { noise, honestSurvivors: 61 });
    expect(variance * 61n * 9n).toBeGreaterThanOrEqual(49n * sensitivitySquared);
    expect((variance - 1n) * 61n * 9n).toBeLessThan(49n * sensitivitySquared);
  });
});

it('the grid is the same whoever adds the noise, if all devices are honest', () => {
  const noise = { numerator: 11, denominator: 3 };
  const central = chooseEncoding(one, { mechanism: 'central', maxDevices: 300, noise });
  expect(central).toEqual(
    chooseEncoding(one, { mechanism: 'distributed', maxDevices: 300, honestSurvivors: 300, noise }),
  );
});

describe('a weight', () => {
  const wide = noisy(1024, 16, 300);
  const layout = (weight: number): Layout<'x'> => [{ name: 'x', length: 100_000, clipNorm: 1, weight }];

  it('that is a fraction keeps 16 steps however wide the noise is, so that it loses less than a sixteenth', () => {
    for (const weight of [0.01, 0.213, 0.999, 1.5]) {
      const { inverseGrid, amplitude } = chooseEncoding(layout(weight), wide);
      expect(amplitude, `weight ${weight}`).toBe(16);
      expect(amplitude / inverseGrid).toBeGreaterThan((weight * 16) / 17);
    }
  });

  it('that is whole loses nothing, and one step of it is enough', () => {
    expect(chooseEncoding(layout(1), wide).amplitude).toBe(1);
  });

  it('that no grid without noise can keep is refused', () => {
    const plain: GridRequest = { mechanism: 'none', maxDevices: 1000 };
    expect(chooseEncoding(layout(2 ** -16), plain).amplitude).toBe(16);
    expect(() => chooseEncoding(layout(0.99 * 2 ** -16), plain)).toThrow(/a weight is lost/);
  });
});

describe('the range check', () => {
  it('is exact at its edge', () => {
    expect(sumsFit({ amplitude: 2 ** 21 - 2 }, 1024, 0n)).toBe(true);
    expect(sumsFit({ amplitude: 2 ** 21 - 1 }, 1024, 0n)).toBe(false);
    // 12·√100·σ = 120σ; the room is 2^31 − 100: σ² just below and at (room/120)².
    const room = 2n ** 31n - 100n;
    expect(sumsFit({ amplitude: 0 }, 100, (room * room - 1n) / 14_400n)).toBe(true);
    expect(sumsFit({ amplitude: 0 }, 100, (room * room) / 14_400n + 1n)).toBe(false);
  });
});

describe('the sensitivity', () => {
  it('is the smaller of the certain and the likely bound, rounded up', () => {
    // d = 4, C = 10: likely 100 + 1 + 10 + 1 = 112, certain (10 + 2)² = 144.
    expect(sensitivityBound(100n, 4)).toBe(112n);
    // d = 1, C = 1/2 does not occur; C = 0: likely ¼ + ½, certain 1.
    expect(sensitivityBound(0n, 1)).toBe(1n);
  });

  it('is what a plan says, but never less than the weights make possible', () => {
    expect(encodingOn(one, 1000, 1_000_000n).sensitivitySquared).toBe(1_000_000n);
    expect(() => encodingOn(one, 1000, 999_999n)).toThrow(/sensitivity/);
  });

  it('covers a segment at all: a weight below one step is refused', () => {
    const layout: Layout<'x'> = [{ name: 'x', length: 1, clipNorm: 1, weight: 0.01 }];
    expect(() => encodingOn(layout, 99)).toThrow(/coarse/);
    expect(encodingOn(layout, 100).amplitude).toBe(1);
  });
});
