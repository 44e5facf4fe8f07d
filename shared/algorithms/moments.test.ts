import { expect, it } from 'vitest';
import { chooseEncoding } from '../encoding/grid.ts';
import { decode, encode } from '../encoding/pipeline.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { addModulo } from '../vectors.ts';
import { type ClientTools, toJson } from './algorithm.ts';
import { type FeatureRow, type MomentsState, moments, standardizationOfMoments } from './moments.ts';

const tools = (seed: number): ClientTools => ({
  trainer: { backend: 'none', train: () => expect.unreachable('moments train nothing') },
  random: seededRandom(seed),
  signal: new AbortController().signal,
});

const config = moments.config.parse({
  bounds: { lower: [-5, 0, 0, 0], upper: [5, 1000, 1, 1] },
  maxRows: 40,
});

/** Far from the middle of the second range, rare in the third, constant in the fourth. */
function people(seed: number, size: number, maxRows: number): FeatureRow[][] {
  const random = seededRandom(seed);
  const row = () => ({
    features: Float32Array.of(
      random.normal(),
      Math.max(0, 100 + 20 * random.normal()),
      random.uniform() < 0.05 ? 1 : 0,
      0.25,
    ),
  });
  return Array.from({ length: size }, () => Array.from({ length: random.below(maxRows + 1) }, row));
}

async function round(state: MomentsState, given: readonly FeatureRow[][]): Promise<MomentsState> {
  const broadcast = moments.publish(state);
  const encoding = chooseEncoding(moments.layout(broadcast), { mechanism: 'none', maxDevices: 1024 });
  const sum = new Uint32Array(encoding.dimension);
  for (const [i, rows] of given.entries()) {
    const vectors = await moments.contribute(broadcast, rows, tools(i));
    addModulo(sum, encode(vectors, encoding, { noiseVariance: 0n, random: seededRandom(`encode ${i}`) }));
  }
  return moments.update(state, decode(sum, encoding, { contributors: given.length, noiseVariance: 0n }));
}

function spread(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, std: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
}

it('mean and spread of the sums are those of everybody’s rows, within rounding', async () => {
  for (const seed of [1, 2, 3]) {
    const given = people(seed, 100, 40);
    const state = await round(moments.init(config, seededRandom(0)), given);
    const learned = standardizationOfMoments(state);
    expect(state.count, `seed ${seed}`).toBe(given.flat().length);
    for (const i of [0, 1, 2]) {
      const exact = spread(given.flat().map(({ features }) => features[i]!));
      const half = (config.bounds.upper[i]! - config.bounds.lower[i]!) / 2;
      expect(Math.abs(learned.mean[i]! - exact.mean) / half, `seed ${seed}, mean ${i}`).toBeLessThan(1e-5);
      expect(Math.abs(learned.std[i]! - exact.std) / half, `seed ${seed}, std ${i}`).toBeLessThan(1e-4);
    }
  }
});

it('a feature that never varies has no spread, whatever rounding makes of it', async () => {
  const state = await round(moments.init(config, seededRandom(0)), people(4, 50, 40));
  const { mean, std } = standardizationOfMoments(state);
  expect(mean[3]).toBeCloseTo(0.25, 4);
  expect(std[3]).toBe(0);
});

it('nothing that an honest device adds is clipped, even at every bound', async () => {
  const extreme = Array.from({ length: 40 }, () => ({ features: Float32Array.of(5, 1000, 1, 1) }));
  const broadcast = moments.publish(moments.init(config, seededRandom(0)));
  const vectors = await moments.contribute(broadcast, extreme, tools(1));
  for (const { name, clipNorm } of moments.layout(broadcast)) {
    expect(Math.hypot(...vectors[name]), name).toBeLessThanOrEqual(clipNorm);
  }
});

it('values beyond their declared bounds count as the bound, and rows that are not finite not at all', async () => {
  const broadcast = moments.publish(moments.init(config, seededRandom(0)));
  const rows = [
    { features: Float32Array.of(1e30, -7, 0.5, 0.5) },
    { features: Float32Array.of(Number.NaN, 500, 0.5, 0.5) },
  ];
  const { count, sums, squares } = await moments.contribute(broadcast, rows, tools(1));
  expect([...count, ...sums, ...squares]).toEqual([1, 1, -1, 0, 0, 1, 1, 0, 0]);
});

it('a device with many rows adds a random choice of as many as the cap allows', async () => {
  const broadcast = moments.publish(moments.init(config, seededRandom(0)));
  const many = Array.from({ length: 4000 }, (_, i) => ({ features: Float32Array.of(i < 2000 ? -5 : 5, 0, 0, 0) }));
  const { count, sums } = await moments.contribute(broadcast, many, tools(1));
  expect(count[0]).toBe(40);
  // A sum of 40 signs has a standard deviation of 6.3; 30 is 4.7 of them. The first 40 rows would give −40.
  expect(Math.abs(sums[0]!)).toBeLessThan(30);
});

it('moments of nobody do not exist', () => {
  expect(() => standardizationOfMoments(moments.init(config, seededRandom(0)))).toThrow(RangeError);
});

it('a state survives JSON, and is done after its rounds', async () => {
  const state = await round(moments.init(config, seededRandom(0)), people(5, 5, 40));
  expect(moments.state.parse(JSON.parse(JSON.stringify(toJson(moments.state, state))))).toEqual(state);
  expect([moments.isDone(moments.init(config, seededRandom(0))), moments.isDone(state)]).toEqual([false, true]);
});

it('bounds that leave no room are refused', () => {
  const accepts = (lower: number[], upper: number[]) => moments.config.safeParse({ bounds: { lower, upper } }).success;
  expect(accepts([0, 1], [1, 2])).toBe(true);
  expect(accepts([0, 1], [1, 1])).toBe(false);
  expect(accepts([0, 1], [1])).toBe(false);
});
