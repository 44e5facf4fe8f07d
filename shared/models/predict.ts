/** Scores without tfjs: plain loops that agree with the trained Layers model to 1e-5. */

import { additiveLogit } from './additive.ts';
import { binOffsets } from './bins.ts';
import { squaredDistances } from './centroids.ts';
import { convolutionLayers, convolve } from './convolution.ts';
import { denseLayers, denseLogits } from './dense.ts';
import { parameterCount } from './parameters.ts';
import { isPropensity, type ModelSpec, outputCount } from './spec.ts';
import { treesLogit } from './trees.ts';

/**
 * @param features rowCount × spec.inputs numbers, row-major, already standardised
 * @returns rowCount × outputs probabilities, row-major: of the positive class where there is one output, of every class for
 * a softmax, of every segment for centroids (a mixture of equally frequent Gaussians of spread 1: the nearest is likeliest)
 * @throws RangeError if a length does not fit the spec
 */
export function predict(spec: ModelSpec, parameters: Float32Array, features: Float32Array): Float32Array<ArrayBuffer> {
  if (parameters.length !== parameterCount(spec)) throw new RangeError('parameters do not fit the model spec');
  if (features.length % spec.inputs !== 0) throw new RangeError('features do not fit the model spec');
  const logitsOf = logitsWith(spec, parameters);
  const [normalize, outputs] = [isPropensity(spec) ? sigmoids : softmax, outputCount(spec)];
  const probabilities = new Float32Array((features.length / spec.inputs) * outputs);
  for (let row = 0; row * spec.inputs < features.length; row++) {
    const inputs = features.subarray(row * spec.inputs, (row + 1) * spec.inputs);
    probabilities.set(normalize(logitsOf(inputs)), row * outputs);
  }
  return probabilities;
}

/** The logistic function, exact in both tails: neither exp overflows nor does a small probability round to 0. */
export function sigmoid(logit: number): number {
  if (logit >= 0) return 1 / (1 + Math.exp(-logit));
  const odds = Math.exp(logit);
  return odds / (1 + odds);
}

/** What all rows have in common is worked out once. */
function logitsWith(spec: ModelSpec, parameters: Float32Array): (row: Float32Array) => Float64Array {
  switch (spec.family) {
    case 'additive': {
      const offsets = binOffsets(spec.edges);
      return (row) => Float64Array.of(additiveLogit(spec, offsets, parameters, row));
    }
    case 'trees':
      return (row) => Float64Array.of(treesLogit(spec, parameters, row));
    case 'centroids':
      return (row) => squaredDistances(spec, parameters, row).map((distance) => -distance / 2);
    case 'convolutional': {
      const [convolutions, layers] = [convolutionLayers(spec), denseLayers(spec)];
      return (row) => denseLogits(spec, layers, parameters, convolve(spec, convolutions, parameters, row));
    }
    default: {
      const layers = denseLayers(spec);
      return (row) => denseLogits(spec, layers, parameters, row);
    }
  }
}

/** In place: logits are made for one row. */
function sigmoids(values: Float64Array): Float64Array {
  for (let i = 0; i < values.length; i++) values[i] = sigmoid(values[i]!);
  return values;
}

function softmax(values: Float64Array): Float64Array {
  // Shifting by the maximum changes nothing in the quotient and keeps every exp at or below 1.
  const maximum = Math.max(...values);
  const exps = values.map((value) => Math.exp(value - maximum));
  const total = exps.reduce((sum, value) => sum + value, 0);
  return exps.map((value) => value / total);
}
