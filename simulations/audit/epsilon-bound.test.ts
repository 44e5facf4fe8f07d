import { describe, expect, it } from 'vitest';
import { binomialTail, epsilonLowerBound, shareLowerBound } from './epsilon-bound.ts';

const usual = { delta: 0, confidence: 0.95 };
const accuracyAt = (epsilon: number) => 1 / (1 + Math.exp(-epsilon));

/** P[Binomial(trials, share) = k], as a recurrence: independent of how the code under test sums. */
function masses(trials: number, share: number): number[] {
  const list = [(1 - share) ** trials];
  for (let k = 1; k <= trials; k++) list.push((list[k - 1]! * (trials - k + 1) * share) / (k * (1 - share)));
  return list;
}

describe('a lower bound on ε', () => {
  it('is Clopper and Pearson’s on the accuracy where δ is 0', () => {
    for (const [made, correct] of [
      [200, 140],
      [50, 50],
      [1000, 530],
    ] as const) {
      const share = shareLowerBound(correct, made, 0.95);
      expect(epsilonLowerBound({ canaries: 1000, made, correct }, usual)).toBeCloseTo(Math.log(share / (1 - share)), 6);
    }
  });

  it('agrees with closed forms and a table', () => {
    // All right: share^n = 1 − confidence.
    expect(shareLowerBound(100, 100, 0.95)).toBeCloseTo(0.05 ** (1 / 100), 8);
    // 7 of 10 at 95 % one-sided: quantile .05 of Beta(7, 4).
    expect(shareLowerBound(7, 10, 0.95)).toBeCloseTo(0.39338, 4);
    expect(shareLowerBound(0, 10, 0.95)).toBe(0);
    expect(binomialTail(3, 2, 0.5)).toBeCloseTo(0.5, 12);
  });

  it.each([
    0.2, 1, 3,
  ])('is above the truth at most once in 20 times, whatever an attacker may do: ε = %d', (epsilon) => {
    const made = 150;
    const likelihoods = masses(made, accuracyAt(epsilon));
    // Exactly, over everything that can happen to the best attacker of an (ε, 0) promise.
    const isWrong = (correct: number) => epsilonLowerBound({ canaries: made, made, correct }, usual) > epsilon;
    const falseAlarms = likelihoods.reduce((sum, mass, correct) => sum + (isWrong(correct) ? mass : 0), 0);
    expect(falseAlarms).toBeLessThanOrEqual(0.05);
    expect(falseAlarms).toBeGreaterThan(0.01);
  });

  it('grows with right guesses, and shrinks with δ and with confidence', () => {
    const bound = (correct: number, options = usual) =>
      epsilonLowerBound({ canaries: 500, made: 200, correct }, options);
    expect(bound(190)).toBeGreaterThan(bound(150));
    expect(bound(150)).toBeGreaterThan(bound(120));
    expect(bound(100)).toBe(0);
    expect(bound(150, { ...usual, delta: 1e-5 })).toBeLessThan(bound(150));
    expect(bound(150, { ...usual, delta: 1e-5 })).toBeGreaterThan(bound(150) - 0.05);
    expect(bound(150, { ...usual, confidence: 0.99 })).toBeLessThan(bound(150));
  });

  it.each([
    { canaries: 10, made: 11, correct: 1 },
    { canaries: 10, made: 5, correct: 6 },
    { canaries: 10, made: 0, correct: 0 },
  ])('refuses counts that do not fit: %j', (guesses) => {
    expect(() => epsilonLowerBound(guesses, usual)).toThrow('correct ≤ made ≤ canaries');
  });
});
