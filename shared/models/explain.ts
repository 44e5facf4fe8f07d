/** How a row's score comes about: log-odds of nobody in particular, and what each of the row's features adds to them. */

import { binOf } from './bins.ts';
import { parameterCount } from './parameters.ts';
import { isPropensity, type ModelSpec } from './spec.ts';
import { treeShapley } from './tree-shapley.ts';

export type Explanation = {
  /** Log-odds where no feature is known. */
  readonly bias: number;
  /** Log-odds that each input adds, in the model's order: with the bias they sum to the row's own, but for rounding in doubles. */
  readonly contributions: Float64Array;
};

/**
 * Shapley values of the row's features (L. Shapley 1953; for models S. Lundberg, S.-I. Lee, NeurIPS 2017) where the others
 * are independent of them: at their means in a linear model that is standardised, anywhere in their bins, each as likely as
 * the next, in models over bins.
 *
 * @param row one row, already standardised
 * @returns nothing for a model whose features act through hidden units, or that gives more than one probability
 * @throws RangeError if a length does not fit the spec
 */
export function explain(spec: ModelSpec, parameters: Float32Array, row: Float32Array): Explanation | undefined {
  if (parameters.length !== parameterCount(spec)) throw new RangeError('parameters do not fit the model spec');
  if (row.length !== spec.inputs) throw new RangeError('features do not fit the model spec');
  if (!isPropensity(spec)) return undefined;
  switch (spec.family) {
    case 'linear':
      return { bias: parameters[spec.inputs]!, contributions: Float64Array.from(row, (x, i) => x * parameters[i]!) };
    case 'additive':
      return explainShapes(spec.edges, parameters, row);
    case 'trees':
      return treeShapley(spec, parameters, row);
    default:
      return undefined;
  }
}

/** Each bin against the mean of its feature's bins: shapes are learned only up to constants that could as well be the bias. */
function explainShapes(
  edges: readonly (readonly number[])[],
  parameters: Float32Array,
  row: Float32Array,
): Explanation {
  let [bias, at] = [parameters[0]!, 1];
  const contributions = Float64Array.from(edges, (own, feature) => {
    const shape = parameters.subarray(at, at + own.length + 1);
    const mean = shape.reduce((sum, value) => sum + value, 0) / shape.length;
    bias += mean;
    at += shape.length;
    return shape[binOf(own, row[feature]!)]! - mean;
  });
  return { bias, contributions };
}
