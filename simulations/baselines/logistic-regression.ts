/**
 * Logistic regression by Newton's method on all rows at once (iteratively reweighted least squares): the exact optimum
 * that federated training is measured against.
 */

import { type Batchable, sigmoid } from '@chorale/shared/models';

export type NewtonOptions = {
  /** Strength λ of ½λ‖w‖² on the weights; a little keeps collinear features solvable. */
  readonly ridge?: number;
  /** ½ strength (bias − mean)²: what to believe of the base rate before seeing rows. Free by default. */
  readonly biasPrior?: { readonly mean: number; readonly strength: number };
  readonly maxSteps?: number;
};

/** A hair of strength for a free bias too: rows of one class alone would drive it to infinity. */
const freeBias = { mean: 0, strength: 1e-6 };

/**
 * Minimises Σ log loss + ½ λ ‖w‖² + the bias's prior.
 *
 * @param rows features already standardised; labels 0 or 1
 * @returns width + 1 parameters, weights then bias: the flat vector of a linear sigmoid model
 */
export function fitLogisticRegression(rows: Batchable, width: number, options: NewtonOptions = {}): Float32Array {
  const { ridge = 1, biasPrior = freeBias, maxSteps = 25 } = options;
  const problem = {
    rows,
    width,
    centers: new Float64Array(width + 1),
    strengths: new Float64Array(width + 1).fill(ridge),
  };
  problem.centers[width] = biasPrior.mean;
  problem.strengths[width] = biasPrior.strength;
  let current = { parameters: Float64Array.from(problem.centers), loss: objective(problem, problem.centers) };
  for (let step = 0; step < maxSteps; step++) {
    const before = current.loss;
    current = backtrack(problem, current, newtonDirection(problem, current.parameters));
    if (before - current.loss <= 1e-9 * before) break;
  }
  return Float32Array.from(current.parameters);
}

/** Rows, and a Gaussian prior for each parameter. */
type Problem = {
  readonly rows: Batchable;
  readonly width: number;
  readonly centers: Float64Array;
  readonly strengths: Float64Array;
};

type Point = { readonly parameters: Float64Array<ArrayBuffer>; readonly loss: number };

/** Halves the step until the loss does not grow: separable rows would otherwise throw Newton far out. */
function backtrack(problem: Problem, from: Point, direction: Float64Array): Point {
  for (let scale = 1; scale > 1e-6; scale /= 2) {
    const parameters = from.parameters.map((value, i) => value - scale * direction[i]!);
    const loss = objective(problem, parameters);
    if (loss <= from.loss) return { parameters, loss };
  }
  return from;
}

function objective({ rows, width, centers, strengths }: Problem, parameters: Float64Array): number {
  let loss = 0;
  for (let j = 0; j <= width; j++) loss += (strengths[j]! / 2) * (parameters[j]! - centers[j]!) ** 2;
  for (let row = 0; row < rows.rowCount; row++) {
    const logit = logitOf(rows.features, row, width, parameters);
    const margin = rows.labels[row] === 1 ? logit : -logit;
    // ln(1 + e^−margin) without overflow for either sign.
    loss += Math.log1p(Math.exp(-Math.abs(margin))) + Math.max(0, -margin);
  }
  return loss;
}

/** Hessian⁻¹ · gradient. */
function newtonDirection({ rows, width, centers, strengths }: Problem, parameters: Float64Array): Float64Array {
  const size = width + 1;
  const gradient = strengths.map((strength, j) => strength * (parameters[j]! - centers[j]!));
  const hessian = new Float64Array(size * size);
  for (let j = 0; j < size; j++) hessian[j * size + j] = strengths[j]!;
  const inputs = new Float64Array(size).fill(1);
  for (let row = 0; row < rows.rowCount; row++) {
    for (let j = 0; j < width; j++) inputs[j] = rows.features[row * width + j]!;
    const probability = sigmoid(logitOf(rows.features, row, width, parameters));
    const error = probability - rows.labels[row]!;
    const curvature = probability * (1 - probability);
    for (let j = 0; j < size; j++) {
      gradient[j] = gradient[j]! + error * inputs[j]!;
      const weighted = curvature * inputs[j]!;
      for (let k = 0; k <= j; k++) hessian[j * size + k] = hessian[j * size + k]! + weighted * inputs[k]!;
    }
  }
  return solvePositiveDefinite(hessian, gradient);
}

function logitOf(features: Float32Array, row: number, width: number, parameters: Float64Array): number {
  let logit = parameters[width]!;
  for (let j = 0; j < width; j++) logit += features[row * width + j]! * parameters[j]!;
  return logit;
}

/** By Cholesky's factors on the lower triangle of `matrix`, which is overwritten; so is nothing else. */
function solvePositiveDefinite(matrix: Float64Array, right: Float64Array): Float64Array {
  const size = right.length;
  for (let j = 0; j < size; j++) {
    for (let k = 0; k <= j; k++) {
      let value = matrix[j * size + k]!;
      for (let i = 0; i < k; i++) value -= matrix[j * size + i]! * matrix[k * size + i]!;
      matrix[j * size + k] = j === k ? Math.sqrt(Math.max(value, 1e-12)) : value / matrix[k * size + k]!;
    }
  }
  const solution = Float64Array.from(right);
  for (let j = 0; j < size; j++) {
    for (let k = 0; k < j; k++) solution[j] = solution[j]! - matrix[j * size + k]! * solution[k]!;
    solution[j] = solution[j]! / matrix[j * size + j]!;
  }
  for (let j = size - 1; j >= 0; j--) {
    for (let k = j + 1; k < size; k++) solution[j] = solution[j]! - matrix[k * size + j]! * solution[k]!;
    solution[j] = solution[j]! / matrix[j * size + j]!;
  }
  return solution;
}
