/**
 * Tails of the hypergeometric distribution, exact: whole numbers of ways, never floats, so that every engine comes to
 * the same verdict at a boundary.
 */

/** `drawn` devices out of `population`, of whom `marked` are corrupt (or will drop out). */
export type Draw = { readonly population: number; readonly marked: number; readonly drawn: number };

/** A probability p is rare when times · p ≤ 2^-bits: a union bound over `times` events. */
export type Rarity = { readonly times: number; readonly bits: number };

/** Whether drawing `count` or more of the marked devices is rare. */
export function isRare(draw: Draw, count: number, rarity: Rarity): boolean {
  return leastRareCount(draw, rarity, count) <= count;
}

/**
 * The least count x ≥ `from` for which drawing x or more of the marked devices is rare. The tail only shrinks as x
 * grows, so summing from its thin end finds the same x as trying them one by one.
 */
export function leastRareCount(draw: Draw, rarity: Rarity, from = 0): number {
  const { population, marked, drawn } = draw;
  const unmarked = population - marked;
  const limit = binomial(population, drawn) / (BigInt(rarity.times) << BigInt(rarity.bits));
  let count = Math.min(marked, drawn);
  let ways = binomial(marked, count) * binomial(unmarked, drawn - count);
  let tail = ways;
  while (tail <= limit && count > from) {
    ways = (ways * BigInt(count * (unmarked - drawn + count))) / BigInt((marked - count + 1) * (drawn - count + 1));
    tail += ways;
    count--;
  }
  return tail <= limit ? Math.max(from, count) : count + 1;
}

/** Ways to choose `chosen` out of `from`; 0 when there are not so many. */
export function binomial(from: number, chosen: number): bigint {
  if (chosen < 0 || chosen > from) return 0n;
  const steps = Math.min(chosen, from - chosen);
  let ways = 1n;
  for (let i = 1; i <= steps; i++) ways = (ways * BigInt(from - steps + i)) / BigInt(i);
  return ways;
}
