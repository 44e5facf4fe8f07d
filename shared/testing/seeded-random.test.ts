import { describe, expect, it } from 'vitest';
import { concat, hex } from '../bytes.ts';
import { randomContract } from './random-contract.ts';
import { seededRandom } from './seeded-random.ts';

randomContract('seeded randomness', () => seededRandom('contract'));

describe('a seed', () => {
  it('decides every byte, in whatever pieces they are drawn', () => {
    const whole = seededRandom(7).bytes(20_000);
    const random = seededRandom('7');
    const pieces = [1, 31, 4096, 5000, 0, 64, 10_808].map((length) => random.bytes(length));
    expect(hex(concat(...pieces))).toBe(hex(whole));
    expect(hex(seededRandom(8).bytes(32))).not.toBe(hex(whole.subarray(0, 32)));
  });

  it('gives the same bytes in every version', () => {
    expect(hex(seededRandom('chorale').bytes(16))).toBe('f2dcfc315f67f513034101a0d29aace8');
    expect(hex(seededRandom('chorale').fork('device 1').bytes(16))).toBe('21767bda110711e0d500d11e9c47024d');
  });
});

describe('a fork', () => {
  it('begins with the bytes that are asked for alone', () => {
    const random = seededRandom('forks');
    for (const length of [0, 1, 32, 64, 100, 5000])
      expect(random.forkBytes('a', length)).toEqual(random.fork('a').bytes(length));
  });

  it('depends on its label and not on what was drawn before', () => {
    const random = seededRandom('forks');
    const early = hex(random.fork('a').bytes(32));
    random.bytes(1000);
    expect(hex(random.fork('a').bytes(32))).toBe(early);
    expect(hex(random.fork('b').bytes(32))).not.toBe(early);
    expect(hex(random.fork('a').fork('b').bytes(32))).not.toBe(hex(random.fork('b').fork('a').bytes(32)));
  });
});

describe('numbers', () => {
  it('below n are whole, in range and evenly spread', () => {
    const random = seededRandom('below');
    const counts = new Array<number>(7).fill(0);
    for (let i = 0; i < 70_000; i++) counts[random.below(7)]!++;
    // Standard deviation 93: six of them.
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(560);
    expect(random.below(1)).toBe(0);
    for (const n of [0, -1, 1.5, 2 ** 32 + 1, Number.NaN]) expect(() => random.below(n)).toThrow(RangeError);
  });

  it('in [0, 1) have the mean and the variance of the uniform distribution', () => {
    const random = seededRandom('uniform');
    const draws = Array.from({ length: 50_000 }, () => random.uniform());
    expect(Math.min(...draws.slice(0, 1000))).toBeGreaterThanOrEqual(0);
    expect(draws.every((draw) => draw < 1)).toBe(true);
    expect(mean(draws)).toBeCloseTo(0.5, 2);
    expect(mean(draws.map((draw) => (draw - 0.5) ** 2))).toBeCloseTo(1 / 12, 2);
  });

  it('of the normal distribution have mean 0, variance 1 and its tails', () => {
    const random = seededRandom('normal');
    const draws = Array.from({ length: 50_000 }, () => random.normal());
    expect(mean(draws)).toBeCloseTo(0, 1);
    expect(mean(draws.map((draw) => draw ** 2))).toBeCloseTo(1, 1);
    expect(mean(draws.map((draw) => (Math.abs(draw) > 1.96 ? 1 : 0)))).toBeCloseTo(0.05, 2);
  });

  it('shuffle every item to every place equally often, and leave the list alone', () => {
    const random = seededRandom('shuffle');
    const items = ['a', 'b', 'c', 'd'];
    const orders = new Map<string, number>();
    for (let i = 0; i < 24_000; i++) {
      const order = random.shuffle(items).join('');
      orders.set(order, (orders.get(order) ?? 0) + 1);
    }
    expect(orders.size).toBe(24);
    for (const count of orders.values()) expect(Math.abs(count - 1000)).toBeLessThan(190);
    expect(items).toEqual(['a', 'b', 'c', 'd']);
  });
});

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
