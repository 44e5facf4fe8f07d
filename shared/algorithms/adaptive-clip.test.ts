import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseEncoding, encodingOn, type GridRequest, noiseVariance } from '../encoding/grid.ts';
import { mergeCohorts } from '../encoding/merge.ts';
import { decode, encode } from '../encoding/pipeline.ts';
import type { Trainer } from '../models/trainer.ts';
import { chargeOf } from '../privacy/charge.ts';
import { toNumber } from '../privacy/fraction.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { addModulo } from '../vectors.ts';
import { type ClientTools, type Terms, toJson } from './algorithm.ts';
import { type FedAvgBroadcast, type FedAvgState, fedAvg } from './fed-avg.ts';
import type { LabelledRow } from './labelled-row.ts';

const inputs = 1;

/** Leads as far away as a device's first feature says. */
const trainer: Trainer = {
  backend: 'test',
  train: async (_, start, { features }) => start.map((value, i) => (i === 0 ? value + features[0]! : value)),
};

const tools: ClientTools = { trainer, random: seededRandom(0), signal: new AbortController().signal };

/** A device whose update has this norm. */
function deviceOf(norm: number): LabelledRow[] {
  return [{ features: Float32Array.of(norm), label: 0 }];
}

function configOf(clipNorm: unknown, changes: Record<string, unknown> = {}) {
  return fedAvg.config.parse({
    spec: { family: 'linear', inputs, outputs: 1, output: 'sigmoid' },
    server: { optimizer: 'sgd', learningRate: 1e-6 },
    client: { learningRate: 1 },
    weighting: 'uniform',
    rounds: 1000,
    clipNorm,
    ...changes,
  });
}

const noNoise = (cohort: number): Terms => ({ cohort, noiseMultiplier: 0 });

type Noise = { readonly multiplier: number; readonly honestSurvivors: number };

function requestOf(maxDevices: number, noise: Noise | undefined): GridRequest {
  if (noise === undefined) return { mechanism: 'none', maxDevices };
  const { multiplier, honestSurvivors } = noise;
  const fraction = { numerator: Math.ceil(10_000 * multiplier), denominator: 10_000 };
  return { mechanism: 'distributed', maxDevices, noise: fraction, honestSurvivors };
}

/** The grid of a round, and what each device adds. */
function gridOf(broadcast: FedAvgBroadcast, request: GridRequest) {
  const encoding = chooseEncoding(fedAvg.layout(broadcast), request);
  return { encoding, variance: request.mechanism === 'distributed' ? noiseVariance(encoding, request) : 0n };
}

type Play = {
  readonly clipNorm: unknown;
  readonly norms: readonly number[];
  readonly rounds: number;
  readonly seed: string;
  readonly noise?: Noise;
  /** Devices without a row. */
  readonly absent?: number;
};

/** Clip norms after each round, through integers and, if wanted, noise. Everybody takes part. */
async function play({ clipNorm, norms, rounds, seed, noise, absent = 0 }: Play): Promise<number[]> {
  const random = seededRandom(seed);
  const cohort = norms.length + absent;
  const devices = [...norms.map(deviceOf), ...Array.from({ length: absent }, () => [])];
  const terms = { cohort, noiseMultiplier: noise?.multiplier ?? 0 };
  let state: FedAvgState = fedAvg.init(configOf(clipNorm), random, terms);
  const found: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const broadcast = fedAvg.publish(state);
    const { encoding, variance } = gridOf(broadcast, requestOf(cohort, noise));
    const sum = new Uint32Array(encoding.dimension);
    for (const rows of devices)
      addModulo(
        sum,
        encode(await fedAvg.contribute(broadcast, rows, tools), encoding, { random, noiseVariance: variance }),
      );
    state = fedAvg.update(state, decode(sum, encoding, { contributors: cohort, noiseVariance: variance }));
    found.push(state.clip!.norm);
  }
  return found;
}

function lognormal(seed: string, count: number, spread = 0.5): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => Math.exp(spread * random.normal()));
}

const shareUnder = (norms: readonly number[], bound: number) =>
  norms.filter((norm) => norm <= bound).length / norms.length;

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('the clip norm', () => {
  it('comes to the quantile of update norms and stays within one device of it, from any start', async () => {
    for (const seed of ['a', 'b'])
      for (const quantile of [0.2, 0.5, 0.8])
        for (const initial of [0.05, 20]) {
          const norms = lognormal(seed, 41);
          const found = await play({ clipNorm: { initial, quantile }, norms, rounds: 200, seed });
          for (const clipNorm of found.slice(-20))
            expect(
              Math.abs(shareUnder(norms, clipNorm) - quantile),
              `seed ${seed}, ${initial} → ${quantile}`,
            ).toBeLessThan(1.001 / 41);
        }
  });

  // σ_b = 5 of 100 devices, 1.29 times that for the surplus of those who stay: each b is off by s = .0645. Linearised, log C
  // is an autoregression with factor 1 − η·f, f = .8 the density of log norms at the median (.56 at the .8 quantile): the
  // share under C deviates by f·s·√(η/(2f)) = .018, the mean over 120 rounds by .006. Six of those: one false alarm in 10^8.
  it('comes to the same quantile under noise', async () => {
    const noise = { multiplier: 1, honestSurvivors: 60 };
    for (const [seed, quantile, initial] of [
      ['noisy a', 0.5, 10],
      ['noisy b', 0.8, 0.2],
    ] as const) {
      const norms = lognormal(seed, 100);
      const found = await play({ clipNorm: { initial, quantile }, norms, rounds: 240, seed, noise });
      const shares = found.slice(-120).map((clipNorm) => shareUnder(norms, clipNorm));
      expect(Math.abs(mean(shares) - quantile), `seed ${seed}`).toBeLessThan(0.036);
      expect(new Set(shares).size).toBeGreaterThan(5);
    }
  });

  it('moves each round by exp(−η(b − γ)), b the share of updates that fit', async () => {
    const clipNorm = { initial: 1, quantile: 0.4, learningRate: 0.3 };
    const [after] = await play({ clipNorm, norms: [0.5, 0.9, 1, 1.1], rounds: 1, seed: 'step' });
    expect(after).toBeCloseTo(Math.exp(-0.3 * (0.75 - 0.4)), 12);
  });

  it('stays where it is with half of the updates fitting, whoever is absent', async () => {
    const norms = [0.5, 0.9, 1.1, 3];
    for (const absent of [0, 1, 5])
      expect(await play({ clipNorm: { initial: 1 }, norms, rounds: 2, seed: 'absent', absent })).toEqual([1, 1]);
  });

  it('never leaves its bounds, whatever the noise says', async () => {
    const play9 = (clipNorm: object, norm: number) =>
      play({
        clipNorm,
        norms: [norm, norm, norm],
        rounds: 9,
        seed: 'bounds',
        noise: { multiplier: 30, honestSurvivors: 3 },
      });
    for (const norm of [0.001, 1000]) {
      const found = await play9({ initial: 1, min: 0.5, max: 2, learningRate: 5 }, norm);
      for (const clipNorm of found) expect(clipNorm).toBeGreaterThanOrEqual(0.5);
      for (const clipNorm of found) expect(clipNorm).toBeLessThanOrEqual(2);
      expect(found).toContain(0.5);
    }
    const far = await play({ clipNorm: { initial: 1, learningRate: 10 }, norms: [1e9], rounds: 3, seed: 'far' });
    expect(far.at(-1)).toBe(1000);
  });
});

describe('the bit', () => {
  const start = fedAvg.init(configOf({ initial: 0.75 }), seededRandom(0), { cohort: 100, noiseMultiplier: 2 });
  const broadcast = fedAvg.publish(start);
  const { encoding } = gridOf(broadcast, requestOf(100, { multiplier: 2, honestSurvivors: 60 }));
  const sent = async (rows: readonly LabelledRow[], seed: number, by = trainer) => {
    const vectors = await fedAvg.contribute(broadcast, rows, { ...tools, trainer: by });
    return new Int32Array(encode(vectors, encoding, { random: seededRandom(seed), noiseVariance: 0n }));
  };
  const steps = Math.floor(broadcast.bitWeight! * encoding.inverseGrid);

  it('is exactly λ on one side or the other, as the update fits or not', async () => {
    expect(steps).toBeGreaterThanOrEqual(16);
    await fc.assert(
      fc.asyncProperty(fc.double({ min: 0, max: 1e6, noNaN: true }), fc.nat(), async (norm, seed) => {
        const rounded = Math.fround(norm);
        expect((await sent(deviceOf(rounded), seed)).at(-1)).toBe(rounded <= 0.75 ? steps : -steps);
      }),
    );
    expect((await sent(deviceOf(0.75), 1)).at(-1)).toBe(steps);
    expect((await sent(deviceOf(0.7501), 1)).at(-1)).toBe(-steps);
  });

  it('is 0, and the update with it, for a device without rows or whose training went astray', async () => {
    const astray: Trainer = { backend: 'astray', train: async (_, start) => start.map(() => Number.NaN) };
    const nothing = new Int32Array(inputs + 2);
    expect(await sent([], 1)).toEqual(nothing);
    expect(await sent(deviceOf(Number.POSITIVE_INFINITY), 1)).toEqual(nothing);
    expect(await sent(deviceOf(0.1), 1, astray)).toEqual(nothing);
    expect(await sent(deviceOf(0.1), 1)).not.toEqual(nothing);
  });

  it('is not asked for under a fixed clip norm', async () => {
    const fixed = fedAvg.publish(fedAvg.init(configOf(0.75), seededRandom(0)));
    expect(fedAvg.layout(fixed).map(({ name }) => name)).toEqual(['update']);
    expect((await fedAvg.contribute(fixed, deviceOf(1), tools)).clipBit.length).toBe(0);
  });
});

describe('the noise', () => {
  const cases = [
    { z: 0.5, cohort: 100 },
    { z: 4, cohort: 100 },
    { z: 4, cohort: 1000 },
    { z: 20.63, cohort: 990 },
    { z: 20, cohort: 400, bitStd: 11 },
  ];

  const split = ({ z, cohort, bitStd }: { z: number; cohort: number; bitStd?: number }) => {
    const clipNorm = { initial: 0.5, ...(bitStd && { bitStd }) };
    const start = fedAvg.init(configOf(clipNorm), seededRandom(0), { cohort, noiseMultiplier: z });
    const broadcast = fedAvg.publish(start);
    const honestSurvivors = Math.floor(0.6 * cohort);
    return { broadcast, honestSurvivors, ...gridOf(broadcast, requestOf(cohort, { multiplier: z, honestSurvivors })) };
  };

  it.each(cases)('is z_Δ = (z⁻² − (2σ_b)⁻²)^-½ clip norms in the update, and σ_b in the count: %o', (one) => {
    const { z, cohort, bitStd = Math.max(cohort / 20, 2 * z) } = one;
    const { encoding, variance, honestSurvivors } = split(one);
    const { noiseStd } = decode(new Uint32Array(encoding.dimension), encoding, {
      contributors: honestSurvivors,
      noiseVariance: variance,
    });
    const ofUpdate = noiseStd.update / 0.5 / (z ** -2 - (2 * bitStd) ** -2) ** -0.5;
    // The bit has a scale of 2 here: ±1 where the paper has ±½.
    const ofCount = noiseStd.clipBit / 2 / bitStd;
    // At least 16 of its steps are left of the bit's weight, and room for rounding is up to 3 % of the noise.
    expect(ofUpdate).toBeGreaterThan(16 / 17);
    expect(ofUpdate).toBeLessThan(1.03);
    expect(ofCount).toBeGreaterThan(0.999);
    expect(ofCount).toBeLessThan((1.03 * 17) / 16);
  });

  it.each(cases)('costs a participation 1/(2z²), with the bit as without: %o', (one) => {
    const { z, cohort } = one;
    const { encoding, variance, honestSurvivors } = split(one);
    const fixed = gridOf(
      fedAvg.publish(fedAvg.init(configOf(0.5), seededRandom(0))),
      requestOf(cohort, { multiplier: z, honestSurvivors }),
    );
    for (const { sensitivitySquared, of } of [
      { ...encoding, of: variance },
      { ...fixed.encoding, of: fixed.variance },
    ]) {
      const charged = toNumber(chargeOf({ sensitivitySquared, honestSurvivors }, of)) * 2 * z ** 2;
      expect(charged).toBeLessThanOrEqual(1 + 1e-12);
      expect(charged).toBeGreaterThan(1 - 1.1e-4);
    }
    // Both segments at their longest are within the sensitivity that the noise was sized for.
    const [update, bit] = [encoding.inverseGrid, Math.floor(encoding.inverseGrid * encoding.layout[1]!.weight!)];
    expect(encoding.sensitivitySquared).toBeGreaterThanOrEqual(BigInt(update) ** 2n + BigInt(bit) ** 2n);
  });

  it('is 2 % more than without the bit in a large cohort, and a thirtieth more at most, unless the operator says so', () => {
    const weightAt = (cohort: number, noiseMultiplier: number) =>
      fedAvg.init(configOf({ initial: 1 }), seededRandom(0), { cohort, noiseMultiplier }).clip!.bitWeight;
    expect(Math.sqrt(1 + weightAt(990, 20.63) ** 2)).toBeCloseTo(1.0224, 4);
    for (const z of [1, 10, 100]) expect(Math.sqrt(1 + weightAt(10, z) ** 2)).toBeCloseTo(Math.sqrt(16 / 15), 10);
    expect(weightAt(10, 0)).toBe(1);
  });
});

it('several cohorts move the norm by their median, so that a poisoned one does not', async () => {
  const start = fedAvg.init(configOf({ initial: 1 }), seededRandom(0), noNoise(4));
  const broadcast = fedAvg.publish(start);
  const { encoding } = gridOf(broadcast, requestOf(4, undefined));
  const cohortOf = async (fitting: number) => {
    const sum = new Uint32Array(encoding.dimension);
    for (let device = 0; device < 4; device++) {
      const vectors = await fedAvg.contribute(broadcast, deviceOf(device < fitting ? 0.5 : 2), tools);
      addModulo(sum, encode(vectors, encoding, { random: seededRandom(device), noiseVariance: 0n }));
    }
    return { sum, contributors: 4, noiseVariance: 0n };
  };
  const cohorts = await Promise.all([3, 3, 3, 2].map(cohortOf));
  const poisoned = { ...(await cohortOf(0)), sum: new Uint32Array(encoding.dimension).fill(2 ** 31) };
  const after = fedAvg.update(start, mergeCohorts([...cohorts, poisoned], encoding, { rule: 'median' }));
  expect(after.clip!.norm).toBeCloseTo(Math.exp(-0.2 * (0.75 - 0.5)), 12);
});

describe('both sides', () => {
  it('compute the same layout and grid from the same bytes, round after round', () => {
    const request = requestOf(100, { multiplier: 3, honestSurvivors: 60 });
    let state = fedAvg.init(configOf({ initial: 1 / 3 }), seededRandom(0), { cohort: 100, noiseMultiplier: 3 });
    for (const bits of [0.1, -17.25, 33]) {
      const published = fedAvg.publish(state);
      const received = fedAvg.broadcast.parse(JSON.parse(JSON.stringify(toJson(fedAvg.broadcast, published))));
      const chosen = chooseEncoding(fedAvg.layout(published), request);
      expect(encodingOn(fedAvg.layout(received), chosen.inverseGrid, chosen.sensitivitySquared)).toEqual(chosen);
      expect(fedAvg.layout(received)[0]!.clipNorm).toBe(state.clip!.norm);
      const sums = { update: new Float64Array(2), weight: new Float64Array(0), clipBit: Float64Array.of(bits) };
      const next = fedAvg.update(state, { sums, contributors: 100, noiseStd: { update: 0, weight: 0, clipBit: 0 } });
      const stored = fedAvg.state.parse(JSON.parse(JSON.stringify(toJson(fedAvg.state, next))));
      expect(stored).toEqual(next);
      expect(next.clip!.norm).not.toBe(state.clip!.norm);
      expect(fedAvg.summary(next).clipNorm).toBe(next.clip!.norm);
      state = stored;
    }
  });

  it('refuse the bit where devices count by their rows', () => {
    expect(() => configOf({ initial: 1 }, { weighting: 'rows' })).toThrow(/'uniform'/);
    const sent = toJson(fedAvg.broadcast, fedAvg.publish(fedAvg.init(configOf(1), seededRandom(0)))) as object;
    expect(fedAvg.broadcast.safeParse({ ...sent, bitWeight: 0.5 }).success).toBe(true);
    expect(fedAvg.broadcast.safeParse({ ...sent, bitWeight: 0.5, weighting: 'rows' }).success).toBe(false);
    expect(fedAvg.broadcast.safeParse({ ...sent, bitWeight: 0 }).success).toBe(false);
  });
});

describe('a task is refused', () => {
  it('with a start outside the bounds, or a quantile or a pace that leads nowhere', () => {
    for (const bad of [{ min: 2 }, { max: 0.5 }, { quantile: 0 }, { quantile: 1 }, { learningRate: 0 }, { initial: 0 }])
      expect(() => configOf({ initial: 1, ...bad }), JSON.stringify(bad)).toThrow();
    for (const bad of [{}, '1']) expect(() => configOf(bad), JSON.stringify(bad)).toThrow(/neither/);
  });

  it('with so little noise in the bit that no amount in the update would make up for it', () => {
    const start = (bitStd: number) =>
      fedAvg.init(configOf({ initial: 1, bitStd }), seededRandom(0), { cohort: 100, noiseMultiplier: 8 });
    expect(() => start(4)).toThrow(/bitStd/);
    expect(start(4.1).clip!.bitWeight).toBeGreaterThan(1);
  });

  it('that does not say how much noise there will be', () => {
    expect(() => fedAvg.init(configOf({ initial: 1 }), seededRandom(0))).toThrow(/terms/);
    expect(fedAvg.init(configOf({ initial: 1 }), seededRandom(0), noNoise(10)).clip).toEqual({ norm: 1, bitWeight: 1 });
  });
});
