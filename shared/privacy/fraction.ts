/** Exact positive numbers: what must not depend on how an engine rounds. */

/** numerator / denominator, not necessarily in lowest terms; the denominator is above 0. */
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

/** Of a number ≥ 0 that a person wrote: exact to a millionth, rounded down. */
export function fractionOf(value: number): Fraction {
  return reduce({ numerator: BigInt(Math.floor(value * 1e6)), denominator: 1_000_000n });
}

/** The float64 nearest to a fraction that is ≥ 0, also where its two parts are too long for one. */
export function toNumber({ numerator, denominator }: Fraction): number {
  const length = (value: bigint) => value.toString(2).length;
  // Only the leading 64 bits of the quotient can matter to a mantissa of 53.
  const shift = 64 - (length(numerator) - length(denominator));
  const quotient = shift > 0 ? (numerator << BigInt(shift)) / denominator : numerator / (denominator << BigInt(-shift));
  return Number(quotient) * 2 ** -shift;
}

/** Sums over hundreds of rounds would otherwise grow by the digits of every denominator. */
function reduce({ numerator, denominator }: Fraction): Fraction {
  let [a, b] = [numerator, denominator];
  while (b !== 0n) [a, b] = [b, a % b];
  return { numerator: numerator / a, denominator: denominator / a };
}
