import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  accuracy,
  averagePrecision,
  baseRate,
  baseRateLogLoss,
  bestF1,
  brierLoss,
  calibrationInTheLarge,
  expectedCalibrationError,
  lift,
  logLoss,
  majorityAccuracy,
  meanLoss,
  rocAuc,
  rowsOf,
  tableOfRows,
} from './score-metrics.ts';

const scores = [0.1, 0.4, 0.35, 0.8];
const labels = [0, 0, 1, 1];
const table = tableOfRows(scores, labels);

describe('the area under the ROC curve', () => {
  it('is .75 on the textbook example', () => {
    expect(rocAuc(table)).toBe(0.75);
  });

  it('is the share of pairs in which the positive scores higher, ties counting half', () => {
    const rows = fc.array(fc.record({ score: fc.integer({ min: 0, max: 9 }), label: fc.integer({ min: 0, max: 1 }) }), {
      minLength: 2,
      maxLength: 60,
    });
    fc.assert(
      fc.property(rows, (rows) => {
        const [positives, negatives] = [
          rows.filter(({ label }) => label === 1),
          rows.filter(({ label }) => label === 0),
        ];
        fc.pre(positives.length > 0 && negatives.length > 0);
        const wins = positives.flatMap((p) =>
          negatives.map((n) => (p.score > n.score ? 1 : p.score === n.score ? 0.5 : 0)),
        );
        const pairs = wins.reduce<number>((total, win) => total + win, 0) / wins.length;
        const exact = tableOfRows(
          rows.map(({ score }) => score),
          rows.map(({ label }) => label),
        );
        expect(rocAuc(exact)).toBeCloseTo(pairs, 12);
      }),
    );
  });

  it('is not a number without positives or without negatives', () => {
    expect(rocAuc(tableOfRows([0.2, 0.3], [0, 0]))).toBeNaN();
    expect(rocAuc(tableOfRows([0.2, 0.3], [1, 1]))).toBeNaN();
  });
});

it('average precision steps down the ranking: (1 + 2/3) / 2 on the textbook example', () => {
  expect(averagePrecision(table)).toBeCloseTo((1 + 2 / 3) / 2, 12);
});

describe('a cutoff', () => {
  const rows = fc.array(fc.record({ score: fc.integer({ min: 0, max: 9 }), label: fc.integer({ min: 0, max: 1 }) }), {
    minLength: 1,
    maxLength: 40,
  });

  it('is best for F1 where trying every score finds no better', () => {
    fc.assert(
      fc.property(rows, (rows) => {
        const positives = rows.filter(({ label }) => label === 1).length;
        fc.pre(positives > 0);
        const f1At = (cutoff: number) => {
          const taken = rows.filter(({ score }) => score >= cutoff);
          return (2 * taken.filter(({ label }) => label === 1).length) / (positives + taken.length);
        };
        const exact = tableOfRows(
          rows.map(({ score }) => score),
          rows.map(({ label }) => label),
        );
        const { f1, lowestGroup } = bestF1(exact);
        expect(f1).toBeCloseTo(Math.max(...rows.map(({ score }) => f1At(score))), 12);
        expect(f1At(exact.scores[lowestGroup]!)).toBeCloseTo(f1, 12);
      }),
    );
    expect(bestF1(tableOfRows([0.1], [0])).f1).toBeNaN();
  });

  it('has an accuracy, and the majority one to compare it with', () => {
    expect([accuracy(table), accuracy(table, 0.35), accuracy(table, 0.9)]).toEqual([0.75, 0.75, 0.5]);
    expect([majorityAccuracy(0.1), majorityAccuracy(0.8)]).toEqual([0.9, 0.8]);
  });
});

it('equal scores give the base rate: no ranking, no lift', () => {
  const flat = tableOfRows([0.3, 0.3, 0.3, 0.3], [1, 0, 0, 0]);
  expect([rocAuc(flat), averagePrecision(flat), lift(flat, 0.1), rowsOf(flat)]).toEqual([0.5, 0.25, 1, 4]);
});

it('lift compares the best-scored share with everyone', () => {
  const ascending = Array.from({ length: 100 }, (_, i) => i / 100);
  const perfect = tableOfRows(
    ascending,
    ascending.map((_, i) => (i >= 80 ? 1 : 0)),
  );
  expect(lift(perfect, 0.1)).toBeCloseTo(5, 12);
  expect(lift(perfect, 0.4)).toBeCloseTo(2.5, 12);
  expect(lift(perfect, 1)).toBeCloseTo(1, 12);
});

describe('calibration', () => {
  const rows = 1000;
  const honest = Array.from({ length: rows }, (_, i) => (i % 10) / 10 + 0.05);
  // Within each of the ten scores, exactly that share of the hundred rows is positive.
  const outcomes = honest.map((score, i) => (Math.floor(i / 10) < Math.round(score * 100) ? 1 : 0));

  it('is perfect where every score is the share of positives among those who have it', () => {
    const exact = tableOfRows(honest, outcomes);
    expect(calibrationInTheLarge(exact)).toBeCloseTo(1, 10);
    expect(expectedCalibrationError(exact)).toBeCloseTo(0, 10);
  });

  it('sees scores that are twice too high', () => {
    const doubled = tableOfRows(
      honest.map((score) => 2 * score),
      outcomes,
    );
    expect(calibrationInTheLarge(doubled)).toBeCloseTo(2, 10);
    expect(expectedCalibrationError(doubled)).toBeCloseTo(0.5, 10);
  });

  it('sees errors that cancel over all rows but not within the ranking', () => {
    const flipped = tableOfRows(
      honest.map((score) => 1 - score),
      outcomes,
    );
    expect(calibrationInTheLarge(flipped)).toBeCloseTo(1, 10);
    expect(expectedCalibrationError(flipped)).toBeCloseTo(0.5, 1);
  });
});

describe('losses', () => {
  it('are what the definitions say', () => {
    expect(logLoss(0.25, 1)).toBeCloseTo(Math.log(4), 12);
    expect(logLoss(0.25, 0)).toBeCloseTo(Math.log(4 / 3), 12);
    expect(brierLoss(0.25, 1)).toBe(0.5625);
    expect(meanLoss(brierLoss, [0, 1], [0, 0])).toBe(0.5);
  });

  it('a certain mistake costs much, not infinitely much', () => {
    expect(logLoss(0, 1)).toBeCloseTo(16.118, 3);
    expect(logLoss(1, 0)).toBe(logLoss(0, 1));
    expect(logLoss(1, 1)).toBeCloseTo(0, 12);
  });

  it('no constant prediction loses less than the base rate', () => {
    const rate = baseRate(tableOfRows([0, 0, 0, 0], [1, 0, 0, 0]));
    for (const constant of [0.1, 0.2, 0.3, 0.5]) {
      expect(meanLoss(logLoss, [constant, constant, constant, constant], [1, 0, 0, 0])).toBeGreaterThan(
        baseRateLogLoss(rate),
      );
    }
  });
});
