/** Exact positive numbers: what must not depend on how an engine rounds. */

/** numerator / denominator, not necessarily in lowest terms; the denominator is above 0. */
export type Fraction = { readonly numerator: bigint; readonly denominator: bigint };

/** The float64 nearest to a fraction that is ≥ 0, also where its two parts are too long for one. */
export function toNumber({ numerator, denominator }: Fraction): number {
  const length = (value: bigint) => value.toString(2).length;
  // Only the leading 64 bits of the quotient can matter to a mantissa of 53.
  const shift = 64 - (length(numerator) - length(denominator));
  const quotient = shift > 0 ? (numerator << BigInt(shift)) / denominator : numerator / (denominator << BigInt(-shift));
  return Number(quotient) * 2 ** -shift;
}
