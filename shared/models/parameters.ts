/**
 * A model's numbers as one flat vector: layer after layer, each its kernel row-major [inputs][outputs], then its bias.
 * Both families are dense layers; a linear model is the one without hidden ones.
 */

import type { Random } from '../ports.ts';
import type { ModelSpec } from './spec.ts';

/** One dense layer and where its numbers stand in the flat vector. */
export type DenseLayer = {
  readonly inputs: number;
  readonly outputs: number;
  readonly kernelAt: number;
  readonly biasAt: number;
};

export function denseLayers(spec: ModelSpec): readonly DenseLayer[] {
  const widths = [spec.inputs, ...(spec.family === 'mlp' ? spec.hidden : []), spec.outputs];
  const layers: DenseLayer[] = [];
  let offset = 0;
  for (let i = 0; i + 1 < widths.length; i++) {
    const [inputs, outputs] = [widths[i]!, widths[i + 1]!];
    layers.push({ inputs, outputs, kernelAt: offset, biasAt: offset + inputs * outputs });
    offset += (inputs + 1) * outputs;
  }
  return layers;
}

export function parameterCount(spec: ModelSpec): number {
  return denseLayers(spec).reduce((count, { inputs, outputs }) => count + (inputs + 1) * outputs, 0);
}

/**
 * Where training starts: a linear model at zeros (its loss is convex), an mlp with uniform kernels of variance
 * 2/(inputs + outputs) and zero biases (Glorot and Bengio, AISTATS 2010, eq. 16).
 */
export function initialParameters(spec: ModelSpec, random: Random): Float32Array<ArrayBuffer> {
  const parameters = new Float32Array(parameterCount(spec));
  if (spec.family === 'linear') return parameters;
  for (const { inputs, outputs, kernelAt, biasAt } of denseLayers(spec)) {
    const limit = Math.sqrt(6 / (inputs + outputs));
    const draws = new DataView(random.bytes(4 * inputs * outputs).buffer);
    for (let i = kernelAt; i < biasAt; i++) {
      const share = (draws.getUint32(4 * (i - kernelAt)) + 0.5) / 2 ** 32;
      parameters[i] = limit * (2 * share - 1);
    }
  }
  return parameters;
}
