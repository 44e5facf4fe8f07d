import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { bootstrapInterval, type Scored } from './bootstrap.ts';
import { reportScores } from './score-report.ts';

describe('a score report', () => {
  it('agrees with a small case worked out by hand', () => {
    const report = reportScores([0.9, 0.8, 0.8, 0.3, 0.1], [1, 1, 0, 0, 0]);
    // Six pairs: five and a half won, one of them tied.
    expect(report.auc).toBeCloseTo(5.5 / 6, 12);
    expect(report.prAuc).toBeCloseTo((1 + 2 / 3) / 2, 12);
    expect(report.logLoss).toBeCloseTo(-Math.log(0.9 * 0.8 * 0.2 * 0.7 * 0.9) / 5, 12);
    expect(report.baseRateLogLoss).toBeCloseTo(-0.4 * Math.log(0.4) - 0.6 * Math.log(0.6), 12);
    expect(report.calibration).toBeCloseTo(2.9 / 2, 12);
    expect(report.liftAtTenth).toBeCloseTo(2.5, 12);
    expect(report.majorityAccuracy).toBe(0.6);
  });

  it('sees no difference between constant scores and a coin', () => {
    const report = reportScores([0.25, 0.25, 0.25, 0.25], [1, 0, 0, 0]);
    expect(report.auc).toBe(0.5);
    expect(report.logLoss).toBeCloseTo(report.baseRateLogLoss, 12);
    expect(report.calibration).toBeCloseTo(1, 12);
    expect(report.liftAtTenth).toBeCloseTo(1, 12);
  });
});

const meanLabel = (_: Float32Array, labels: Float32Array) =>
  labels.reduce((sum, label) => sum + label, 0) / labels.length;

/** Every customer has `copies` rows that say the same. */
function repeated(customers: number, copies: number): Scored {
  const rows = customers * copies;
  return {
    scores: new Float32Array(rows),
    labels: Float32Array.from({ length: rows }, (_, row) => Math.floor(row / copies) % 2),
    owners: Uint32Array.from({ length: rows }, (_, row) => Math.floor(row / copies)),
  };
}

describe('a bootstrap interval', () => {
  const options = (seed: number) => ({ random: seededRandom(seed), replicates: 400 });

  it('is as wide as the number of customers says, not the number of rows', () => {
    const { low, high } = bootstrapInterval(repeated(100, 20), meanLabel, options(1));
    // Standard error of a share of ½ among 100: 0.05.
    expect(high - low).toBeGreaterThan(0.15);
    expect(high - low).toBeLessThan(0.25);
    expect(low).toBeLessThan(0.5);
    expect(high).toBeGreaterThan(0.5);
  });

  it('is the same for the same seed', () => {
    const scored = repeated(30, 2);
    expect(bootstrapInterval(scored, meanLabel, options(1))).toEqual(bootstrapInterval(scored, meanLabel, options(1)));
    expect(bootstrapInterval(scored, meanLabel, options(1))).not.toEqual(
      bootstrapInterval(scored, meanLabel, options(2)),
    );
  });
});
