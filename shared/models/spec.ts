/** What a model is, as data: enough to count and evaluate its parameters on any device, and to train some of them. */

import * as z from 'zod/mini';

const width = z.int().check(z.positive(), z.maximum(65_536));
const outputs = z._default(z.int().check(z.minimum(1), z.maximum(4096)), 1);

const outputsFit = z.refine<{ output: 'sigmoid' | 'softmax'; outputs: number }>(
  ({ output, outputs }) => (output === 'sigmoid') === (outputs === 1),
  'a sigmoid has one output, a softmax at least two',
);

export const linearSpec = z
  .strictObject({
    family: z.literal('linear'),
    inputs: width,
    /** One sigmoid unit, or a softmax over this many classes. */
    outputs,
    output: z.enum(['sigmoid', 'softmax']),
  })
  .check(outputsFit);

export const mlpSpec = z
  .strictObject({
    family: z.literal('mlp'),
    inputs: width,
    hidden: z.array(width).check(z.minLength(1), z.maxLength(8)),
    activation: z.enum(['relu', 'tanh']),
    outputs,
    output: z.enum(['sigmoid', 'softmax']),
  })
  .check(outputsFit);

const imageFits = z.refine<{ inputs: number; image: { height: number; width: number; channels: number } }>(
  ({ inputs, image: { height, width, channels } }) => inputs === height * width * channels,
  'there is one input per place and channel of the image',
);

/**
 * Convolutions over a small image, each behind its activation halved by the greatest of four neighbours, and dense layers on what is
 * left of it.
 */
export const convolutionalSpec = z
  .strictObject({
    family: z.literal('convolutional'),
    /** height × width × channels, row by row, the channels of one place side by side. */
    inputs: width,
    image: z.strictObject({ height: width, width, channels: width }),
    /** Each steps by 1 over an image that is padded with zeros. */
    convolutions: z
      .array(
        z.strictObject({
          filters: z.int().check(z.positive(), z.maximum(1024)),
          /** Side of the square that a filter sees. */
          size: z.int().check(z.positive(), z.maximum(15)),
        }),
      )
      .check(z.minLength(1), z.maxLength(8)),
    hidden: z.array(width).check(z.maxLength(8)),
    activation: z.enum(['relu', 'tanh']),
    outputs,
    output: z.enum(['sigmoid', 'softmax']),
  })
  .check(outputsFit, imageFits);

const isAscending = z.refine<number[]>(
  (edges) => edges.every((edge, i) => i === 0 || edges[i - 1]! < edge),
  'edges ascend',
);

/** Where each feature's bins meet, ascending, in encoded units; none at all makes one bin of everything. */
export const binEdges = z
  .array(z.array(z.number()).check(z.maxLength(255), isAscending))
  .check(z.minLength(1), z.maxLength(65_536));

const edgesFit = z.refine<{ inputs: number; edges: number[][] }>(
  ({ inputs, edges }) => edges.length === inputs,
  'there is one list of edges per input',
);

/** The log-odds are a bias and, for each feature, the number that its bin has: one shape function per feature. */
export const additiveSpec = z
  .strictObject({ family: z.literal('additive'), inputs: width, edges: binEdges })
  .check(edgesFit);

/** The log-odds are a bias and, for each tree, the number of the leaf that a row comes to. */
export const treesSpec = z
  .strictObject({
    family: z.literal('trees'),
    inputs: width,
    edges: binEdges,
    /** Questions between a root and each leaf: trees are complete. */
    depth: z.int().check(z.positive(), z.maximum(8)),
    trees: z.int().check(z.positive(), z.maximum(4096)),
  })
  .check(edgesFit);

/** Points that stand for segments. */
export const centroidsSpec = z.strictObject({
  family: z.literal('centroids'),
  inputs: width,
  count: z.int().check(z.positive(), z.maximum(4096)),
});

/** Layers: what a `Trainer` takes gradient steps on. */
export const trainableSpec = z.discriminatedUnion('family', [linearSpec, mlpSpec, convolutionalSpec]);
export type TrainableSpec = z.infer<typeof trainableSpec>;
export type ConvolutionalSpec = z.infer<typeof convolutionalSpec>;

export type AdditiveSpec = z.infer<typeof additiveSpec>;
export type TreesSpec = z.infer<typeof treesSpec>;
export type CentroidsSpec = z.infer<typeof centroidsSpec>;

export const modelSpec = z.discriminatedUnion('family', [
  linearSpec,
  mlpSpec,
  convolutionalSpec,
  additiveSpec,
  treesSpec,
  centroidsSpec,
]);
export type ModelSpec = z.infer<typeof modelSpec>;

/** Numbers that `predict` gives for one row. */
export function outputCount(spec: ModelSpec): number {
  if (spec.family === 'centroids') return spec.count;
  return isTrainable(spec) ? spec.outputs : 1;
}

/** Whether a row's score is one probability, that the person acts. */
export function isPropensity(spec: ModelSpec): boolean {
  if (spec.family === 'centroids') return false;
  return !isTrainable(spec) || spec.output === 'sigmoid';
}

export function isTrainable(spec: ModelSpec): spec is TrainableSpec {
  return spec.family === 'linear' || spec.family === 'mlp' || spec.family === 'convolutional';
}
