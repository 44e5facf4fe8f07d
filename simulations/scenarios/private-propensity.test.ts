import type { LabelledRow } from '@chorale/shared/algorithms';
import type { FeatureSchema } from '@chorale/shared/features';
import { predict, standardize } from '@chorale/shared/models';
import { rhoOf } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import { describe, expect, it } from 'vitest';
import { logisticSpec } from '../baselines/index.ts';
import { reportScores } from '../metrics/score-report.ts';
import { honestSurvivorsOf, multiplierOf, type PrivatePropensity, trainPropensity } from './private-propensity.ts';
import { setting as onlineRetail } from './purchase-dp.ts';

const seed = 'private propensity 1';
const random = seededRandom(seed);
const schema: FeatureSchema = {
  id: 'test/1',
  features: [
    { name: 'telling', unit: 'count', lo: 0, hi: 1000, scale: 'log1p' },
    { name: 'idle', unit: 'share', lo: 0, hi: 1, scale: 'linear' },
  ],
};

/** One in five acts, sooner the higher the first feature; it spreads by .5 around 3 and the second by .1 around .3. */
const people: LabelledRow[][] = Array.from({ length: 400 }, () =>
  Array.from({ length: 1 + random.below(6) }, () => {
    const drive = random.normal();
    const label = random.uniform() < 1 / (1 + Math.exp(1.6 - 2 * drive)) ? 1 : 0;
    return { features: Float32Array.of(3 + 0.5 * drive, 0.3 + 0.1 * random.normal()), label };
  }),
);

const small: PrivatePropensity = {
  ...{ cohort: 100, corrupt: 0.1, dropout: 0.3, epsilon: 8, delta: 1e-5 },
  ...{ preparatoryParticipations: 2, rounds: 10, participations: 5 },
  ...{ clientLearningRate: 1, serverLearningRate: 1, clipNorm: 0.5 },
};
const train = (isNoisy: boolean) => trainPropensity(small, { devices: people, schema, seed: 1, isNoisy });

describe(`a private training (seed ${seed})`, () => {
  it('finds where features lie, how often people act, and who', async () => {
    const { standardization, baseRate, parameters } = await train(false);
    const rows = people.flat();
    expect(standardization.mean[0]).toBeCloseTo(3, 1);
    expect(standardization.mean[1]).toBeCloseTo(0.3, 1);
    expect(standardization.std[0]).toBeCloseTo(0.5, 1);
    expect(standardization.std[1]).toBeCloseTo(0.1, 1);
    expect(baseRate).toBeCloseTo(rows.reduce((sum, { label }) => sum + label, 0) / rows.length, 1);
    const features = standardize(Float32Array.from(rows.flatMap((row) => [...row.features])), standardization);
    const scores = predict(logisticSpec(2), parameters, features);
    const { auc } = reportScores(
      scores,
      rows.map(({ label }) => label),
    );
    expect(auc).toBeGreaterThan(0.85);
  });

  it('keeps its promise with every round counted, and is moved by the noise', async () => {
    const [noisy, quiet] = [await train(true), await train(false)];
    expect(quiet.epsilon).toBeUndefined();
    expect(noisy.mostParticipations).toBe(9);
    expect(noisy.epsilon).toBeLessThanOrEqual(8);
    expect(noisy.epsilon).toBeGreaterThan(7.99);
    expect(noisy.parameters).not.toEqual(quiet.parameters);
    expect(noisy.standardization).not.toEqual(quiet.standardization);
  });
});

describe('the setting for Online Retail', () => {
  it('has noise for ε = 1 over 18 participations in training and 8 before it', () => {
    const { numerator, denominator } = multiplierOf(onlineRetail);
    // 18 participations alone would need 17.16.
    expect(numerator / denominator).toBeCloseTo(17.1621 * Math.sqrt(26 / 18), 3);
    expect(rhoOf(numerator / denominator, 26)).toBeCloseTo(0.030556, 5);
  });

  it('counts on the noise of honest survivors alone: 1.29 times the standard deviation when nobody leaves', () => {
    expect(honestSurvivorsOf(onlineRetail)).toBe(594);
    expect(Math.sqrt(onlineRetail.cohort / 594)).toBeCloseTo(1.29, 2);
  });
});
