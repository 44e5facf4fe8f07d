/** What federated models are measured against, from the plainest on; what is called central has everybody's rows. */

import { binEdgesOf, countRows, type FeatureSchema, gridOf } from '@chorale/shared/features';
import { predict, type TreesSpec } from '@chorale/shared/models';
import {
  baseRateOf,
  centralModel,
  centralStandardization,
  fitTrees,
  localOnlyModel,
  type Rows,
  type Scorer,
} from '../baselines/index.ts';
import type { Ground, Method } from './method.ts';

const bins = 32;
const trees = { depth: 3, trees: 60, learningRate: 0.1, l2: 5, minChildWeight: 5, minGain: 0 };

const all: readonly (Omit<Method, 'kind' | 'isRandom' | 'rounds' | 'run'> & {
  /** The only feature it looks at, by the name that a schema has for it. */
  readonly feature?: readonly string[];
  readonly train: (ground: Ground) => Scorer;
})[] = [
  {
    name: 'central-boosting',
    title: 'Central boosted trees (same bins)',
    train: ({ people: { devices, train }, schema }) => {
      const grid = gridOf(schema);
      const edges = binEdgesOf({ grid, counts: countRows(grid, devices.flat()) }, bins);
      const rate = baseRateOf(train);
      const parameters = fitTrees(train, { ...trees, edges, bias: Math.log(rate / (1 - rate)) });
      const spec: TreesSpec = { family: 'trees', inputs: edges.length, edges, depth: trees.depth, trees: trees.trees };
      return ({ features }) => predict(spec, parameters, features);
    },
  },
  {
    name: 'central-logistic',
    title: 'Central logistic regression',
    train: ({ people: { train }, schema }) => centralModel(train, schema.features.length),
  },
  {
    name: 'local-only',
    title: 'Every device for itself',
    train: ({ people: { train }, schema: { features } }) =>
      localOnlyModel(train, features.length, centralStandardization(train, features.length)),
  },
  oneFeature('own-rate', 'Own purchase rate alone', ['ownRate']),
  oneFeature('recency-only', 'Time since the last purchase alone', ['recency', 'recencyPurchase']),
  {
    name: 'base-rate',
    title: 'Base rate for everybody',
    train: ({ people: { train } }) => {
      const rate = baseRateOf(train);
      return ({ rowCount }) => new Float32Array(rowCount).fill(rate);
    },
  },
];

/** Those that there is something to compute from. */
export function baselinesFor(schema: FeatureSchema): readonly Method[] {
  return all
    .filter(({ feature }) => feature === undefined || placeOf(schema, feature) >= 0)
    .map(({ train, feature: _, ...about }) => ({
      ...about,
      kind: 'baseline',
      isRandom: false,
      rounds: () => 0,
      async run(ground) {
        const scoresOf = train(ground);
        return { scores: scoresOf(ground.people.test), scoresOf };
      },
    }));
}

/** Logistic regression of it, so that scores are probabilities. */
function oneFeature(name: string, title: string, feature: readonly string[]): (typeof all)[number] {
  return {
    ...{ name, title, feature },
    train: ({ people: { train }, schema }) => {
      const column = (rows: Rows) => columnOf(rows, placeOf(schema, feature), schema.features.length);
      const scoresOf = centralModel(column(train), 1);
      return (rows) => scoresOf(column(rows));
    },
  };
}

function placeOf({ features }: FeatureSchema, names: readonly string[]): number {
  return features.findIndex(({ name }) => names.includes(name));
}

function columnOf(rows: Rows, place: number, width: number): Rows {
  return {
    ...rows,
    features: Float32Array.from({ length: rows.rowCount }, (_, row) => rows.features[row * width + place]!),
  };
}
