/** A model's numbers as one flat vector. In which order they stand, each family's own file says. */

import type { Random } from '../ports.ts';
import { additiveParameterCount } from './additive.ts';
import { convolutionLayers } from './convolution.ts';
import { type DenseLayer, denseLayers } from './dense.ts';
import type { ModelSpec, TrainableSpec } from './spec.ts';
import { questionsFit, treesParameterCount } from './trees.ts';

export function parameterCount(spec: ModelSpec): number {
  switch (spec.family) {
    case 'additive':
      return additiveParameterCount(spec);
    case 'trees':
      return treesParameterCount(spec);
    case 'centroids':
      return spec.count * spec.inputs;
    default:
      return endOf(denseLayers(spec).at(-1)!);
  }
}

function endOf({ biasAt, outputs }: DenseLayer): number {
  return biasAt + outputs;
}

/** Whether these numbers are parameters of such a model. */
export function areParametersOf(spec: ModelSpec, parameters: Float32Array): boolean {
  if (parameters.length !== parameterCount(spec)) return false;
  return spec.family !== 'trees' || questionsFit(spec, parameters);
}

/**
 * Where training starts: a linear model at zeros (its loss is convex), any other with uniform kernels of variance
 * 2/(inputs + outputs) and zero biases (Glorot and Bengio, AISTATS 2010, eq. 16). A filter has as many inputs as places and channels
 * that it sees, and as many outputs as places that see it, for every filter.
 */
export function initialParameters(spec: TrainableSpec, random: Random): Float32Array<ArrayBuffer> {
  const parameters = new Float32Array(parameterCount(spec));
  if (spec.family === 'linear') return parameters;
  for (const { fans, kernelAt, biasAt } of kernelsOf(spec)) {
    const limit = Math.sqrt(6 / fans);
    const draws = new DataView(random.bytes(4 * (biasAt - kernelAt)).buffer);
    for (let i = kernelAt; i < biasAt; i++) {
      const share = (draws.getUint32(4 * (i - kernelAt)) + 0.5) / 2 ** 32;
      parameters[i] = limit * (2 * share - 1);
    }
  }
  return parameters;
}

/** In their order, each with the number of its inputs and outputs together. */
function kernelsOf(spec: TrainableSpec) {
  const convolutions = spec.family === 'convolutional' ? convolutionLayers(spec) : [];
  return [
    ...convolutions.map(({ size, channels, filters, ...at }) => ({ ...at, fans: size * size * (channels + filters) })),
    ...denseLayers(spec).map(({ inputs, outputs, ...at }) => ({ ...at, fans: inputs + outputs })),
  ];
}
