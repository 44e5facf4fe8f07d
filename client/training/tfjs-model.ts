/** A model spec as a tfjs Layers model, and its parameters in and out as one flat vector. */

import { type ConvolutionalSpec, convolutionLayers, denseLayers, type TrainableSpec } from '@chorale/shared/models';
import type { LayersModel, Sequential, Tensor2D } from '@tensorflow/tfjs';
import type { Tfjs } from './tfjs-backend.ts';

/** Layers that end in logits: losses and probabilities from logits stay finite where rounded probabilities do not. */
export function buildLayersModel(tf: Tfjs, spec: TrainableSpec): LayersModel {
  const model = tf.sequential();
  if (spec.family === 'convolutional') addConvolutions(tf, model, spec);
  const layers = denseLayers(spec);
  layers.forEach(({ inputs, outputs }, i) => {
    const isHidden = i + 1 < layers.length;
    const activation = isHidden && spec.family !== 'linear' ? spec.activation : 'linear';
    model.add(tf.layers.dense({ inputShape: [inputs], units: outputs, activation, kernelInitializer: 'zeros' }));
  });
  return model;
}

function addConvolutions(tf: Tfjs, model: Sequential, spec: ConvolutionalSpec): void {
  const { height, width, channels } = spec.image;
  model.add(tf.layers.reshape({ inputShape: [spec.inputs], targetShape: [height, width, channels] }));
  for (const { filters, size } of convolutionLayers(spec)) {
    const by = { filters, kernelSize: size, padding: 'same', activation: spec.activation } as const;
    model.add(tf.layers.conv2d({ ...by, kernelInitializer: 'zeros' }));
    model.add(tf.layers.maxPooling2d({ poolSize: 2, strides: 2, padding: 'same' }));
  }
  model.add(tf.layers.flatten());
}

/** Layers lists its weights as kernel, bias, kernel, bias …: the order of the flat vector. */
export function setFlatParameters(tf: Tfjs, model: LayersModel, parameters: Float32Array): void {
  let offset = 0;
  const tensors = model.getWeights().map(({ shape, size }) => {
    offset += size;
    return tf.tensor(parameters.slice(offset - size, offset), shape);
  });
  model.setWeights(tensors);
  tf.dispose(tensors);
}

export function getFlatParameters(model: LayersModel): Float32Array<ArrayBuffer> {
  const pieces = model.getWeights().map((weight) => weight.dataSync());
  const parameters = new Float32Array(pieces.reduce((count, piece) => count + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    parameters.set(piece, offset);
    offset += piece.length;
  }
  return parameters;
}

/** rowCount × outputs probabilities, as `predict` of the shared models computes them without tfjs. */
export function layersProbabilities(
  tf: Tfjs,
  spec: TrainableSpec,
  model: LayersModel,
  features: Float32Array,
): Float32Array {
  return tf.tidy(() => {
    const logits = model.apply(tf.tensor2d(features, [features.length / spec.inputs, spec.inputs])) as Tensor2D;
    const probabilities = spec.output === 'sigmoid' ? tf.sigmoid(logits) : tf.softmax(logits);
    return probabilities.dataSync() as Float32Array;
  });
}
