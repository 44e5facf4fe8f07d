/** Exact fractions: a privacy budget that was rounded is not a bound any more. */

export type Fraction = { readonly numerator: bigint; readonly denominator: bigint };

export const zero: Fraction = { numerator: 0n, denominator: 1n };

export function add(a: Fraction, b: Fraction): Fraction {
  return reduce({
    numerator: a.numerator * b.denominator + b.numerator * a.denominator,
    denominator: a.denominator * b.denominator,
  });
}

export function isMore(a: Fraction, b: Fraction): boolean {
  return a.numerator * b.denominator > b.numerator * a.denominator;
}

/** Of a number a person wrote: exact to a millionth, rounded down. */
export function fractionOf(value: number): Fraction {
  return reduce({ numerator: BigInt(Math.floor(value * 1e6)), denominator: 1_000_000n });
}

/** For display only. */
export function approximately({ numerator, denominator }: Fraction): number {
  return Number((numerator * 1_000_000_000n) / denominator) / 1e9;
}

/** Sums over hundreds of rounds would otherwise grow by the digits of every denominator. */
function reduce({ numerator, denominator }: Fraction): Fraction {
  let [a, b] = [numerator, denominator];
  while (b !== 0n) [a, b] = [b, a % b];
  return { numerator: numerator / a, denominator: denominator / a };
}
