import { encodedBounds, transactions1 } from '@chorale/shared/features';
import { noiseMultiplierFor } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { guess } from './attacker.ts';
import { type Audit, audit } from './audit.ts';

const seed = 'audit test 1';
const random = seededRandom(seed);
const bounds = transactions1.features.map(encodedBounds);
const population = Array.from({ length: 30 }, () =>
  Array.from({ length: 1 + random.below(8) }, () => ({
    features: Float32Array.from(bounds, ({ lo, hi }) => lo + (hi - lo) * random.uniform()),
    label: random.below(2),
  })),
);

const participations = 6;
const promise = { unit: 'device-enrolment', epsilon: 1, delta: 1e-5, participations } as const;
const promised = noiseMultiplierFor({ mechanism: 'distributed', ...promise });
const small: Audit = {
  ...{ models: 24, participations, people: 8, delta: 1e-5, confidence: 0.95, guessed: 0.2, seed, population },
  ...{ multiplier: promised, schema: transactions1 },
};

describe(`a small audit (seed ${seed})`, () => {
  // The bound is above the truth in at most 5 % of all seeds; this seed is not one of them.
  it('proves less than is accounted for where the promised noise is there', async () => {
    const { canaries, epsilonLowerBound, epsilonAccounted } = await audit(small);
    expect(canaries).toBe(24 * 27);
    expect(epsilonAccounted).toBeCloseTo(1, 3);
    expect(epsilonAccounted).toBeLessThanOrEqual(1);
    expect(epsilonLowerBound).toBeLessThan(epsilonAccounted!);
  });

  it('refutes the promise where a tenth of the promised noise is there', async () => {
    const { numerator, denominator } = promised;
    const tenth = { numerator, denominator: 10 * denominator };
    const { epsilonLowerBound, epsilonAccounted } = await audit({ ...small, multiplier: tenth });
    expect(epsilonLowerBound).toBeGreaterThan(1);
    // What was really added is accounted for, and never less than what is proved.
    expect(epsilonAccounted).toBeGreaterThan(epsilonLowerBound);
  });

  it('sees through everybody where there is no noise', async () => {
    const quiet = await audit({ ...small, multiplier: undefined, models: 12, guessed: 1 });
    expect(quiet).toMatchObject({ canaries: 324, guesses: 324, epsilonAccounted: null });
    // As many are in as are out only on average: about some the attacker must guess wrongly.
    expect(quiet.correct).toBeGreaterThan(0.9 * quiet.guesses);
    expect(quiet.epsilonLowerBound).toBeGreaterThan(2);
  });
});

describe('an attacker', () => {
  const traces = [3, 1, 2, 5, 4].map((score) => ({ score, isIn: score > 2 }));

  it('guesses about the loudest and the quietest, and is judged on these alone', () => {
    expect(guess(traces, 1)).toEqual({ made: 4, correct: 4 });
    expect(guess(traces, 0.4)).toEqual({ made: 2, correct: 2 });
    const inverted = traces.map(({ score, isIn }) => ({ score: -score, isIn }));
    expect(guess(inverted, 1)).toEqual({ made: 4, correct: 0 });
  });
});
