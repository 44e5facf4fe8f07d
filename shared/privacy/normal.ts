/**
 * The normal distribution to nearly full float64 precision, far into its tails, where privacy is decided.
 *
 * erfc comes from the trapezoidal rule on ∫ e^(−t²)/(t² + x²) dt with the pole's residue taken off (Hunter and Regan,
 * Mathematics of Computation 26, 1972): every term is positive, so nothing cancels, and step ½ errs by e^(−4π²) < 1e-17.
 * There are no fitted coefficients to mistype.
 */

const step = 0.5;
/** e^(−(step·k)²) for k = 1…13; the next is below 1e-21. */
const nodes = Array.from({ length: 13 }, (_, i) => {
  const square = (step * (i + 1)) ** 2;
  return { square, weight: Math.exp(-square) };
});

/** Below this the series for erf takes over: there the trapezoid's first term and its residue would cancel. */
const seriesBelow = 0.5;

/** 2/√π ∫₀ˣ e^(−t²) dt. */
export function erf(x: number): number {
  return Math.abs(x) < seriesBelow ? erfSeries(x) : 1 - erfc(x);
}

/** 1 − erf(x), accurate relative to itself until it underflows near x = 26. */
export function erfc(x: number): number {
  if (x < 0) return 2 - erfc(-x);
  if (x > 30) return 0;
  return x < seriesBelow ? 1 - erfSeries(x) : gauss(x) * scaledTail(x);
}

/** ln erfc(x), also where erfc underflows. */
export function logErfc(x: number): number {
  if (x < seriesBelow) return Math.log1p(-erf(x));
  return -x * x + Math.log(scaledTail(x));
}

/** e^(x²)·erfc(x), which stays in range; for x ≥ 0. */
export function erfcx(x: number): number {
  return x < seriesBelow ? (1 - erfSeries(x)) / gauss(x) : scaledTail(x);
}

/** Φ(x): the probability that a standard normal draw is at most x. */
export function normalCdf(x: number): number {
  return 0.5 * erfc(-x * Math.SQRT1_2);
}

/** Probability of from < X ≤ to, from whichever tail keeps the digits. */
export function normalBetween(from: number, to: number): number {
  return from > 0 ? normalCdf(-from) - normalCdf(-to) : normalCdf(to) - normalCdf(from);
}

/** Φ(−x)/φ(x) for x ≥ 0. */
export function millsRatio(x: number): number {
  return Math.sqrt(Math.PI / 2) * erfcx(x * Math.SQRT1_2);
}

/** The x with Φ(−x) = tail, rounded up a little; for a tail below ½. */
export function normalQuantile(tail: number): number {
  let [low, high] = [0, 40];
  while (high - low > 1e-9) {
    const middle = (low + high) / 2;
    if (normalCdf(-middle) > tail) low = middle;
    else high = middle;
  }
  return high;
}

/** e^(x²)·erfc(x) for x ≥ ½. */
function scaledTail(x: number): number {
  const square = x * x;
  const sum = nodes.reduce((total, node) => total + node.weight / (square + node.square), 0.5 / square);
  const trapezoid = (2 * step * x * sum) / Math.PI;
  // The residue's part; from x = 6 on the trapezoid is exact without it, and e^(x²) could overflow.
  return x < 6 ? trapezoid - 2 / Math.expm1((2 * Math.PI * x) / step) / gauss(x) : trapezoid;
}

/** e^(−x²): squaring in two parts keeps the digits that x² would lose. */
function gauss(x: number): number {
  const head = Math.trunc(x * 16) / 16;
  return Math.exp(-head * head) * Math.exp(-(x - head) * (x + head));
}

/** 2x/√π · e^(−x²) · Σ (2x²)^k / (2k + 1)!!, all terms of one sign (Abramowitz and Stegun 7.1.6). */
function erfSeries(x: number): number {
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (2 * x * x) / (2 * k + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * x * gauss(x) * sum;
}
