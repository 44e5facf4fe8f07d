/** Where a function of one variable is least, and where it crosses. */

const golden = (Math.sqrt(5) - 1) / 2;

/** The argument of the least value of a function that first falls and then rises (Kiefer, 1953). */
export function leastAt(value: (x: number) => number, from: number, to: number): number {
  let [low, high] = [from, to];
  while (high - low > 1e-9 * Math.max(1, Math.abs(low))) {
    const [left, right] = [high - golden * (high - low), low + golden * (high - low)];
    if (value(left) < value(right)) high = right;
    else low = left;
  }
  return (low + high) / 2;
}

export type Crossing = {
  /** Where to look; `high` doubles until the claim holds there. */
  readonly low: number;
  readonly high: number;
  /** Relative width at which to stop. */
  readonly tolerance: number;
};

/** The least x from which a claim holds, rounded up: the claim is true of what is returned. */
export function leastWhere(claim: (x: number) => boolean, { low, high, tolerance }: Crossing): number {
  let [fails, holds] = [low, high];
  while (!claim(holds)) [fails, holds] = [holds, 2 * holds];
  while (holds - fails > tolerance * holds) {
    const middle = (fails + holds) / 2;
    if (middle <= fails || middle >= holds) break;
    if (claim(middle)) holds = middle;
    else fails = middle;
  }
  return holds;
}
