import { describe, expect, it } from 'vitest';
import { bytes } from '../bytes.ts';
import { normalCdf } from '../privacy/normal.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { toJson } from './algorithm.ts';
import { drawnArm, drawnPlace } from './drawn-place.ts';
import { type ExperimentRow, experiment, verdictsOf } from './experiment.ts';
import { type ArmSums, armMoments } from './experiment-arms.ts';
import { detectableEffect, sampleRatioP, usualSettings, verdictOf } from './experiment-verdict.ts';

const configOf = (more: object = {}) =>
  experiment.config.parse({ shares: [0.5, 0.5], outcome: { lo: 0, hi: 10 }, ...more });

/** What was measured before says half of the outcome; the treatment adds `effect`. */
function people(seed: number, count: number, effect: number): ExperimentRow[][] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, () => {
    const arm = random.below(2);
    const before = 5 + random.normal();
    const outcome = before + random.normal() + arm * effect;
    return [{ arm, outcome, before, place: random.uniform() }];
  });
}

async function played(devices: readonly ExperimentRow[][], more: object = {}) {
  let state = experiment.init(configOf(more), seededRandom(0));
  while (!experiment.isDone(state)) {
    const stored = JSON.parse(JSON.stringify(toJson(experiment.state, state)));
    state = await algorithmRound(experiment, experiment.state.parse(stored), devices, { seed: state.round });
  }
  return state;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const variance = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1);

describe('an experiment over sums', () => {
  it('has the difference and the error that the rows themselves give', async () => {
    const seed = 1;
    const devices = people(seed, 600, 0.5);
    const [verdict] = verdictsOf(await played(devices));
    const [control, treatment] = [0, 1].map((arm) =>
      devices
        .flat()
        .filter((row) => row.arm === arm)
        .map((row) => row.outcome),
    );
    const error = Math.sqrt(variance(control!) / control!.length + variance(treatment!) / treatment!.length);
    // Outcomes are scaled to [−1, 1]: a unit of theirs is five of the outcome's.
    expect(5 * verdict!.difference.value, `seed ${seed}`).toBeCloseTo(mean(treatment!) - mean(control!), 4);
    expect(5 * verdict!.difference.standardError, `seed ${seed}`).toBeCloseTo(error, 4);
  });

  it('sees further with what was known before, and no less far without', async () => {
    const [verdict] = verdictsOf(await played(people(2, 4000, 0.2)));
    const ratio = verdict!.adjusted.standardError / verdict!.difference.standardError;
    // Half of the variance was known: √½.
    expect(ratio).toBeGreaterThan(0.67);
    expect(ratio).toBeLessThan(0.74);
    const blind = people(3, 500, 0.2).map(([row]) => [{ arm: row!.arm, outcome: row!.outcome, place: row!.place }]);
    const [plain] = verdictsOf(await played(blind));
    expect(plain!.adjusted.value).toBeCloseTo(plain!.difference.value, 6);
  });

  it('counts each device in one look, and in all looks together everybody once', async () => {
    const devices = people(4, 300, 0);
    const once = await played(devices);
    const inLooks = await played(devices, { looks: 7 });
    inLooks.sums.forEach((sum, i) => {
      expect(sum).toBeCloseTo(once.sums[i]!, 2);
    });
    const half = people(4, 300, 0).map(([row]) => [{ ...row!, place: 0.2 }]);
    const state = await algorithmRound(experiment, experiment.init(configOf({ looks: 2 }), seededRandom(0)), half, {
      seed: 1,
    });
    const second = await algorithmRound(experiment, state, half, { seed: 2 });
    expect(second.sums[0]! + second.sums[6]!).toBeCloseTo(300, 2);
  });

  it('clips nothing of an honest device, and clamps what is out of bounds', async () => {
    const broadcast = experiment.publish(experiment.init(configOf(), seededRandom(0)));
    const tools = { trainer: undefined as never, random: seededRandom(1), signal: new AbortController().signal };
    for (const outcome of [-1e9, 1e9, Number.NaN, Number.POSITIVE_INFINITY]) {
      const rows = [{ arm: 1, outcome, before: -outcome, place: 0 }];
      const { arms } = await experiment.contribute(broadcast, rows, tools);
      expect(Math.hypot(...arms)).toBeLessThanOrEqual(experiment.layout(broadcast)[0]!.clipNorm);
    }
    const nowhere = await experiment.contribute(broadcast, [{ arm: 2, outcome: 1, place: 0 }], tools);
    expect([...nowhere.arms].every((value) => value === 0)).toBe(true);
  });

  it('allows for the noise that was added', async () => {
    const devices = people(5, 400, 0);
    const start = experiment.init(configOf(), seededRandom(0));
    const noise = { numerator: 4, denominator: 1 };
    const noisy = await algorithmRound(experiment, start, devices, { seed: 1, noise });
    const [quiet, loud] = [
      verdictsOf(await algorithmRound(experiment, start, devices, { seed: 1 })),
      verdictsOf(noisy),
    ];
    expect(loud[0]!.difference.standardError).toBeGreaterThan(1.5 * quiet[0]!.difference.standardError);
  });

  it.each([
    [{ shares: [0.5, 0.4] }, 'do not add up'],
    [{ outcome: { lo: 1, hi: 1 } }, 'lo: not below hi'],
    [{ shares: [1] }, 'too_small'],
  ])('refuses a config that means nothing: %j', (more, message) => {
    expect(() => configOf(more)).toThrow(message);
  });
});

/** A/A tests whose outcome nothing changes, looked at after every 40 people. */
function peeked(seed: number, looks: number, effect: number) {
  const random = seededRandom(`peek ${seed}`);
  const arms = [0, 1].map((): Record<keyof ArmSums, number> => ({ count: 0, y: 0, yy: 0, x: 0, xx: 0, xy: 0 }));
  return Array.from({ length: looks }, () => {
    for (let person = 0; person < 40; person++) {
      const [arm, at] = [arms[person % 2]!, person % 2];
      const y = (random.uniform() < 0.3 ? 1 : -1) * 0.5 + at * effect;
      arm.count += 1;
      arm.y += y;
      arm.yy += y * y;
    }
    return verdictOf(armMoments(arms[0]!, 0), armMoments(arms[1]!, 0), usualSettings);
  });
}

describe('looking at any time', () => {
  const [runs, looks] = [400, 60];

  it('raises no more false alarms than promised, where looking at an ordinary p-value does', () => {
    const alarms = { always: 0, ordinary: 0 };
    for (let seed = 0; seed < runs; seed++) {
      const verdicts = peeked(seed, looks, 0);
      if (verdicts.some(({ alwaysValidP }) => alwaysValidP < usualSettings.alpha)) alarms.always++;
      if (verdicts.some(({ pValue }) => pValue < usualSettings.alpha)) alarms.ordinary++;
    }
    // 20 of 400 are promised; more than 36 would happen by chance in fewer than one of a thousand such tests.
    expect(alarms.always).toBeLessThan(36);
    expect(alarms.ordinary).toBeGreaterThan(80);
  });

  it('holds the true difference in every look at once', () => {
    const effect = 0.1;
    const missed = Array.from({ length: runs }, (_, seed) => peeked(seed, looks, effect)).filter((verdicts) =>
      verdicts.some(({ sequence: { low, high } }) => low > effect || high < effect),
    );
    expect(missed.length).toBeLessThan(36);
  });

  it('finds what is there', () => {
    const found = Array.from({ length: 50 }, (_, seed) => peeked(seed, looks, 0.15).at(-1)!).filter(
      ({ alwaysValidP }) => alwaysValidP < usualSettings.alpha,
    );
    expect(found.length).toBeGreaterThan(45);
  });
});

describe('before and beside a test', () => {
  it('the detectable effect is (1.960 + 0.842)·σ·√(1/n + 1/m), less with what was known before', () => {
    const asked = { people: [1000, 1000], standardDeviation: 1 } as const;
    expect(detectableEffect(asked)).toBeCloseTo(2.80159 * Math.sqrt(0.002), 5);
    expect(detectableEffect({ ...asked, correlation: 0.6 })).toBeCloseTo(0.8 * 2.80159 * Math.sqrt(0.002), 5);
  });

  it('a split that is too uneven for chance is noticed', () => {
    expect(sampleRatioP([530, 470], [0.5, 0.5])).toBeCloseTo(0.05778, 5);
    expect(sampleRatioP([350, 330, 320], [1 / 3, 1 / 3, 1 / 3])).toBeCloseTo(Math.exp(-0.7), 5);
    expect(sampleRatioP([260, 250, 245, 245], [0.25, 0.25, 0.25, 0.25])).toBeCloseTo(0.89643, 4);
    expect(sampleRatioP([5200, 4800], [0.5, 0.5])).toBeLessThan(0.001);
    expect(sampleRatioP([0, 0], [0.5, 0.5])).toBe(1);
  });

  it('a split that noise may have made uneven is none', () => {
    // Of two equal arms the difference alone counts: its variance is that of people, and twice the noise’s.
    const z = 400 / Math.sqrt(10_000 + 2 * 40 ** 2);
    expect(sampleRatioP([5200, 4800], [0.5, 0.5], 40 ** 2)).toBeCloseTo(2 * normalCdf(-z), 8);
    const seed = 11;
    const random = seededRandom(seed);
    const shares = [0.6, 0.3, 0.1];
    const noise = 15;
    const runs = 2000;
    const low = Array.from({ length: runs }, () => {
      const counts = shares.map(() => noise * random.normal());
      for (let person = 0; person < 300; person++) {
        const draw = random.uniform();
        counts[draw < 0.6 ? 0 : draw < 0.9 ? 1 : 2]! += 1;
      }
      return sampleRatioP(counts, shares, noise ** 2);
    }).filter((p) => p < 0.05).length;
    // 100 expected, with a standard deviation of 9.7.
    expect(Math.abs(low - 100), `seed ${seed}`).toBeLessThan(40);
  });

  it('of such a split no effect is told, only why', async () => {
    const seed = 12;
    const lost = people(seed, 1000, 1).filter(([row], i) => row!.arm === 0 || i % 4 > 0);
    const { withheld, 'sample ratio p': ratio, ...told } = experiment.summary(await played(lost));
    expect(withheld, `seed ${seed}`).toBe(1);
    expect(ratio, `seed ${seed}`).toBeLessThan(0.001);
    expect(Object.keys(told)).toEqual(['round', 'arm 0 devices', 'arm 1 devices']);
    const whole = experiment.summary(await played(people(seed, 1000, 1)));
    expect(whole.withheld).toBeUndefined();
    expect(whole['sample ratio p'], `seed ${seed}`).toBeGreaterThan(0.001);
    expect(whole['arm 1 p']).toBeLessThan(0.001);
    expect(experiment.summary(experiment.init(configOf(), seededRandom(0)))).toMatchObject({ 'sample ratio p': 1 });
  });
});

describe('a device’s own draw', () => {
  const secretOf = (seed: number) => bytes(32).fill(seed);
  const placesOf = (seed: number) => (label: string) => drawnPlace(secretOf(seed), label);

  it('is the same each time, another for another label, and even over devices', () => {
    expect(drawnPlace(secretOf(1), 'a')).toBe(drawnPlace(secretOf(1), 'a'));
    expect(drawnPlace(secretOf(1), 'a')).not.toBe(drawnPlace(secretOf(1), 'b'));
    const places = Array.from({ length: 250 }, (_, seed) => drawnPlace(secretOf(seed), 'a'));
    expect(places.every((place) => place >= 0 && place < 1)).toBe(true);
    // Standard error of the mean of 250 uniform numbers: .018.
    expect(Math.abs(mean(places) - 0.5)).toBeLessThan(0.08);
  });

  it('falls into arms by their shares', () => {
    const arms = Array.from({ length: 250 }, (_, seed) => drawnArm(placesOf(seed), 'colours', [0.8, 0.2]));
    // 50 expected, with a standard deviation of 6.3.
    expect(Math.abs(arms.filter((arm) => arm === 1).length - 50)).toBeLessThan(26);
  });
});
