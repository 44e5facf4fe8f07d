/**
 * Convolutions in front of dense layers (LeCun et al., Proceedings of the IEEE 86(11), 1998). Images are [height][width][channels],
 * kernels [size][size][channels][filters], each followed by its bias; a step of 1 over zeros at the border keeps an image's size,
 * and the greatest of every 2 × 2 places, fewer at an odd edge, halves it.
 */

import { activate } from './activation.ts';
import type { ConvolutionalSpec } from './spec.ts';

/** One convolution, the image that it sees, and where its numbers stand in the flat vector. */
export type ConvolutionLayer = {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  readonly filters: number;
  readonly size: number;
  readonly kernelAt: number;
  readonly biasAt: number;
};

export function convolutionLayers({ image, convolutions }: ConvolutionalSpec): readonly ConvolutionLayer[] {
  let [{ height, width, channels }, offset] = [image, 0];
  return convolutions.map(({ filters, size }) => {
    const biasAt = offset + size * size * channels * filters;
    const layer = { height, width, channels, filters, size, kernelAt: offset, biasAt };
    offset = biasAt + filters;
    [height, width, channels] = [half(height), half(width), filters];
    return layer;
  });
}

/** What the dense layers see, and where their numbers begin. */
export function flattened(spec: ConvolutionalSpec): { readonly width: number; readonly offset: number } {
  const { height, width, filters, biasAt } = convolutionLayers(spec).at(-1)!;
  return { width: half(height) * half(width) * filters, offset: biasAt + filters };
}

/** One image through all convolutions. @returns [height][width][filters] of the last one */
export function convolve(
  { activation }: ConvolutionalSpec,
  layers: readonly ConvolutionLayer[],
  parameters: Float32Array,
  image: Float32Array,
): Float64Array {
  let values = Float64Array.from(image);
  for (const layer of layers) {
    const sums = applyConvolution(layer, parameters, values);
    activate(activation, sums);
    values = greatestOfFour(layer, sums);
  }
  return values;
}

/** Place by place: every filter's sum over the places around it that lie within the image. */
function applyConvolution(layer: ConvolutionLayer, parameters: Float32Array, image: Float64Array) {
  const { height, width, channels, filters, size, kernelAt, biasAt } = layer;
  const before = Math.floor((size - 1) / 2);
  const sums = new Float64Array(height * width * filters);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const at = (y * width + x) * filters;
      for (let f = 0; f < filters; f++) sums[at + f] = parameters[biasAt + f]!;
      for (let dy = Math.max(0, before - y); dy < size && y + dy - before < height; dy++)
        for (let dx = Math.max(0, before - x); dx < size && x + dx - before < width; dx++) {
          const from = ((y + dy - before) * width + x + dx - before) * channels;
          const kernel = kernelAt + (dy * size + dx) * channels * filters;
          for (let c = 0; c < channels; c++) {
            const value = image[from + c]!;
            for (let f = 0; f < filters; f++) sums[at + f]! += value * parameters[kernel + c * filters + f]!;
          }
        }
    }
  return sums;
}

function greatestOfFour({ height, width, filters }: ConvolutionLayer, values: Float64Array) {
  const pooled = new Float64Array(half(height) * half(width) * filters).fill(Number.NEGATIVE_INFINITY);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) {
      const to = ((y >> 1) * half(width) + (x >> 1)) * filters;
      const from = (y * width + x) * filters;
      for (let f = 0; f < filters; f++) pooled[to + f] = Math.max(pooled[to + f]!, values[from + f]!);
    }
  return pooled;
}

function half(length: number): number {
  return Math.ceil(length / 2);
}
