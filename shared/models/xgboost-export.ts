/**
 * Models over bins as XGBoost loads them: its JSON of version 1.7, which later versions read too (dmlc/xgboost,
 * doc/model.schema). It adds the leaves of all trees in float32, and scores agree with `predict` to 1e-5.
 */

import { binOffsets } from './bins.ts';
import type { AdditiveSpec, TreesSpec } from './spec.ts';
import { treeLayout } from './trees.ts';

export type XgboostModel = { readonly version: readonly number[]; readonly learner: object };

/** Either a leaf's log-odds, or a question: rows below the edge go one way, others the other. */
type Node = number | { readonly feature: number; readonly edge: number; readonly below: Node; readonly above: Node };

/** @param names of the features, in the order of the model's inputs; numbers unless given */
export function exportXgboost(
  spec: AdditiveSpec | TreesSpec,
  parameters: Float32Array,
  names: readonly string[] = [],
): XgboostModel {
  const bodies = spec.family === 'trees' ? completeTrees(spec, parameters) : shapeTrees(spec, parameters);
  // The bias is a tree of one leaf: XGBoost's own base score is a probability, and could not say it as exactly.
  const trees = [parameters[0]!, ...bodies].map((root, id) => treeOf(root, { id, features: spec.inputs }));
  return {
    version: [1, 7, 6],
    learner: {
      attributes: {},
      feature_names: names,
      feature_types: names.map(() => 'float'),
      gradient_booster: {
        name: 'gbtree',
        model: {
          gbtree_model_param: { num_parallel_tree: '1', num_trees: `${trees.length}`, size_leaf_vector: '0' },
          tree_info: trees.map(() => 0),
          trees,
        },
      },
      learner_model_param: {
        ...{ base_score: '5E-1', boost_from_average: '0', num_class: '0', num_target: '1' },
        num_feature: `${spec.inputs}`,
      },
      objective: { name: 'binary:logistic', reg_loss_param: { scale_pos_weight: '1' } },
    },
  };
}

function completeTrees(spec: TreesSpec, parameters: Float32Array): Node[] {
  const { questions, leavesAt, length } = treeLayout(spec);
  const nodeOf = (at: number, node: number): Node => {
    if (node >= questions) return parameters[at + leavesAt + node - questions]!;
    const [feature, edge] = [parameters[at + 2 * node]!, parameters[at + 2 * node + 1]!];
    // A node that asks nothing sends everybody left.
    if (feature < 0) return nodeOf(at, 2 * node + 1);
    const [below, above] = [nodeOf(at, 2 * node + 1), nodeOf(at, 2 * node + 2)];
    return { feature, edge: spec.edges[feature]![edge]!, below, above };
  };
  return Array.from({ length: spec.trees }, (_, tree) => nodeOf(1 + tree * length, 0));
}

/** One tree a feature, which finds the bin by halving. */
function shapeTrees({ edges }: AdditiveSpec, parameters: Float32Array): Node[] {
  const offsets = binOffsets(edges);
  const nodeOf = (feature: number, from: number, to: number): Node => {
    if (from === to) return parameters[1 + offsets[feature]! + from]!;
    const middle = (from + to) >> 1;
    const [below, above] = [nodeOf(feature, from, middle), nodeOf(feature, middle + 1, to)];
    return { feature, edge: edges[feature]![middle]!, below, above };
  };
  return edges.map(({ length }, feature) => nodeOf(feature, 0, length));
}

/** What XGBoost writes where a root has no parent. */
const noParent = 2 ** 31 - 1;

type Row = {
  readonly parent: number;
  left: number;
  right: number;
  readonly feature: number;
  /** The edge of a question, the number of a leaf. */
  readonly condition: number;
};

function treeOf(root: Node, { id, features }: { readonly id: number; readonly features: number }) {
  const rows: Row[] = [];
  const add = (node: Node, parent: number): number => {
    const isLeaf = typeof node === 'number';
    const row = {
      ...{ parent, left: -1, right: -1 },
      feature: isLeaf ? 0 : node.feature,
      condition: isLeaf ? node : float32AtLeast(node.edge),
    };
    const place = rows.push(row) - 1;
    if (!isLeaf) [row.left, row.right] = [add(node.below, place), add(node.above, place)];
    return place;
  };
  add(root, noParent);
  const zeros = rows.map(() => 0);
  return {
    tree_param: { num_deleted: '0', num_feature: `${features}`, num_nodes: `${rows.length}`, size_leaf_vector: '0' },
    id,
    // Gains and curvatures: not part of a model, and read by nobody who scores.
    ...{ loss_changes: zeros, sum_hessian: zeros },
    base_weights: rows.map(({ left, condition }) => (left < 0 ? condition : 0)),
    left_children: rows.map(({ left }) => left),
    right_children: rows.map(({ right }) => right),
    parents: rows.map(({ parent }) => parent),
    split_indices: rows.map(({ feature }) => feature),
    split_conditions: rows.map(({ condition }) => condition),
    split_type: zeros,
    // What is not a number lies below every edge here, so it does there.
    default_left: rows.map(() => 1),
    ...{ categories: [], categories_nodes: [], categories_segments: [], categories_sizes: [] },
  };
}

/**
 * XGBoost holds conditions as float32 and sends rows below them left. Among float32 values, those below an edge are those
 * below the first float32 from the edge on.
 */
function float32AtLeast(edge: number): number {
  const nearest = Math.fround(edge);
  if (nearest >= edge) return nearest;
  const float = Float32Array.of(nearest);
  const bits = new Int32Array(float.buffer);
  // Neighbours in float32 are neighbours as integers, of which negative ones count backwards.
  if (nearest === 0) bits[0] = 1;
  else bits[0]! += nearest > 0 ? 1 : -1;
  return float[0]!;
}
