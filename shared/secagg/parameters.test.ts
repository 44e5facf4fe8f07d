import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChoraleError } from '../errors.ts';
import {
  assumedCorrupt,
  chooseParameters,
  corruptMembers,
  mostCorruptInRound,
  type ParameterRequest,
  toleratedDropouts,
} from './parameters.ts';
import { isRare } from './tails.ts';

const vectors: { columns: string[]; rows: (number | null)[][] } = JSON.parse(
  readFileSync(new URL('./vectors/parameters.json', import.meta.url), 'utf8'),
);
const usual: ParameterRequest = {
  devices: 1000,
  corruptBasisPoints: 1000,
  dropoutBasisPoints: 3000,
  sigma: 80,
  eta: 30,
};

describe('chosen parameters', () => {
  it.each(vectors.rows.map((row) => ({ row, name: row.slice(0, 4).join(' ') })))('equal known values: $name', ({
    row,
  }) => {
    const known = Object.fromEntries(vectors.columns.map((column, i) => [column, row[i]!]));
    const { devices, corruptBasisPoints, dropoutBasisPoints, sigma, ...results } = known as Record<
      string,
      number | null
    >;
    const request = { devices, corruptBasisPoints, dropoutBasisPoints, sigma, eta: 30 } as ParameterRequest;
    const expected = Object.fromEntries(Object.entries(results).filter(([, value]) => value !== null));
    expect(Object.keys(expected).length).toBeGreaterThanOrEqual(3);
    expect(chooseParameters(request)).toMatchObject({ ...expected, isComplete: results.windowSurvivors === 0 });
  });

  it('join everyone to everyone below 32 devices, with at least two shares to open a secret', () => {
    for (let devices = 3; devices < 32; devices++) {
      const parameters = chooseParameters({ ...usual, devices });
      const survivors = devices - Math.floor(0.3 * devices);
      expect(parameters).toMatchObject({
        neighbours: devices - 1,
        windowSurvivors: 0,
        isComplete: true,
        minSurvivors: survivors,
        committee: devices,
      });
      expect(parameters.threshold).toBe(Math.max(2, Math.floor(0.1 * devices) + 1, Math.ceil(survivors / 2)));
    }
  });

  it('put the threshold between what the corrupt can hold and what survivors surely bring', () => {
    fc.assert(
      fc.property(requests(), (request) => {
        const parameters = choose(request);
        if (!parameters) return;
        expect(parameters.threshold).toBeGreaterThanOrEqual(parameters.leastThreshold);
        expect(parameters.threshold).toBeLessThanOrEqual(parameters.greatestThreshold);
        if (!parameters.isComplete) expect(parameters.threshold).toBeLessThanOrEqual(2 * parameters.windowSurvivors);
      }),
      { numRuns: 300 },
    );
  });

  it('take the least committee that trying every size finds', () => {
    fc.assert(
      fc.property(requests(), (request) => {
        const parameters = choose(request);
        if (parameters) expect(parameters).toMatchObject(committeeByTrying(request));
      }),
      { numRuns: 40 },
    );
  });

  it('are refused where no majority is left, and where a number is not one', () => {
    for (const wrong of [
      { corruptBasisPoints: 4000 },
      { devices: 20, corruptBasisPoints: 4000 },
      { devices: 3, dropoutBasisPoints: 5000 },
      { devices: 2 },
      { devices: 70_000 },
      { devices: 100.5 },
      { devices: Number.NaN },
      { corruptBasisPoints: -1 },
      { corruptBasisPoints: 10_000 },
      { dropoutBasisPoints: 0.3 },
      { sigma: 0 },
      { sigma: 256 },
      { eta: 0 },
    ])
      expect(refusal({ ...usual, ...wrong }), JSON.stringify(wrong)).toBe('invalid-input');
  });
});

describe('corrupt and absent devices', () => {
  it('sit on a committee in a number that is passed with probability 2^-(σ+2) at most', () => {
    // A committee of one holds the one corrupt device of 64 with probability 2^-6.
    expect(corruptMembers({ devices: 64, corrupt: 1, sigma: 4 }, 1)).toBe(0);
    expect(corruptMembers({ devices: 64, corrupt: 1, sigma: 5 }, 1)).toBe(1);
  });

  it('are whole devices, rounded down', () => {
    expect([31, 32, 39, 40].map((devices) => assumedCorrupt(devices, 1000))).toEqual([3, 3, 3, 4]);
    // 0.29 · 100 is 28.999… in floats.
    expect(toleratedDropouts(100, 2900)).toBe(29);
  });
});

describe('a round of several cohorts', () => {
  const most = (cohortCount: number, devices: number, more: Partial<Parameters<typeof mostCorruptInRound>[0]> = {}) =>
    mostCorruptInRound({
      roundDevices: cohortCount * devices,
      cohortCount,
      corruptBasisPoints: 1000,
      sigma: 80,
      ...more,
    });

  // From Python's whole numbers and fractions.
  it.each([
    { cohorts: 1, devices: 256, corrupt: 25 },
    { cohorts: 2, devices: 256, corrupt: 25 },
    { cohorts: 5, devices: 256, corrupt: 25 },
    { cohorts: 10, devices: 256, corrupt: 26 },
    { cohorts: 20, devices: 256, corrupt: 36 },
    { cohorts: 40, devices: 256, corrupt: 58 },
    { cohorts: 64, devices: 256, corrupt: 84 },
    { cohorts: 10, devices: 100, corrupt: 10 },
    { cohorts: 5, devices: 1024, corrupt: 193 },
    { cohorts: 16, devices: 1024, corrupt: 521 },
  ])('of $cohorts × $devices may hold $corrupt corrupt devices', ({ cohorts, devices, corrupt }) => {
    expect(most(cohorts, devices)).toBe(corrupt);
  });

  it('may hold as many as keep every block within its A, and not one more', () => {
    for (const [cohortCount, roundDevices] of [
      [3, 100],
      [7, 500],
      [9, 2000],
    ] as const) {
      const corrupt = most(cohortCount, 0, { roundDevices, sigma: 20 });
      const worst = (marked: number) =>
        [Math.floor(roundDevices / cohortCount), Math.ceil(roundDevices / cohortCount)].every((drawn) =>
          isRare({ population: roundDevices, marked, drawn }, assumedCorrupt(drawn, 1000) + 1, {
            times: cohortCount,
            bits: 21,
          }),
        );
      expect([worst(corrupt), worst(corrupt + 1)]).toEqual([true, false]);
    }
  });

  it('has at most as many devices as a roll, and at least three for each cohort', () => {
    for (const roundDevices of [2, 16_385]) expect(() => most(1, 0, { roundDevices })).toThrow('roundDevices must be');
    expect(() => most(0, 0, { roundDevices: 100 })).toThrow('cohortCount must be');
    expect(() => most(34, 0, { roundDevices: 100 })).toThrow('cohortCount must be');
  });
});

function requests(): fc.Arbitrary<ParameterRequest> {
  return fc.record({
    devices: fc.integer({ min: 3, max: 400 }),
    corruptBasisPoints: fc.integer({ min: 0, max: 3500 }),
    dropoutBasisPoints: fc.integer({ min: 0, max: 3500 }),
    sigma: fc.integer({ min: 10, max: 100 }),
    eta: fc.integer({ min: 10, max: 40 }),
  });
}

/** undefined where the request is refused: too many corrupt and absent for so few devices. */
function choose(request: ParameterRequest): ReturnType<typeof chooseParameters> | undefined {
  return refusal(request) === undefined ? chooseParameters(request) : undefined;
}

function refusal(request: ParameterRequest): string | undefined {
  try {
    chooseParameters(request);
    return undefined;
  } catch (error) {
    if (error instanceof ChoraleError) return error.code;
    throw error;
  }
}

function committeeByTrying({ devices, corruptBasisPoints, dropoutBasisPoints, sigma, eta }: ParameterRequest) {
  const corrupt = assumedCorrupt(devices, corruptBasisPoints);
  const dropouts = toleratedDropouts(devices, dropoutBasisPoints);
  for (let committee = devices <= 64 ? devices : 1; committee <= devices; committee++) {
    const majority = Math.floor((committee + corruptMembers({ devices, corrupt, sigma }, committee)) / 2) + 1;
    const absent = { population: devices, marked: dropouts, drawn: committee };
    if (isRare(absent, committee - majority + 1, { times: 1, bits: eta }))
      return { committee, committeeThreshold: majority };
  }
  throw new Error('no committee');
}
