import { describe, expect, it } from 'vitest';
import { roundConfig } from '../config.ts';
import { afterAbandoned, backOffMs, notBeforeAfter, startAt } from './pacing.ts';

const config = roundConfig.parse({
  gatherMs: 100,
  patienceMs: 5000,
  backOffMs: 1000,
  maxBackOffMs: 10_000,
  abandonedPerDay: 3,
});
const day = 86_400_000;

describe('a round starts', () => {
  it('never while too few are waiting', () => {
    expect(startAt({ plentySince: undefined, enoughSince: undefined, notBefore: 0 }, config)).toBeUndefined();
  });
  it('shortly after plenty are waiting', () => {
    expect(startAt({ plentySince: 1000, enoughSince: 500, notBefore: 0 }, config)).toBe(1100);
  });
  it('with fewer only when patience has ended', () => {
    expect(startAt({ plentySince: undefined, enoughSince: 500, notBefore: 0 }, config)).toBe(5500);
  });
  it('never within the pause after the last one', () => {
    expect(startAt({ plentySince: 1000, enoughSince: 500, notBefore: 9000 }, config)).toBe(9000);
  });
});

describe('the pause after abandoned rounds', () => {
  it('doubles up to its limit', () => {
    expect([0, 1, 2, 3, 4, 5, 50].map((inARow) => backOffMs(inARow, config))).toEqual([
      0, 1000, 2000, 4000, 8000, 10_000, 10_000,
    ]);
  });
  it('lasts until midnight UTC once a day’s rounds are used up, and the next day counts anew', () => {
    let abandoned = { day: 0, today: 0, inARow: 0 };
    for (let i = 0; i < 3; i++) abandoned = afterAbandoned(abandoned, 5 * day + 1000);
    expect(notBeforeAfter(abandoned, 5 * day + 2000, config)).toBe(6 * day);
    expect(notBeforeAfter(abandoned, 6 * day, config)).toBe(6 * day + 4000);
    expect(afterAbandoned(abandoned, 6 * day)).toEqual({ day: 6, today: 1, inARow: 4 });
  });
});
