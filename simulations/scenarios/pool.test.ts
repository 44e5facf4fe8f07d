import { toNumber } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { Pool } from './pool.ts';

const rho = { numerator: 1n, denominator: 100n };

describe('a pool of devices', () => {
  it('lets nobody take part oftener than they may, and draws different devices', () => {
    const pool = new Pool(10, seededRandom('cap'));
    const times = new Array<number>(10).fill(0);
    for (let round = 0; round < 7; round++) {
      const cohort = pool.draw(4, 3);
      expect(new Set(cohort).size).toBe(4);
      for (const device of cohort) times[device] = times[device]! + 1;
    }
    expect(Math.max(...times)).toBe(3);
    expect(times.reduce((sum, count) => sum + count)).toBe(28);
  });

  it('refuses a round when too few are left', () => {
    const pool = new Pool(5, seededRandom('few'));
    pool.draw(4, 1);
    expect(() => pool.draw(4, 1)).toThrow('1 devices have a participation left');
    expect(pool.draw(4, 2)).toHaveLength(4);
  });

  it('draws everybody who is left equally often', () => {
    const counts = new Array<number>(6).fill(0);
    for (let seed = 0; seed < 600; seed++)
      for (const device of new Pool(6, seededRandom(`fair ${seed}`)).draw(2, 1)) counts[device] = counts[device]! + 1;
    // 200 each, with a standard deviation of 11.5: beyond 5 of them once in a million seeds.
    for (const count of counts) expect(Math.abs(count - 200)).toBeLessThan(58);
  });

  it('knows what the device with most has spent, over all rounds', () => {
    const pool = new Pool(3, seededRandom('accounts'));
    for (let round = 0; round < 4; round++) pool.charge([round % 3], rho);
    expect(toNumber(pool.mostSpent().rho)).toBeCloseTo(0.02, 12);
    pool.draw(2, 9);
    expect(pool.mostSpent().participations).toBe(1);
  });
});
