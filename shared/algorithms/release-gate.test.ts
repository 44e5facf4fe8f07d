import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.ts';
import { judgeRelease, type ReleaseCase, type ReleaseFigures } from './release-gate.ts';
import { usualReleaseLimits } from './release-limits.ts';

const champion: ReleaseFigures = {
  auc: 0.75,
  calibration: 1.3,
  expectedCalibrationError: 0.05,
  sliceAucs: { new: 0.7, returning: 0.74 },
};
const candidate: ReleaseFigures = {
  auc: 0.745,
  calibration: 1.1,
  expectedCalibrationError: 0.02,
  sliceAucs: { new: 0.68, returning: 0.8 },
};
/** Every figure at its limit, the log loss just within. */
const justGood: ReleaseCase = {
  champion,
  candidate,
  logLossDifference: { mean: 0, standardError: 0.001_21 },
  parameters: Float32Array.of(0.5, -1),
  privacy: { epsilonSpent: 1, epsilonPromised: 1 },
};

const brokenBy = (changes: Partial<ReleaseCase>) =>
  judgeRelease({ ...justGood, ...changes }).objections.map(({ rule }) => rule);
const candidateWith = (changes: Partial<ReleaseFigures>) => ({ candidate: { ...candidate, ...changes } });

it('a candidate at every limit may be released, and the champion’s own calibration does not matter', () => {
  expect(judgeRelease(justGood)).toEqual({ mayRelease: true, objections: [] });
});

describe('a release is stopped by', () => {
  it('a log loss that may be worse, however good its mean', () => {
    expect(brokenBy({ logLossDifference: { mean: 0, standardError: 0.001_22 } })).toEqual(['log-loss']);
    expect(brokenBy({ logLossDifference: { mean: -0.01, standardError: 0.01 } })).toEqual(['log-loss']);
    expect(brokenBy({ logLossDifference: { mean: -0.01, standardError: 0.005 } })).toEqual([]);
  });

  it('a log loss of which nothing is known', () => {
    expect(brokenBy({ logLossDifference: { mean: -0.01, standardError: 0 } })).toEqual(['log-loss']);
    expect(brokenBy({ logLossDifference: { mean: Number.NaN, standardError: 0.001 } })).toEqual(['log-loss']);
    expect(brokenBy({ logLossDifference: { mean: -0.01, standardError: Number.NaN } })).toEqual(['log-loss']);
  });

  it('an AUC that drops too far, or is not known', () => {
    expect(brokenBy(candidateWith({ auc: 0.7449 }))).toEqual(['auc']);
    expect(brokenBy(candidateWith({ auc: Number.NaN }))).toEqual(['auc']);
  });

  it('too few and too many predicted positives', () => {
    expect(brokenBy(candidateWith({ calibration: 0.899 }))).toEqual(['calibration']);
    expect(brokenBy(candidateWith({ calibration: 0.9 }))).toEqual([]);
    expect(brokenBy(candidateWith({ calibration: 1.101 }))).toEqual(['calibration']);
    expect(brokenBy(candidateWith({ calibration: Number.NaN }))).toEqual(['calibration']);
  });

  it('scores that are not what they say', () => {
    expect(brokenBy(candidateWith({ expectedCalibrationError: 0.0201 }))).toEqual(['expected-calibration-error']);
    expect(brokenBy(candidateWith({ expectedCalibrationError: Number.NaN }))).toEqual(['expected-calibration-error']);
  });

  it('one slice that gets worse while everybody together does not, and says which', () => {
    const { objections } = judgeRelease({
      ...justGood,
      ...candidateWith({ auc: 0.8, sliceAucs: { new: 0.679, returning: 0.9 } }),
    });
    expect(objections).toMatchObject([{ rule: 'slices', reason: expect.stringMatching(/ new drops by 0.021/) }]);
  });

  it('a slice that is missing', () => {
    expect(brokenBy(candidateWith({ sliceAucs: { returning: 0.8 } }))).toEqual(['slices']);
  });

  it('parameters that are not finite, or not there', () => {
    expect(brokenBy({ parameters: Float32Array.of(1, Number.NaN) })).toEqual(['parameters']);
    expect(brokenBy({ parameters: Float32Array.of(1, Infinity) })).toEqual(['parameters']);
    expect(brokenBy({ parameters: new Float32Array(0) })).toEqual(['parameters']);
  });

  it('a promise of privacy that was not kept; without a promise there is none to break', () => {
    expect(brokenBy({ privacy: { epsilonSpent: 1.01, epsilonPromised: 1 } })).toEqual(['privacy-budget']);
    expect(brokenBy({ privacy: { epsilonSpent: Number.NaN, epsilonPromised: 1 } })).toEqual(['privacy-budget']);
    expect(brokenBy({ privacy: undefined })).toEqual([]);
  });

  it('everything at once, each with its reason', () => {
    const { mayRelease, objections } = judgeRelease({
      champion,
      candidate: { auc: 0.5, calibration: 3, expectedCalibrationError: 0.3, sliceAucs: { new: 0.5, returning: 0.5 } },
      logLossDifference: { mean: 0.1, standardError: 0.01 },
      parameters: Float32Array.of(Number.NaN),
      privacy: { epsilonSpent: 9, epsilonPromised: 1 },
    });
    expect(mayRelease).toBe(false);
    expect(objections).toHaveLength(8);
    expect(objections.every(({ reason }) => reason.length > 20)).toBe(true);
  });
});

describe('under noise', () => {
  const quiet = { auc: 0, calibration: 0, expectedCalibrationError: 0, sliceAucs: { new: 0, returning: 0 } };
  const good: ReleaseFigures = { ...champion, calibration: 1, expectedCalibrationError: 0.001 };
  const judged = (changes: Partial<ReleaseFigures>, of: Partial<ReleaseFigures> = {}) =>
    judgeRelease({
      ...justGood,
      champion: { ...champion, noise: quiet, ...of },
      candidate: { ...good, noise: quiet, ...changes },
    }).objections;
  const unknown = (rule: string) => [{ rule, reason: expect.stringMatching(/^cannot be known precisely enough/) }];

  it('figures that keep their limits with confidence may be released', () => {
    const noise = {
      auc: 0.002,
      calibration: 0.04,
      expectedCalibrationError: 0.01,
      sliceAucs: { new: 0.01, returning: 0.01 },
    };
    expect(judged({ noise })).toEqual([]);
    expect(judgeRelease({ ...justGood, champion: { ...champion, noise: quiet } }).mayRelease).toBe(true);
  });

  it.each([
    ['auc', { auc: 0.004 }],
    ['auc', { auc: Number.NaN }],
    ['calibration', { calibration: 0.07 }],
    ['calibration', { calibration: Number.NaN }],
    ['expected-calibration-error', { expectedCalibrationError: 0.013 }],
    ['slices', { sliceAucs: { new: 0.013, returning: 0 } }],
    ['slices', { sliceAucs: { new: Number.NaN, returning: 0 } }],
  ] as const)('%s is not judged by chance (%#)', (rule, noise) => {
    expect(judged({ noise: { ...quiet, ...noise } })).toEqual(unknown(rule));
  });

  it('the champion’s noise counts as much, but not in what is the candidate’s alone', () => {
    const noise = { ...quiet, auc: 0.004, calibration: 9, expectedCalibrationError: 9 };
    expect(judged({}, { noise })).toEqual(unknown('auc'));
  });

  it('what is worse than noise explains is called worse', () => {
    const noise = {
      auc: 0.01,
      calibration: 0.1,
      expectedCalibrationError: 0.02,
      sliceAucs: { new: 0.02, returning: 0.02 },
    };
    const bad = { auc: 0.6, calibration: 2, expectedCalibrationError: 0.2, sliceAucs: { new: 0.5, returning: 0.5 } };
    const reasons = judged({ ...bad, noise }).map(({ reason }) => reason);
    expect(reasons).toHaveLength(5);
    expect(reasons.filter((reason) => reason.startsWith('cannot be known'))).toEqual([]);
  });
});

it('a candidate that is worse by the margin passes for no worse in one comparison of twenty', () => {
  const seed = 'margin';
  const random = seededRandom(seed);
  const [runs, devices] = [4000, 100];
  let passed = 0;
  for (let run = 0; run < runs; run++) {
    const losses = Array.from({ length: devices }, () => usualReleaseLimits.logLossMargin + 0.01 * random.normal());
    const mean = losses.reduce((sum, loss) => sum + loss, 0) / devices;
    const variance = losses.reduce((sum, loss) => sum + (loss - mean) ** 2, 0) / (devices - 1);
    const standardError = Math.sqrt(variance / devices);
    if (brokenBy({ logLossDifference: { mean, standardError } }).length === 0) passed += 1;
  }
  // 5 % ± 0.34 %, and a little for taking a t for a normal distribution; five of these.
  expect(Math.abs(passed / runs - 0.051), `seed ${seed}`).toBeLessThan(0.017);
});
