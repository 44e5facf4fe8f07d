import { describe, expect, it } from 'vitest';
import { hex } from '../bytes.ts';
import type { Random } from '../ports.ts';

/** What every `Random` keeps. Each claim about chance fails by bad luck less than once in 10^15 runs. */
export function randomContract(name: string, open: () => Random): void {
  describe(`${name} as a source of randomness`, () => {
    it('gives as many bytes as asked for', () => {
      const random = open();
      for (const length of [0, 1, 31, 32, 4097, 65_536, 65_537, 200_001]) {
        expect(random.bytes(length)).toHaveLength(length);
      }
    });

    it('never gives the same 16 bytes twice', () => {
      const random = open();
      const draws = new Set(Array.from({ length: 10_000 }, () => hex(random.bytes(16))));
      expect(draws.size).toBe(10_000);
    });

    it('fills long draws to their end', () => {
      const draw = open().bytes(300_000);
      for (let start = 0; start < draw.length; start += 1000) {
        expect(draw.subarray(start, start + 1000).some((byte) => byte !== 0)).toBe(true);
      }
    });

    it('uses every value of a byte about equally often', () => {
      const counts = new Array<number>(256).fill(0);
      for (const byte of open().bytes(256 * 1000)) counts[byte]!++;
      const chiSquare = counts.reduce((sum, count) => sum + (count - 1000) ** 2 / 1000, 0);
      // 255 degrees of freedom: mean 255, standard deviation 22.6.
      expect(chiSquare).toBeGreaterThan(110);
      expect(chiSquare).toBeLessThan(460);
    });

    it('gives memory of its own', () => {
      const random = open();
      const first = random.bytes(32);
      const kept = hex(first);
      random.bytes(32).fill(7);
      expect(hex(first)).toBe(kept);
      expect(first.buffer.byteLength).toBe(32);
    });
  });
}
