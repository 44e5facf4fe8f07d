import { type Bytes, bytes, hex, type Random } from '@chorale/shared';
import { nodeHkdfMany, nodePrimitives } from '@chorale/shared/adapters/node';
import { describe, expect, it } from 'vitest';
import { roundRandomness } from './round-randomness.ts';

const seedOf = (byte: number): Bytes => bytes(32).fill(byte);
const draws = (random: Random, count: number, length = 16) =>
  Array.from({ length: count }, () => hex(random.bytes(length)));

describe('the randomness of a round', () => {
  it('is the same for the same seed, from the beginning at every call', () => {
    const [a, b] = [roundRandomness(seedOf(1)), roundRandomness(seedOf(1))];
    const first = draws(a.training(), 3);
    expect(draws(a.training(), 3)).toEqual(first);
    expect(draws(b.training(), 3)).toEqual(first);
    expect(a.aggregation).toEqual(b.aggregation);
  });

  it('differs by seed, by purpose and by draw, and no draw goes on in another', () => {
    const blocks = [1, 2].flatMap((byte) => {
      const randomness = roundRandomness(seedOf(byte));
      const drawn = [randomness.training(), randomness.encoding()].flatMap((random) => draws(random, 300, 64));
      return [...drawn, hex(randomness.aggregation)].flatMap((text) => text.match(/.{32}/g)!);
    });
    expect(blocks).toHaveLength(2 * (600 * 4 + 2));
    expect(new Set(blocks).size).toBe(blocks.length);
  });

  it('does not depend on how much an earlier draw took', () => {
    const [short, long] = [roundRandomness(seedOf(3)).encoding(), roundRandomness(seedOf(3)).encoding()];
    short.bytes(1);
    long.bytes(100_000);
    expect(short.bytes(32)).toEqual(long.bytes(32));
  });

  it('is of the same bytes by a platform’s own primitives', () => {
    const own = roundRandomness(seedOf(4), { ...nodePrimitives, hkdfMany: nodeHkdfMany });
    const portable = roundRandomness(seedOf(4));
    expect(draws(own.training(), 3, 1000)).toEqual(draws(portable.training(), 3, 1000));
    expect(draws(own.encoding(), 3, 7)).toEqual(draws(portable.encoding(), 3, 7));
    expect(own.aggregation).toEqual(portable.aggregation);
  });
});
