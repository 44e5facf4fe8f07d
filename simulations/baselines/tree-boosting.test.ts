import { treeBoosting } from '@chorale/shared/algorithms';
import { algorithmRound, seededRandom } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import { rowsOf } from './rows.ts';
import { fitTrees } from './tree-boosting.ts';

it('one table gives the trees that secure sums give, but for how finely rows are counted', async () => {
  const seed = 5;
  const random = seededRandom(seed);
  const edges = [
    [-1, 0, 1],
    [0.25, 0.5, 0.75],
  ];
  const people = Array.from({ length: 300 }, () => {
    const features = Float32Array.of(random.normal(), random.uniform());
    return [{ features, label: features[0]! > 0 !== random.uniform() < 0.2 ? 1 : 0 }];
  });
  const options = { edges, depth: 2, trees: 5, learningRate: 0.3, l2: 1, minChildWeight: 1, minGain: 0, bias: 0.5 };
  let state = treeBoosting.init(treeBoosting.config.parse({ ...options, maxRows: 1 }), seededRandom(0));
  while (!treeBoosting.isDone(state)) state = await algorithmRound(treeBoosting, state, people, { seed: state.round });
  const secure = treeBoosting.model(state)!.parameters;
  const central = fitTrees(rowsOf(people, 2), options);
  expect(central.length).toBe(secure.length);
  central.forEach((value, i) => {
    expect(Math.abs(value - secure[i]!), `seed ${seed}, parameter ${i}`).toBeLessThan(1e-4);
  });
});
