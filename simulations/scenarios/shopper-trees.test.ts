import { seededRandom } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import { shopperGrid } from '../datasets/online-shoppers.ts';
import type { ShownRun } from './scenario.ts';
import { shopperFigures } from './shopper-trees.ts';

const seed = 'shoppers';

it('trees are told beside what central trainers make of the same folds, with everything shown', async () => {
  const random = seededRandom(seed);
  const { lower, upper } = shopperGrid.bounds;
  const sessions = Array.from({ length: 200 }, () => {
    const features = Float32Array.from(lower, (lo, i) => lo + Math.floor(random.uniform() * (upper[i]! - lo + 1)));
    // Every other month sells, which a line through their numbers cannot tell.
    const chance = features[9]! % 2 === 0 ? 0.7 : 0.1;
    return { features, label: Number(random.uniform() < chance) };
  });
  const runs: ShownRun[] = [];
  const progress = { begin() {}, advance() {}, say() {}, end() {} };
  const onRun = (run: ShownRun) => void runs.push(run);
  const figures = await shopperFigures(sessions, { seeds: 1, progress, workers: 0, onRun });
  const rate = sessions.filter(({ label }) => label === 1).length / sessions.length;
  expect(figures.aucCentral, seed).toBeGreaterThan(0.7);
  expect(figures).toMatchObject({ aucBaseRate: 0.5, majorityAccuracy: Math.max(rate, 1 - rate) });
  const entropy = -rate * Math.log(rate) - (1 - rate) * Math.log(1 - rate);
  expect(figures.logLossBaseRate).toBeCloseTo(entropy, 1);
  expect(Number(figures.auc)).toBeCloseTo(Number(figures.aucCentralBoosting), 1);
  const { auc, aucCentralBoosting } = figures;
  expect(figures.perSeed).toEqual([{ seed: 1, auc, aucCentralBoosting }]);
  expect(runs.map(({ about }) => about.name)).toEqual([
    ...['federated-trees', 'central-boosting', 'central-logistic', 'base-rate'],
  ]);
});
