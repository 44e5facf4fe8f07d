/** What federated models are measured against, from the plainest on; what is called central has everybody's rows. */

import { binEdgesOf, countRows, gridOf } from '@chorale/shared/features';
import { predict, type TreesSpec } from '@chorale/shared/models';
import {
  baseRateOf,
  centralScores,
  centralStandardization,
  fitTrees,
  localOnlyScores,
  type Rows,
} from '../baselines/index.ts';
import type { Ground, Method } from './method.ts';

const bins = 32;
const trees = { depth: 3, trees: 60, learningRate: 0.1, l2: 5, minChildWeight: 5, minGain: 0 };

const all: readonly (Omit<Method, 'kind' | 'isRandom' | 'rounds' | 'run'> & {
  /** A feature without which there is nothing to compute. */
  readonly needs?: string;
  readonly scores: (ground: Ground) => Float32Array;
})[] = [
  {
    name: 'central-boosting',
    title: 'Central boosted trees (same bins)',
    scores: ({ people: { devices, train, test }, schema }) => {
      const grid = gridOf(schema);
      const edges = binEdgesOf({ grid, counts: countRows(grid, devices.flat()) }, bins);
      const rate = baseRateOf(train);
      const parameters = fitTrees(train, { ...trees, edges, bias: Math.log(rate / (1 - rate)) });
      const spec: TreesSpec = { family: 'trees', inputs: edges.length, edges, depth: trees.depth, trees: trees.trees };
      return predict(spec, parameters, test.features);
    },
  },
  {
    name: 'central-logistic',
    title: 'Central logistic regression',
    scores: ({ people: { train, test }, schema }) => centralScores(train, test, schema.features.length),
  },
  {
    name: 'local-only',
    title: 'Every device for itself',
    scores: ({ people: { train, test }, schema: { features } }) =>
      localOnlyScores(train, test, features.length, centralStandardization(train, features.length)),
  },
  {
    name: 'own-rate',
    title: 'Own purchase rate alone',
    needs: 'ownRate',
    scores: (ground) => fromOneFeature(ground, 'ownRate'),
  },
  {
    name: 'recency-only',
    title: 'Time since the last purchase alone',
    needs: 'recency',
    scores: (ground) => fromOneFeature(ground, 'recency'),
  },
  {
    name: 'base-rate',
    title: 'Base rate for everybody',
    scores: ({ people: { train, test } }) => new Float32Array(test.rowCount).fill(baseRateOf(train)),
  },
];

export const baselines: readonly (Method & { readonly needs?: string })[] = all.map(({ scores, ...about }) => ({
  ...about,
  kind: 'baseline',
  isRandom: false,
  rounds: () => 0,
  run: async (ground) => ({ scores: scores(ground) }),
}));

/** Logistic regression of it, so that scores are probabilities. */
function fromOneFeature({ people: { train, test }, schema: { features } }: Ground, name: string): Float32Array {
  const place = features.findIndex((feature) => feature.name === name);
  return centralScores(columnOf(train, place, features.length), columnOf(test, place, features.length), 1);
}

function columnOf(rows: Rows, place: number, width: number): Rows {
  return {
    ...rows,
    features: Float32Array.from({ length: rows.rowCount }, (_, row) => rows.features[row * width + place]!),
  };
}
