import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes } from '../bytes.ts';
import { idFromBytes } from '../ids.ts';
import { type DeviceFloors, trainingFloors } from './floors.ts';
import type { RosterHeader } from './header.ts';
import { inspectHeader, inspectPlan, inspectRange } from './inspect.ts';
import { chooseParameters, type ParameterRequest } from './parameters.ts';
import type { Plan } from './plan.ts';

const plan: Plan = {
  task: idFromBytes('task', bytes(16)),
  round: 1n,
  openedAt: 0,
  limits: {
    advertiseMs: 10_000,
    dealMs: 10_000,
    acknowledgeMs: 10_000,
    maskedInputMs: 60_000,
    certifyMs: 10_000,
    unmaskMs: 10_000,
  },
  broadcastHash: bytes(32),
  algorithmHash: bytes(32),
  policyHash: bytes(32),
  logHead: bytes(32),
  logSize: 0n,
  dimension: 10,
  bits: 32,
  mechanism: 'none',
  segmentCount: 1,
  inverseGrid: 2 ** 20,
  noiseNumerator: 0,
  noiseDenominator: 1,
  sensitivitySquared: 1n,
  corruptBasisPoints: 1000,
  dropoutBasisPoints: 3000,
  sigma: 80,
  eta: 30,
  minDevices: 32,
  maxDevices: 1024,
  floor: 0,
};

const requestOf = (devices: number): ParameterRequest => ({
  devices,
  corruptBasisPoints: 1000,
  dropoutBasisPoints: 3000,
  sigma: 80,
  eta: 30,
});

function headerOf(request: ParameterRequest): RosterHeader {
  const { devices, neighbours, threshold, windowSurvivors, committee, committeeThreshold, minSurvivors } =
    chooseParameters(request);
  return {
    planHash: bytes(32),
    cohort: 0,
    cohortCount: 1,
    roundDevices: devices,
    roundRoot: bytes(32),
    devices,
    neighbours,
    threshold,
    windowSurvivors,
    committee,
    committeeThreshold,
    minSurvivors,
    noiseVariance: 0n,
    rosterRoot: bytes(32),
  };
}

/** n = 1000: k = 262, t = 94 within 76..112, s = 56, m = 446, T = 269, A = 100, D = 300. */
const large = headerOf(requestOf(1000));
/** n = 100, h = 70 − 10 = 60. */
const small = headerOf(requestOf(100));

const possibleRequests = fc
  .record({
    devices: fc.integer({ min: 3, max: 400 }),
    corruptBasisPoints: fc.integer({ min: 0, max: 3333 }),
    dropoutBasisPoints: fc.integer({ min: 0, max: 3333 }),
    sigma: fc.integer({ min: 1, max: 120 }),
    eta: fc.integer({ min: 1, max: 60 }),
  })
  .filter(isPossible);

function verdictOf(header: RosterHeader, floors: Partial<DeviceFloors> = {}, changed: Partial<Plan> = {}) {
  return inspectHeader(header, { ...plan, ...changed }, { ...trainingFloors, ...floors });
}

describe('a device that inspects a roster header', () => {
  it('accepts whatever honest coordinators choose', () => {
    fc.assert(
      fc.property(possibleRequests, (request) => {
        const { asked, floors } = policyOf(request);
        expect(inspectPlan(asked, floors)).toBeUndefined();
        expect(inspectHeader(headerOf(request), asked, floors)).toBeUndefined();
      }),
      { numRuns: 400 },
    );
  });

  it('draws the line exactly where the coordinator found it', () => {
    fc.assert(
      fc.property(possibleRequests, (request) => {
        const { asked, floors } = policyOf(request);
        const header = headerOf(request);
        const { leastThreshold } = chooseParameters(request);
        const verdict = (changed: Partial<RosterHeader>) => inspectHeader({ ...header, ...changed }, asked, floors);
        expect(verdict({ threshold: leastThreshold })).toBeUndefined();
        expect(verdict({ threshold: leastThreshold - 1 })).toBe('parameters-too-weak');
        expect(verdict({ committeeThreshold: header.committeeThreshold - 1 })).toBe('parameters-too-weak');
        expect(verdict({ minSurvivors: header.minSurvivors - 1 })).toBe('survivors-too-few');
        if (header.windowSurvivors < 2) return;
        const windowSurvivors = header.windowSurvivors - 1;
        const threshold = Math.min(header.threshold, 2 * windowSurvivors);
        expect(verdict({ windowSurvivors, threshold })).toBe('parameters-too-weak');
        expect(verdict({ threshold: 2 * header.windowSurvivors })).toBeUndefined();
        expect(verdict({ threshold: 2 * header.windowSurvivors + 1 })).toBe('parameters-too-weak');
      }),
      { numRuns: 400 },
    );
  });

  it('accepts any strong threshold, graph and committee, not only the ones it would choose', () => {
    for (const stronger of [
      { threshold: 76 },
      { threshold: 112 },
      { windowSurvivors: 60 },
      { neighbours: 260 },
      { committeeThreshold: 300 },
      { minSurvivors: 800 },
    ])
      expect(verdictOf({ ...large, ...stronger }), JSON.stringify(stronger)).toBeUndefined();
  });

  it.each([
    ['a threshold that corrupt neighbours can reach', { threshold: 75 }],
    ['a threshold that two windows of survivors cannot reach', { threshold: 113 }],
    ['a window that corrupt devices can fill', { windowSurvivors: 55 }],
    ['a window that cannot hold so many', { windowSurvivors: 132 }],
    ['an odd number of neighbours', { neighbours: 263 }],
    ['more neighbours under the same threshold', { neighbours: 2 * 262 }],
    ['no neighbours', { neighbours: 0 }],
    ['more neighbours than there are', { neighbours: 1000 }],
    ['windows in a complete graph', { neighbours: 999 }],
    ['a sparse graph without windows', { windowSurvivors: 0 }],
    ['a sparse graph without windows, one short of complete', { neighbours: 998, windowSurvivors: 0 }],
    ['a committee majority that two survivor sets can have', { committeeThreshold: 268 }],
    ['a committee too large for its majority', { committee: 448 }],
    ['a majority of more than the committee', { committeeThreshold: 447 }],
    ['an empty committee', { committee: 0, committeeThreshold: 0 }],
    ['a committee of more than the cohort', { committee: 1001, committeeThreshold: 1001 }],
    ['no cohort', { cohortCount: 0 }],
    ['half of a round', { cohortCount: 2 }],
    ['a second cohort of one', { cohort: 1 }],
    ['a cohort beyond the last', { cohort: 5, cohortCount: 5, roundDevices: 5000 }],
    ['a block of another size', { cohort: 1, cohortCount: 5, roundDevices: 5005 }],
    ['more devices than a roll may hold', { cohortCount: 17, roundDevices: 17_000 }],
    ['a round larger than its one cohort', { roundDevices: 1001 }],
    ['a root of a round of several cohorts', { roundRoot: bytes(32).fill(1) }],
  ] satisfies [string, Partial<RosterHeader>][])('refuses %s', (_, weaker) => {
    expect(verdictOf(large)).toBeUndefined();
    expect(verdictOf({ ...large, ...weaker })).toBe('parameters-too-weak');
  });

  it('accepts a cohort of several that has the size of its block', () => {
    const of = (cohort: number, cohortCount: number, roundDevices: number) =>
      verdictOf({ ...large, cohort, cohortCount, roundDevices, roundRoot: bytes(32).fill(1) });
    for (const cohort of [0, 3, 4]) expect(of(cohort, 5, 5000)).toBeUndefined();
    // 5003 devices: blocks of 1001, 1001, 1000, 1001, 1000.
    expect([0, 1, 2, 3, 4].map((cohort) => of(cohort, 5, 5003) === undefined)).toEqual([
      false,
      false,
      true,
      false,
      true,
    ]);
    expect(of(15, 16, 16_000)).toBeUndefined();
    const second = { ...large, cohort: 1, cohortCount: 5, roundDevices: 5000 };
    expect(verdictOf(second, { minRoundDevices: 5000 })).toBeUndefined();
    expect(verdictOf(second, { minRoundDevices: 5001 })).toBe('cohort-too-small');
  });

  it('refuses every weaker number of a complete graph', () => {
    const complete = headerOf(requestOf(20));
    const own = { minCohort: 20, minHonest: 5 };
    const asked = { minDevices: 20 };
    expect(complete).toMatchObject({ neighbours: 19, threshold: 7, windowSurvivors: 0, committeeThreshold: 12 });
    expect(verdictOf({ ...complete, threshold: 3 }, own, asked)).toBeUndefined();
    expect(verdictOf({ ...complete, threshold: 2 }, own, asked)).toBe('parameters-too-weak');
    expect(verdictOf({ ...complete, threshold: 20 }, own, asked)).toBe('parameters-too-weak');
    expect(verdictOf({ ...complete, windowSurvivors: 1 }, own, asked)).toBe('parameters-too-weak');
    expect(verdictOf({ ...complete, neighbours: 18 }, own, asked)).toBe('parameters-too-weak');
    expect(verdictOf({ ...complete, committeeThreshold: 11 }, own, asked)).toBe('parameters-too-weak');
    expect(verdictOf({ ...complete, committee: 19, committeeThreshold: 10 }, own, asked)).toBe('parameters-too-weak');
  });

  it('refuses more neighbours from one boundary on, and for ever after', () => {
    const verdicts = Array.from({ length: 60 }, (_, i) => verdictOf({ ...large, neighbours: 262 + 2 * i }));
    const first = verdicts.indexOf('parameters-too-weak');
    expect(first).toBeGreaterThan(0);
    expect(verdicts.slice(0, first).every((verdict) => verdict === undefined)).toBe(true);
    expect(verdicts.slice(first).every((verdict) => verdict === 'parameters-too-weak')).toBe(true);
  });

  it('refuses too few survivors, or more than there are devices', () => {
    expect(verdictOf({ ...large, minSurvivors: 699 })).toBe('survivors-too-few');
    expect(verdictOf({ ...large, minSurvivors: 1001 })).toBe('survivors-too-few');
    expect(verdictOf(small, { minHonest: 60 })).toBeUndefined();
    expect(verdictOf(small, { minHonest: 61 })).toBe('survivors-too-few');
  });

  it('refuses a cohort below its own floor or outside the plan', () => {
    expect(verdictOf(small, { minCohort: 100 })).toBeUndefined();
    expect(verdictOf(small, { minCohort: 101 })).toBe('cohort-too-small');
    expect(verdictOf(small, {}, { minDevices: 101 })).toBe('cohort-too-small');
    expect(verdictOf(small, {}, { maxDevices: 100 })).toBeUndefined();
    expect(verdictOf(small, {}, { maxDevices: 99 })).toBe('range-overflow');
  });

  it('takes the corrupt, the dropouts and the security from the plan, not from what it saw before', () => {
    expect(verdictOf(large, {}, { sigma: 80 })).toBeUndefined();
    expect(verdictOf(large, {}, { sigma: 120 })).toBe('parameters-too-weak');
    expect(verdictOf(large, {}, { corruptBasisPoints: 1500 })).toBe('parameters-too-weak');
    expect(verdictOf(large, {}, { dropoutBasisPoints: 2990 })).toBe('survivors-too-few');
    expect(verdictOf(large, {}, { sigma: 80 })).toBeUndefined();
  });

  it('refuses honest devices that add less noise than the plan promises', () => {
    // z = 3/2 and Δ₂² = 1,000,003: 60 · σ² · 4 ≥ 9 · 1,000,003 from σ² = 37,501 on.
    const noisy = noisyPlan({ noiseNumerator: 3, noiseDenominator: 2, sensitivitySquared: 1_000_003n });
    expect(verdictOf({ ...small, noiseVariance: 37_501n }, {}, noisy)).toBeUndefined();
    expect(verdictOf({ ...small, noiseVariance: 37_500n }, {}, noisy)).toBe('noise-too-weak');
    // One honest device more carries the rest.
    const later = { ...small, minSurvivors: 71, noiseVariance: 37_500n };
    expect(verdictOf(later, {}, noisy)).toBeUndefined();
  });

  it('accepts exactly the noise that the plan promises', () => {
    // 60 · 100 = 6000.
    const exact = noisyPlan({ noiseNumerator: 1, noiseDenominator: 1, sensitivitySquared: 6000n });
    expect(verdictOf({ ...small, noiseVariance: 100n }, {}, exact)).toBeUndefined();
    expect(verdictOf({ ...small, noiseVariance: 99n }, {}, exact)).toBe('noise-too-weak');
  });

  it('refuses noise finer than the grid or wider than the range', () => {
    const faint = noisyPlan({ noiseNumerator: 1, noiseDenominator: 1000, sensitivitySquared: 1n });
    expect(verdictOf({ ...small, noiseVariance: 4n }, {}, faint)).toBeUndefined();
    expect(verdictOf({ ...small, noiseVariance: 3n }, {}, faint)).toBe('noise-too-weak');
    expect(verdictOf({ ...small, noiseVariance: 1n << 20n }, {}, faint)).toBeUndefined();
    expect(verdictOf({ ...small, noiseVariance: (1n << 20n) + 1n }, {}, faint)).toBe('noise-too-weak');
  });

  it('refuses noise that the mechanism does not have, and mechanisms that it does not accept', () => {
    for (const mechanism of ['none', 'central'] as const) {
      expect(verdictOf(small, {}, { mechanism })).toBeUndefined();
      expect(verdictOf({ ...small, noiseVariance: 100n }, {}, { mechanism })).toBe('noise-too-weak');
      expect(verdictOf(small, { mechanisms: ['distributed'] }, { mechanism })).toBe('noise-too-weak');
    }
  });
});

describe('a device that inspects a plan', () => {
  const own = (changed: Partial<Plan>, floors: Partial<DeviceFloors> = {}) =>
    inspectPlan({ ...plan, ...changed }, { ...trainingFloors, ...floors });

  it('accepts its own floors', () => {
    expect(own({})).toBeUndefined();
    expect(own({ corruptBasisPoints: 2000, dropoutBasisPoints: 1000, sigma: 100 })).toBeUndefined();
  });

  it('refuses every assumption weaker than its own', () => {
    expect(own({ corruptBasisPoints: 999 })).toBe('parameters-too-weak');
    expect(own({ corruptBasisPoints: 10_000 })).toBe('parameters-too-weak');
    expect(own({ dropoutBasisPoints: 3001 })).toBe('parameters-too-weak');
    expect(own({ sigma: 79 })).toBe('parameters-too-weak');
  });

  it('refuses cohorts that can never be large enough', () => {
    expect(own({ minDevices: 10, maxDevices: 32 })).toBeUndefined();
    expect(own({ minDevices: 10, maxDevices: 31 })).toBe('cohort-too-small');
    expect(own({ minDevices: 65, maxDevices: 64 })).toBe('cohort-too-small');
  });

  it('refuses less noise than its own minimum', () => {
    const noisy = noisyPlan({ noiseNumerator: 9, noiseDenominator: 10, sensitivitySquared: 100n });
    expect(own(noisy, { minNoiseMultiplier: 0.9 })).toBeUndefined();
    expect(own(noisy, { minNoiseMultiplier: 0.91 })).toBe('noise-too-weak');
    expect(own({ ...noisy, mechanism: 'central' }, { minNoiseMultiplier: 0.91 })).toBe('noise-too-weak');
    expect(own({ ...noisy, noiseNumerator: 0 })).toBe('noise-too-weak');
    expect(own({ ...noisy, noiseDenominator: 0 })).toBe('noise-too-weak');
    expect(own({ ...noisy, sensitivitySquared: 0n })).toBe('noise-too-weak');
    expect(own(noisy, { mechanisms: ['none'] })).toBe('noise-too-weak');
    expect(own({}, { mechanisms: ['distributed'] })).toBe('noise-too-weak');
  });
});

describe('the range of a sum', () => {
  it('ends below 2^31', () => {
    expect(inspectRange({ devices: 1, amplitude: 2 ** 31 - 2, noiseVariance: 0n })).toBeUndefined();
    expect(inspectRange({ devices: 1, amplitude: 2 ** 31 - 1, noiseVariance: 0n })).toBe('range-overflow');
    expect(inspectRange({ devices: 1024, amplitude: 2 ** 20, noiseVariance: 0n })).toBeUndefined();
    expect(inspectRange({ devices: 1024, amplitude: 2 ** 21, noiseVariance: 0n })).toBe('range-overflow');
  });

  it('leaves room for twelve standard deviations of noise', () => {
    // 4 · (amplitude + 1) leaves 72 below 2^31, and 12 · √4 · σ reaches 72 at σ² = 9.
    const amplitude = 2 ** 29 - 19;
    expect(inspectRange({ devices: 4, amplitude, noiseVariance: 8n })).toBeUndefined();
    expect(inspectRange({ devices: 4, amplitude, noiseVariance: 9n })).toBe('range-overflow');
    // A range already overrun must not pass because its deficit is squared.
    expect(inspectRange({ devices: 4, amplitude: 2 ** 30, noiseVariance: 1n })).toBe('range-overflow');
  });
});

function noisyPlan(noise: Pick<Plan, 'noiseNumerator' | 'noiseDenominator' | 'sensitivitySquared'>): Partial<Plan> {
  return { mechanism: 'distributed', ...noise };
}

function isPossible(request: ParameterRequest): boolean {
  try {
    chooseParameters(request);
    return true;
  } catch {
    return false;
  }
}

/** A plan that asks for this, and a device that insists on exactly as much. */
function policyOf(request: ParameterRequest): { asked: Plan; floors: DeviceFloors } {
  const floors = {
    ...trainingFloors,
    minCorruptBasisPoints: request.corruptBasisPoints,
    maxDropoutBasisPoints: request.dropoutBasisPoints,
    minSigma: request.sigma,
    minCohort: 3,
    minHonest: 1,
  };
  return { asked: { ...plan, ...request, minDevices: 3 }, floors };
}
