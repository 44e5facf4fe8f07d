import { createTfjsTrainer } from '@chorale/client/training';
import { beforeAll, describe, expect, it } from 'vitest';
import { type InversionReport, invertUpdates, type Seen } from './inversion.ts';

const seed = 'inversion';
let reports: readonly InversionReport[];
beforeAll(async () => {
  const trainer = await createTfjsTrainer({ backend: 'cpu' });
  reports = await invertUpdates({ trainer, seed, victims: 8, cohort: 32, epsilon: 1 });
});

const of = (model: string, seen: Seen, examples = 1) =>
  reports.find((report) => report.model === model && report.seen === seen && report.examples === examples)!;

describe.each(['logistic 20', 'mlp 20-16-1'])('the update of a %s', (model) => {
  it('alone and from one example, is that example', () => {
    expect(of(model, 'plain update').recovered, `seed ${seed}`).toBe(8);
    expect(of(model, 'plain update').relativeError).toBeLessThan(1e-3);
  });

  it('in a sum of 32 gives back nobody', () => {
    for (const seen of ['sum', 'sum with noise'] as const) expect(of(model, seen).recovered, `seed ${seed}`).toBe(0);
  });

  it('is the difference of two exact sums, and nothing of two noisy ones', () => {
    expect(of(model, 'difference').recovered, `seed ${seed}`).toBe(8);
    expect(of(model, 'difference with noise').recovered, `seed ${seed}`).toBe(0);
  });

  /** Eight cosines with 20 random features: the median strays by about .1, or .25 with a choice of sixteen guesses. */
  it('in a sum with noise tells no more than a sum that the person is not in', () => {
    const guess = of(model, 'sum without the victim').cosine;
    expect(Math.abs(of(model, 'sum with noise').cosine - guess), `seed ${seed}`).toBeLessThan(0.4);
  });
});

it('several examples of one device are not enough to hide one of them in a network', () => {
  expect(of('mlp 20-16-1', 'plain update', 8).cosine, `seed ${seed}`).toBeGreaterThan(0.8);
});
