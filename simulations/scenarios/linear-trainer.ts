/**
 * SGD on linear models in plain loops. tfjs spends far more on setting a small model up than on its arithmetic: where a
 * million updates of 28 numbers are needed, this takes the same steps a hundred times faster.
 */

import { ChoraleError, invariant } from '@chorale/shared';
import {
  type Batchable,
  parameterCount,
  shuffledBatches,
  type TrainableSpec,
  type Trainer,
  type TrainingOptions,
} from '@chorale/shared/models';

/** For linear specs only. @throws ChoraleError `invalid-input` for another family */
export const linearTrainer: Trainer = {
  backend: 'plain loops',
  async train(spec, parameters, rows, options) {
    if (spec.family !== 'linear')
      throw new ChoraleError('invalid-input', 'this trainer knows linear models only: use tfjs for others');
    invariant(parameters.length === parameterCount(spec), 'the parameters fit the model spec');
    return descend(spec, parameters, rows, options);
  },
};

/** float32 between batches, as a tensor library keeps its variables; float64 within. */
function descend(
  spec: TrainableSpec,
  start: Float32Array,
  rows: Batchable,
  { epochs, batchSize, learningRate, proximal = 0, random, signal }: TrainingOptions,
): Float32Array<ArrayBuffer> {
  const parameters = new Float32Array(start);
  const gradient = new Float64Array(start.length);
  const probabilities = new Float64Array(spec.outputs);
  for (let epoch = 0; epoch < epochs; epoch++) {
    signal?.throwIfAborted();
    for (const batch of shuffledBatches(rows.rowCount, batchSize, random)) {
      gradient.fill(0);
      for (const row of batch) addGradient(gradient, { spec, parameters, rows, row, probabilities });
      for (let i = 0; i < parameters.length; i++) {
        const slope = gradient[i]! / batch.length + proximal * (parameters[i]! - start[i]!);
        parameters[i] = parameters[i]! - learningRate * slope;
      }
    }
  }
  return parameters;
}

type AtRow = {
  readonly spec: TrainableSpec;
  readonly parameters: Float32Array;
  readonly rows: Batchable;
  readonly row: number;
  /** Room for one number per output. */
  readonly probabilities: Float64Array;
};

/** Of one row's log loss: (p − y)·x for every output. The kernel stands [inputs][outputs], then the bias. */
function addGradient(gradient: Float64Array, at: AtRow): void {
  const { inputs, outputs, output } = at.spec;
  const { features, labels } = at.rows;
  const label = labels[at.row]!;
  predictInto(at.probabilities, at);
  for (let o = 0; o < outputs; o++) {
    const target = output === 'sigmoid' ? label : Number(o === label);
    const error = at.probabilities[o]! - target;
    const from = at.row * inputs;
    for (let i = 0; i < inputs; i++) {
      const index = i * outputs + o;
      gradient[index] = gradient[index]! + error * features[from + i]!;
    }
    const bias = inputs * outputs + o;
    gradient[bias] = gradient[bias]! + error;
  }
}

function predictInto(probabilities: Float64Array, { spec, parameters, rows, row }: AtRow): void {
  const { inputs, outputs, output } = spec;
  for (let o = 0; o < outputs; o++) {
    let logit = parameters[inputs * outputs + o]!;
    for (let i = 0; i < inputs; i++) logit += rows.features[row * inputs + i]! * parameters[i * outputs + o]!;
    probabilities[o] = logit;
  }
  // The logits are shifted so that no exp overflows; a sigmoid is a softmax beside a logit of 0.
  const rest = output === 'sigmoid' ? 0 : Number.NEGATIVE_INFINITY;
  const most = Math.max(rest, ...probabilities);
  let total = Math.exp(rest - most);
  for (let o = 0; o < outputs; o++) {
    probabilities[o] = Math.exp(probabilities[o]! - most);
    total += probabilities[o]!;
  }
  for (let o = 0; o < outputs; o++) probabilities[o] = probabilities[o]! / total;
}
