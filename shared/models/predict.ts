/** Scores without tfjs: plain loops that agree with the trained Layers model to 1e-5. */

import { type DenseLayer, denseLayers, parameterCount } from './parameters.ts';
import type { ModelSpec } from './spec.ts';

/**
 * @param features rowCount × spec.inputs numbers, row-major, already standardised
 * @returns rowCount × spec.outputs probabilities, row-major: the positive class for a sigmoid, every class for a softmax
 * @throws RangeError if a length does not fit the spec
 */
export function predict(spec: ModelSpec, parameters: Float32Array, features: Float32Array): Float32Array<ArrayBuffer> {
  if (parameters.length !== parameterCount(spec)) throw new RangeError('parameters do not fit the model spec');
  if (features.length % spec.inputs !== 0) throw new RangeError('features do not fit the model spec');
  const layers = denseLayers(spec);
  const probabilities = new Float32Array((features.length / spec.inputs) * spec.outputs);
  for (let row = 0; row * spec.inputs < features.length; row++) {
    const inputs = features.subarray(row * spec.inputs, (row + 1) * spec.inputs);
    probabilities.set(probabilitiesOf(spec, logits(spec, layers, parameters, inputs)), row * spec.outputs);
  }
  return probabilities;
}

/** The logistic function, exact in both tails: neither exp overflows nor does a small probability round to 0. */
export function sigmoid(logit: number): number {
  if (logit >= 0) return 1 / (1 + Math.exp(-logit));
  const odds = Math.exp(logit);
  return odds / (1 + odds);
}

function logits(
  spec: ModelSpec,
  layers: readonly DenseLayer[],
  parameters: Float32Array,
  inputs: Float32Array,
): Float64Array {
  let activations = Float64Array.from(inputs);
  layers.forEach((layer, i) => {
    activations = applyDense(layer, parameters, activations);
    const isHidden = i + 1 < layers.length;
    if (isHidden && spec.family === 'mlp') activate(spec.activation, activations);
  });
  return activations;
}

function applyDense(layer: DenseLayer, parameters: Float32Array, values: Float64Array): Float64Array<ArrayBuffer> {
  const { inputs, outputs, kernelAt, biasAt } = layer;
  const sums = Float64Array.from(parameters.subarray(biasAt, biasAt + outputs));
  for (let i = 0; i < inputs; i++) {
    const value = values[i]!;
    const rowAt = kernelAt + i * outputs;
    for (let o = 0; o < outputs; o++) sums[o] = sums[o]! + value * parameters[rowAt + o]!;
  }
  return sums;
}

function activate(activation: 'relu' | 'tanh', sums: Float64Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] = activation === 'relu' ? Math.max(0, sums[i]!) : Math.tanh(sums[i]!);
}

function probabilitiesOf(spec: ModelSpec, values: Float64Array): Float64Array {
  return spec.output === 'sigmoid' ? values.map(sigmoid) : softmax(values);
}

function softmax(values: Float64Array): Float64Array {
  // Shifting by the maximum changes nothing in the quotient and keeps every exp at or below 1.
  const maximum = Math.max(...values);
  const exps = values.map((value) => Math.exp(value - maximum));
  const total = exps.reduce((sum, value) => sum + value, 0);
  return exps.map((value) => value / total);
}
