/**
 * Models of layers in the Layers format that tfjs loads: a topology with a manifest of weights, and the weights. What is loaded
 * takes raw features and gives probabilities, as `predict` does of standardised ones: a standardisation is its first layers.
 */

import { type Bytes, concat } from '../bytes.ts';
import { floatsToBytes } from '../vectors.ts';
import { convolutionLayers } from './convolution.ts';
import { denseLayers } from './dense.ts';
import type { ConvolutionalSpec, TrainableSpec } from './spec.ts';
import type { Standardization } from './standardize.ts';

export type TfjsModel = {
  /** `model.json`. */
  readonly json: object;
  /** The file that the manifest names `weights.bin`. */
  readonly weights: Bytes;
};

type Weight = { readonly name: string; readonly shape: readonly number[]; readonly values: Float32Array };
type Layer = { readonly class_name: string; readonly config: Readonly<Record<string, unknown>> };
type Part = { readonly layers: readonly Layer[]; readonly weights: readonly Weight[] };

export function exportTfjs(
  spec: TrainableSpec,
  parameters: Float32Array,
  standardization: Standardization | undefined,
): TfjsModel {
  const clip = standardization?.clip ?? 0;
  const parts = [
    ...(standardization === undefined ? [] : [standardizing(standardization)]),
    ...(spec.family === 'convolutional'
      ? [...(clip === 0 ? [] : [movingBack(spec.inputs, clip)]), ...convolutionParts(spec, parameters)]
      : []),
    ...denseParts(spec, parameters, spec.family === 'convolutional' ? 0 : clip),
  ];
  const [first, ...rest] = parts.flatMap(({ layers }) => layers);
  const input = { ...first!, config: { ...first!.config, batch_input_shape: [null, spec.inputs], dtype: 'float32' } };
  const weights = parts.flatMap((part) => part.weights);
  const manifest = weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' }));
  return {
    json: {
      format: 'layers-model',
      generatedBy: 'Chorale',
      convertedBy: null,
      modelTopology: { class_name: 'Sequential', config: { name: 'model', layers: [input, ...rest] } },
      weightsManifest: [{ paths: ['weights.bin'], weights: manifest }],
    },
    weights: concat(...weights.map(({ values }) => floatsToBytes(values))),
  };
}

/**
 * Normalised and clipped, but moved up by the clip: Layers have no clip from below other than at 0. The next layer's bias
 * takes the move back.
 */
function standardizing({ mean, std, clip }: Standardization): Part {
  const each = (name: string, values: readonly number[]): Weight => ({
    name: `standardize/${name}`,
    shape: [mean.length],
    values: Float32Array.from(values),
  });
  // A feature without spread becomes 0.
  const scales = std.map((spread) => (spread > 0 ? 1 / spread : 0));
  return {
    layers: [
      {
        class_name: 'BatchNormalization',
        config: { name: 'standardize', axis: -1, epsilon: 0, center: true, scale: true },
      },
      { class_name: 'ReLU', config: { name: 'clip', max_value: 2 * clip } },
    ],
    weights: [
      each('gamma', scales),
      each(
        'beta',
        scales.map(() => clip),
      ),
      each('moving_mean', mean),
      each(
        'moving_variance',
        scales.map(() => 1),
      ),
    ],
  };
}

/** Convolutions pad with zeros, which must mean zero: for them the inputs themselves are moved back. */
function movingBack(inputs: number, clip: number): Part {
  const all = (name: string, value: number): Weight => ({
    name: `centre/${name}`,
    shape: [inputs],
    values: new Float32Array(inputs).fill(value),
  });
  return {
    layers: [
      {
        class_name: 'BatchNormalization',
        config: { name: 'centre', axis: -1, epsilon: 0, center: true, scale: true },
      },
    ],
    weights: [all('gamma', 1), all('beta', -clip), all('moving_mean', 0), all('moving_variance', 1)],
  };
}

function convolutionParts(spec: ConvolutionalSpec, parameters: Float32Array): Part[] {
  const { height, width, channels } = spec.image;
  const image = { class_name: 'Reshape', config: { name: 'image', target_shape: [height, width, channels] } };
  const parts = convolutionLayers(spec).map((layer, i): Part => {
    const { size, filters, kernelAt, biasAt } = layer;
    const name = `convolution${i + 1}`;
    const square = { kernel_size: [size, size], strides: [1, 1], padding: 'same', use_bias: true };
    const halves = { pool_size: [2, 2], strides: [2, 2], padding: 'same' };
    return {
      layers: [
        { class_name: 'Conv2D', config: { name, filters, ...square, activation: spec.activation } },
        { class_name: 'MaxPooling2D', config: { name: `greatest${i + 1}`, ...halves } },
      ],
      weights: [
        {
          name: `${name}/kernel`,
          shape: [size, size, layer.channels, filters],
          values: parameters.slice(kernelAt, biasAt),
        },
        { name: `${name}/bias`, shape: [filters], values: parameters.slice(biasAt, biasAt + filters) },
      ],
    };
  });
  const flatten = { class_name: 'Flatten', config: { name: 'flatten' } };
  return [{ layers: [image], weights: [] }, ...parts, { layers: [flatten], weights: [] }];
}

/** @param moved by how much the first layer's inputs stand above what the model was trained on */
function denseParts(spec: TrainableSpec, parameters: Float32Array, moved: number): Part[] {
  const layers = denseLayers(spec);
  return layers.map(({ inputs, outputs, kernelAt, biasAt }, i) => {
    const isLast = i + 1 === layers.length;
    const name = isLast ? 'output' : `hidden${i + 1}`;
    const activation = isLast ? spec.output : spec.family !== 'linear' ? spec.activation : 'linear';
    const kernel = parameters.slice(kernelAt, biasAt);
    const bias = parameters.slice(biasAt, biasAt + outputs);
    return {
      layers: [{ class_name: 'Dense', config: { name, units: outputs, activation, use_bias: true } }],
      weights: [
        { name: `${name}/kernel`, shape: [inputs, outputs], values: kernel },
        { name: `${name}/bias`, shape: [outputs], values: i === 0 ? movedBack(bias, kernel, moved) : bias },
      ],
    };
  });
}

function movedBack(bias: Float32Array, kernel: Float32Array, moved: number): Float32Array {
  return bias.map((value, output) => {
    let sum = 0;
    for (let at = output; at < kernel.length; at += bias.length) sum += kernel[at]!;
    return value - moved * sum;
  });
}
