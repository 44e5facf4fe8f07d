/** The reference trainer: SGD on any Layers model that a spec describes, on whatever backend the device has. */

import {
  type Batchable,
  shuffledBatches,
  type TrainableSpec,
  type Trainer,
  type TrainingOptions,
} from '@chorale/shared/models';
import type { LayersModel, Scalar, Tensor, Tensor2D, Variable } from '@tensorflow/tfjs';
import { checkLengths } from './fitting-rows.ts';
import { loadTfjs, type Tfjs, type TfjsOptions } from './tfjs-backend.ts';
import { mendConvolutionGradients } from './tfjs-convolutions.ts';
import { buildLayersModel, getFlatParameters, setFlatParameters } from './tfjs-model.ts';

/**
 * Loads tfjs on the first call. Training itself does not yield to the event loop, so it belongs in a worker; an abort is
 * seen between epochs.
 *
 * @throws ChoraleError `not-found` if the backend asked for does not work here
 */
export async function createTfjsTrainer(options: TfjsOptions = {}): Promise<Trainer> {
  const { tf, backend } = await loadTfjs(options);
  if (backend === 'wasm') mendConvolutionGradients(tf);
  const modelOf = modelCache(tf);
  return {
    backend: `tfjs-${backend}`,
    async train(spec, parameters, rows, trainingOptions) {
      checkLengths(spec, parameters, rows);
      const model = modelOf(spec);
      setFlatParameters(tf, model, parameters);
      descend(tf, spec, model, rows, trainingOptions);
      return getFlatParameters(model);
    },
  };
}

/** Building a Layers model costs more than training a small one, so each spec keeps its own. */
function modelCache(tf: Tfjs): (spec: TrainableSpec) => LayersModel {
  const models = new Map<string, LayersModel>();
  return (spec) => {
    const key = JSON.stringify(spec);
    const known = models.get(key);
    if (known !== undefined) return known;
    const model = buildLayersModel(tf, spec);
    models.set(key, model);
    return model;
  };
}

/** `minimize` in a plain loop: `model.fit` takes the same steps in more than twice the time. */
function descend(tf: Tfjs, spec: TrainableSpec, model: LayersModel, rows: Batchable, options: TrainingOptions): void {
  const variables = model.trainableWeights.map((weight) => weight.read() as Variable);
  const anchors = variables.map((variable) => variable.clone());
  const optimizer = tf.train.sgd(options.learningRate);
  try {
    for (let epoch = 0; epoch < options.epochs; epoch++) {
      options.signal?.throwIfAborted();
      for (const batch of shuffledBatches(rows.rowCount, options.batchSize, options.random))
        tf.tidy(() => {
          const { inputs, targets } = batchTensors(tf, spec, rows, batch);
          const loss = () => {
            const logits = model.apply(inputs, { training: true }) as Tensor2D;
            const pull = proximalTerm(tf, variables, anchors, options.proximal ?? 0);
            return meanLoss(tf, spec, logits, targets).add(pull) as Scalar;
          };
          optimizer.minimize(loss, false, variables);
        });
    }
  } finally {
    tf.dispose(anchors);
    optimizer.dispose();
  }
}

function batchTensors(tf: Tfjs, spec: TrainableSpec, rows: Batchable, batch: Uint32Array) {
  const width = spec.inputs;
  const features = new Float32Array(batch.length * width);
  const labels = new Float32Array(batch.length);
  batch.forEach((row, i) => {
    features.set(rows.features.subarray(row * width, (row + 1) * width), i * width);
    labels[i] = rows.labels[row]!;
  });
  const inputs = tf.tensor2d(features, [batch.length, width]);
  if (spec.output === 'sigmoid') return { inputs, targets: tf.tensor2d(labels, [batch.length, 1]) };
  return { inputs, targets: tf.oneHot(tf.tensor1d(labels, 'int32'), spec.outputs).toFloat() as Tensor2D };
}

function meanLoss(tf: Tfjs, spec: TrainableSpec, logits: Tensor2D, targets: Tensor2D): Tensor {
  if (spec.output === 'softmax') return tf.losses.softmaxCrossEntropy(targets, logits);
  return tf.losses.sigmoidCrossEntropy(targets, logits);
}

/** ½ μ ‖w − w₀‖², which keeps a device near where it started (FedProx: Li et al., MLSys 2020). */
function proximalTerm(tf: Tfjs, variables: readonly Variable[], anchors: readonly Tensor[], strength: number): Scalar {
  const start = tf.scalar(0);
  if (strength === 0) return start;
  const squares = variables.map((variable, i) => variable.sub(anchors[i]!).square().sum());
  return squares.reduce((sum: Tensor, square) => sum.add(square), start).mul(strength / 2) as Scalar;
}
