/**
 * Dense layers as one flat vector: layer after layer, each its kernel row-major [inputs][outputs], then its bias. A linear
 * model is the one without hidden layers; of a convolutional one they are the last.
 */

import { activate } from './activation.ts';
import { flattened } from './convolution.ts';
import type { TrainableSpec } from './spec.ts';

/** One dense layer and where its numbers stand in the flat vector. */
export type DenseLayer = {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernelAt: number;
  readonly biasAt: number;
};

export function denseLayers(spec: TrainableSpec): readonly DenseLayer[] {
  const first = spec.family === 'convolutional' ? flattened(spec) : { width: spec.inputs, offset: 0 };
  const widths = [first.width, ...(spec.family === 'linear' ? [] : spec.hidden), spec.outputs];
  const layers: DenseLayer[] = [];
  let offset = first.offset;
  for (let i = 0; i + 1 < widths.length; i++) {
    const [inputs, outputs] = [widths[i]!, widths[i + 1]!];
    layers.push({ inputs, outputs, kernelAt: offset, biasAt: offset + inputs * outputs });
    offset += (inputs + 1) * outputs;
  }
  return layers;
}

/** What the last layer makes of one row, before any sigmoid or softmax. */
export function denseLogits(
  spec: TrainableSpec,
  layers: readonly DenseLayer[],
  parameters: Float32Array,
  inputs: ArrayLike<number>,
): Float64Array {
  let activations = new Float64Array(inputs.length);
  // Of so few numbers a loop is done before a constructor has looked at what it was given.
  for (let i = 0; i < inputs.length; i++) activations[i] = inputs[i]!;
  for (let i = 0; i < layers.length; i++) {
    activations = applyDense(layers[i]!, parameters, activations);
    const isHidden = i + 1 < layers.length;
    if (isHidden && spec.family !== 'linear') activate(spec.activation, activations);
  }
  return activations;
}

/** Every output's own sum over the inputs in their order, four outputs side by side: their sums stay in registers. */
function applyDense(layer: DenseLayer, parameters: Float32Array, values: Float64Array): Float64Array<ArrayBuffer> {
  const { inputs, outputs, kernelAt, biasAt } = layer;
  const sums = new Float64Array(outputs);
  let o = 0;
  for (; o + 4 <= outputs; o += 4) {
    let first = parameters[biasAt + o]!;
    let second = parameters[biasAt + o + 1]!;
    let third = parameters[biasAt + o + 2]!;
    let fourth = parameters[biasAt + o + 3]!;
    for (let i = 0, at = kernelAt + o; i < inputs; i++, at += outputs) {
      const value = values[i]!;
      first += value * parameters[at]!;
      second += value * parameters[at + 1]!;
      third += value * parameters[at + 2]!;
      fourth += value * parameters[at + 3]!;
    }
    sums[o] = first;
    sums[o + 1] = second;
    sums[o + 2] = third;
    sums[o + 3] = fourth;
  }
  for (; o < outputs; o++) {
    let sum = parameters[biasAt + o]!;
    for (let i = 0, at = kernelAt + o; i < inputs; i++, at += outputs) sum += values[i]! * parameters[at]!;
    sums[o] = sum;
  }
  return sums;
}
