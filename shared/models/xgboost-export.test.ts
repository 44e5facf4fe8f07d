import { describe, expect, it } from 'vitest';
import { seededRandom } from '../testing/seeded-random.ts';
import { parameterCount } from './parameters.ts';
import { predict } from './predict.ts';
import type { AdditiveSpec, TreesSpec } from './spec.ts';
import { exportXgboost } from './xgboost-export.ts';

const seed = 'xgboost 1';
// A tenth is no float32, and lies between two of them.
const edges = [[-1, 0, 0.1], [1e-46, 0.3], [], [-0.7, -0.1, 1, 2, 3]];
const trees: TreesSpec = { family: 'trees', inputs: 4, edges, depth: 3, trees: 12 };
const additive: AdditiveSpec = { family: 'additive', inputs: 4, edges };

function treesParameters(): Float32Array {
  const random = seededRandom(seed);
  const parameters = new Float32Array(parameterCount(trees));
  parameters[0] = -1.7;
  for (let at = 1; at < parameters.length; at += 22) {
    for (let question = 0; question < 7; question++) {
      const feature = random.below(5) - 1;
      const asked = feature >= 0 && edges[feature]!.length > 0;
      parameters[at + 2 * question] = asked ? feature : -1;
      parameters[at + 2 * question + 1] = asked ? random.below(edges[feature]!.length) : 0;
    }
    for (let leaf = 14; leaf < 22; leaf++) parameters[at + leaf] = random.normal();
  }
  return parameters;
}

function additiveParameters(): Float32Array {
  const random = seededRandom(seed);
  return Float32Array.from({ length: parameterCount(additive) }, () => random.normal());
}

/** Around every edge, where the two could differ, and anywhere else. */
function rows(): Float32Array[] {
  const random = seededRandom(seed);
  const own = [...edges.flat(), Number.NaN, -50, 50].map(Math.fround);
  const near = own.flatMap((value) => [value, Math.fround(value * (1 + 2e-7)), Math.fround(value * (1 - 2e-7))]);
  const values = [...near, 0, -0, 1e-45, -1e-45];
  return Array.from({ length: 500 }, () => Float32Array.from(edges, () => values[random.below(values.length)]!));
}

type Tree = Record<
  'left_children' | 'right_children' | 'split_indices' | 'split_conditions' | 'default_left' | 'parents',
  number[]
> & { tree_param: { num_nodes: string } };

/**
 * Reads the file as XGBoost's schema says: numbers are float32, a row goes left where it is less than the condition, or
 * missing and default_left; a leaf has no left child, and its condition is what it adds. The base score is a probability.
 */
function scoresOf(file: string, rows: readonly Float32Array[]): number[] {
  const { learner } = JSON.parse(file);
  const trees: Tree[] = learner.gradient_booster.model.trees;
  const base = Number(learner.learner_model_param.base_score);
  return rows.map((row) => {
    let margin = Math.fround(Math.log(base / (1 - base)));
    for (const tree of trees) {
      let node = 0;
      while (tree.left_children[node] !== -1) {
        const value = row[tree.split_indices[node]!]!;
        const isLeft = Number.isNaN(value)
          ? tree.default_left[node] === 1
          : value < Math.fround(tree.split_conditions[node]!);
        node = (isLeft ? tree.left_children : tree.right_children)[node]!;
      }
      margin = Math.fround(margin + Math.fround(tree.split_conditions[node]!));
    }
    return 1 / (1 + Math.exp(-margin));
  });
}

describe.each([
  ['trees', trees, treesParameters()],
  ['shape functions', additive, additiveParameters()],
] as const)(`an export of %s to XGBoost (seed ${seed})`, (_, spec, parameters) => {
  const model = exportXgboost(spec, parameters);

  it('scores as the model does, also on an edge and beside it', () => {
    const scores = scoresOf(JSON.stringify(model), rows());
    rows().forEach((row, i) => {
      expect(Math.abs(scores[i]! - predict(spec, parameters, row)[0]!), `row ${row}`).toBeLessThan(1e-5);
    });
  });

  it('has as many numbers as its trees have nodes, and children that know their parents', () => {
    const { gradient_booster: booster, learner_model_param: own } = model.learner as never as {
      gradient_booster: { model: { trees: Tree[]; tree_info: number[]; gbtree_model_param: { num_trees: string } } };
      learner_model_param: { num_feature: string };
    };
    expect(own.num_feature).toBe('4');
    expect(booster.model.gbtree_model_param.num_trees).toBe(`${booster.model.trees.length}`);
    expect(booster.model.tree_info).toHaveLength(booster.model.trees.length);
    for (const tree of booster.model.trees) {
      const nodes = Number(tree.tree_param.num_nodes);
      for (const [name, list] of Object.entries(tree))
        if (Array.isArray(list) && !name.startsWith('categories')) expect(list, name).toHaveLength(nodes);
      expect(tree.parents[0]).toBe(2147483647);
      for (const children of [tree.left_children, tree.right_children])
        children.forEach((child, node) => {
          if (child !== -1) expect(tree.parents[child]).toBe(node);
        });
    }
  });
});

it('an export to XGBoost names the features, where their names are known', () => {
  const names = ['recency', 'frequency', 'idle', 'monetary'];
  expect(exportXgboost(additive, additiveParameters(), names).learner).toMatchObject({
    feature_names: names,
    feature_types: ['float', 'float', 'float', 'float'],
  });
});
