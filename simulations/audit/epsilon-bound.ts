/**
 * What an attack that was right so often proves about ε. An (ε, 0) promise lets an attacker guess each of many independent
 * coins with accuracy e^ε/(1 + e^ε) at most, so many right guesses refute a small ε: the number of them is bounded by a
 * binomial one, up to what δ allows (T. Steinke, M. Nasr, M. Jagielski, "Privacy Auditing with One (1) Training Run",
 * NeurIPS 2023, Theorem 5.2). At δ = 0 this is Clopper and Pearson's bound on the accuracy, said in ε.
 */

import { ChoraleError } from '@chorale/shared';

export type Guesses = {
  /** Coins thrown: canaries that were in or out by chance. */
  readonly canaries: number;
  /** Guesses made; the attacker may keep silent about the others. */
  readonly made: number;
  readonly correct: number;
};

export type BoundOptions = { readonly delta: number; readonly confidence: number };

/**
 * The greatest ε that the guesses refute at this confidence; 0 if they refute none.
 *
 * @throws ChoraleError `invalid-input` for counts that do not fit each other
 */
export function epsilonLowerBound(guesses: Guesses, { delta, confidence }: BoundOptions): number {
  const { canaries, made, correct } = guesses;
  if (!(0 <= correct && correct <= made && made <= canaries && made > 0))
    throw new ChoraleError('invalid-input', 'an audit needs 0 ≤ correct ≤ made ≤ canaries, and a guess');
  const isRefuted = (epsilon: number) => chanceOf(guesses, epsilon, delta) < 1 - confidence;
  return greatestWhere(isRefuted, { low: 0, high: 50 });
}

/** Lower end of Clopper and Pearson's one-sided interval for a share: exact at any count. */
export function shareLowerBound(successes: number, trials: number, confidence: number): number {
  const isRefuted = (share: number) => binomialTail(trials, successes, share) < 1 - confidence;
  return greatestWhere(isRefuted, { low: 0, high: 1 });
}

/** Largest chance of so many right guesses, or more, under an (ε, δ) promise. */
function chanceOf({ canaries, made, correct }: Guesses, epsilon: number, delta: number): number {
  const accuracy = 1 / (1 + Math.exp(-epsilon));
  const tail = binomialTail(made, correct, accuracy);
  let [dearest, below] = [0, 0];
  // What δ can move: mass from up to i guesses below, at a price of i each.
  for (let i = 1; i <= correct; i++) {
    below += binomialMass(made, correct - i, accuracy);
    dearest = Math.max(dearest, below / i);
  }
  return Math.min(1, tail + 2 * canaries * delta * dearest);
}

/** P[Binomial(trials, share) ≥ least]. */
export function binomialTail(trials: number, least: number, share: number): number {
  let sum = 0;
  for (let k = least; k <= trials; k++) sum += binomialMass(trials, k, share);
  return Math.min(1, sum);
}

function binomialMass(trials: number, successes: number, share: number): number {
  if (share <= 0) return successes === 0 ? 1 : 0;
  if (share >= 1) return successes === trials ? 1 : 0;
  const ways = logFactorial(trials) - logFactorial(successes) - logFactorial(trials - successes);
  return Math.exp(ways + successes * Math.log(share) + (trials - successes) * Math.log1p(-share));
}

const logFactorials = [0];

function logFactorial(n: number): number {
  for (let k = logFactorials.length; k <= n; k++) logFactorials.push(logFactorials[k - 1]! + Math.log(k));
  return logFactorials[n]!;
}

/** Where `isTrue` holds up to a point and no further. @returns the low end if it holds nowhere */
function greatestWhere(isTrue: (value: number) => boolean, { low, high }: { low: number; high: number }): number {
  if (!isTrue(low)) return low;
  let [holds, fails] = [low, high];
  while (fails - holds > 1e-9) {
    const middle = (holds + fails) / 2;
    if (isTrue(middle)) holds = middle;
    else fails = middle;
  }
  return holds;
}
