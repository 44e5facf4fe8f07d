import { describe, expect, it } from 'vitest';
import { chooseEncoding } from '../encoding/grid.ts';
import { decode, encode } from '../encoding/pipeline.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { addModulo } from '../vectors.ts';
import type { ClientTools } from './algorithm.ts';
import { columnCentersOf, type DeviceMomentsState, deviceMoments, preparationOf } from './device-moments.ts';
import type { LabelledRow } from './labelled-row.ts';

const tools: ClientTools = {
  trainer: { backend: 'none', train: () => expect.unreachable('moments train nothing') },
  random: seededRandom(1),
  signal: new AbortController().signal,
};
const bounds = { lower: [-5, 0, 0], upper: [5, 1000, 1] };

/** Everybody has as many rows, so that means over devices are means over rows. */
function people(seed: number, rows = 4): LabelledRow[][] {
  const random = seededRandom(seed);
  const row = () => ({
    features: Float32Array.of(random.normal(), 100 + 20 * random.normal()),
    label: random.uniform() < 0.2 ? 1 : 0,
  });
  return Array.from({ length: 200 }, () => Array.from({ length: rows }, row));
}

async function ask(config: unknown, given: readonly (readonly LabelledRow[])[], noiseStd = 0) {
  const state = deviceMoments.init(deviceMoments.config.parse(config), seededRandom(0));
  const broadcast = deviceMoments.publish(state);
  const encoding = chooseEncoding(deviceMoments.layout(broadcast), { mechanism: 'none', maxDevices: 1024 });
  const sum = new Uint32Array(encoding.dimension);
  for (const [i, rows] of given.entries()) {
    const vectors = await deviceMoments.contribute(broadcast, rows, tools);
    addModulo(sum, encode(vectors, encoding, { noiseVariance: 0n, random: seededRandom(`encode ${i}`) }));
  }
  const { sums } = decode(sum, encoding, { contributors: given.length, noiseVariance: 0n });
  const of = { sums, contributors: given.length, noiseStd: { distances: noiseStd, squares: noiseStd } };
  return deviceMoments.update(state, of);
}

async function askTwice(given: readonly (readonly LabelledRow[])[], noiseStd = 0): Promise<DeviceMomentsState> {
  const first = await ask({ ...bounds, centers: [0, 0, 0], clipNorms: { distances: Math.sqrt(3) } }, given);
  const clipNorms = { distances: 2, squares: 2 };
  return ask({ ...bounds, centers: columnCentersOf(first), clipNorms }, given, noiseStd);
}

function spread(values: readonly number[]): { mean: number; std: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, std: Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length) };
}

describe('two askings', () => {
  it.each([
    1, 2, 3,
  ])('find means, spreads and the base rate of people who have as many rows (seed %d)', async (seed) => {
    const given = people(seed);
    const { standardization, baseRate } = preparationOf(await askTwice(given));
    for (const i of [0, 1]) {
      const exact = spread(given.flat().map(({ features }) => features[i]!));
      const half = (bounds.upper[i]! - bounds.lower[i]!) / 2;
      expect(Math.abs(standardization.mean[i]! - exact.mean) / half).toBeLessThan(1e-4);
      expect(Math.abs(standardization.std[i]! - exact.std) / half).toBeLessThan(1e-3);
    }
    expect(baseRate).toBeCloseTo(spread(given.flat().map(({ label }) => label)).mean, 3);
  });

  it('count a device with one row as much as one with forty, and leave out what cannot be computed with', async () => {
    const one = [{ features: Float32Array.of(1, 100), label: 1 }];
    const many = Array.from({ length: 40 }, () => ({ features: Float32Array.of(-1, 300), label: 0 }));
    const lost = { features: Float32Array.of(Number.NaN, 0), label: 1 };
    const { standardization, baseRate } = preparationOf(await askTwice([one, [...many, lost]]));
    expect(standardization.mean[0]).toBeCloseTo(0, 3);
    expect(standardization.mean[1]).toBeCloseTo(200, 1);
    expect(baseRate).toBeCloseTo(0.5, 3);
  });

  it('raise a spread to what noise alone would show', async () => {
    const still = Array.from({ length: 100 }, () => [{ features: Float32Array.of(1, 100), label: 0 }]);
    const { standardization } = preparationOf(await askTwice(still, 4));
    expect(standardization.std[0]).toBeCloseTo(5 * Math.sqrt(4 / 100), 3);
  });

  it('know the base rate to a hundredth from its ends only', async () => {
    const nobody = [[{ features: Float32Array.of(1, 100), label: 0 }]];
    expect(preparationOf(await askTwice(nobody)).baseRate).toBe(0.01);
  });
});

it.each([
  { ...bounds, centers: [0, 0], clipNorms: { distances: 1 } },
  { lower: [0], upper: [0], centers: [0], clipNorms: { distances: 1 } },
  { ...bounds, centers: [0, 0, 0], clipNorms: { distances: 0 } },
])('refuses %j', (config) => {
  expect(deviceMoments.config.safeParse(config).success).toBe(false);
});
