/** The device's usual trainer: SGD on linear models and small networks, with no tensor library to load and to set up. */

import { ChoraleError } from '@chorale/shared';
import {
  type Batchable,
  shuffledBatches,
  type TrainableSpec,
  type Trainer,
  type TrainingOptions,
} from '@chorale/shared/models';
import { type DenseKernel, type RowCopy, wasmDenseKernel } from './dense-kernel.ts';
import { type Places, placesFor } from './dense-places.ts';
import { tiledDenseKernel } from './dense-tiles.ts';
import { checkLengths } from './fitting-rows.ts';

export type KernelOptions = {
  /** WebAssembly SIMD where it works and plain JavaScript elsewhere, unless one of them is asked for. */
  readonly kernel?: 'wasm' | 'plain';
};

/**
 * The same random gives the same parameters: to the last bit wherever the same kernel runs, to 1e-5 on the other kernel and
 * on tfjs. Training does not yield to the event loop, so it belongs in a worker; an abort is seen between epochs.
 *
 * @throws ChoraleError `not-found` if the kernel asked for does not work here; `train` and `update` throw `invalid-input` for convolutions
 */
export async function createKernelTrainer({ kernel: wanted }: KernelOptions = {}): Promise<Trainer> {
  const wasm = wanted === 'plain' ? undefined : await wasmDenseKernel();
  if (wanted === 'wasm' && wasm === undefined)
    throw new ChoraleError('not-found', 'WebAssembly SIMD does not work here: ask for the plain kernel');
  const kernel = wasm ?? tiledDenseKernel();
  const roomFor = roomPlans();
  return {
    backend: `kernel, ${kernel.name}`,
    async train(spec, parameters, rows, options) {
      checkLengths(spec, parameters, rows);
      const room = roomFor(spec, Math.min(options.batchSize, rows.rowCount));
      return trainWith(kernel, room, { spec, parameters, rows, options }, ({ flatAt }, numbers) =>
        numbers.slice(flatAt, flatAt + parameters.length),
      );
    },
    async update(spec, parameters, rows, { factorAt, ...options }) {
      checkLengths(spec, parameters, rows);
      const room = roomFor(spec, Math.min(options.batchSize, rows.rowCount));
      return trainWith(kernel, room, { spec, parameters, rows, options, isUpdate: true }, ({ flatAt }, numbers) => {
        const { length } = parameters;
        const squaredLength = kernel.squares(flatAt, length);
        const factor = factorAt(squaredLength);
        if (factor > 0) kernel.scale(flatAt, length, factor);
        else numbers.fill(0, flatAt, flatAt + length);
        return { update: numbers.slice(flatAt, flatAt + length), squaredLength };
      });
    },
  };
}

/** Where numbers stand, and how parameters get there and back: the same for many trainings. */
type Room = { readonly places: Places; readonly incoming: readonly RowCopy[]; readonly outgoing: readonly RowCopy[] };

/** Planning a room costs more than training a small model in it, so each spec keeps its own. */
function roomPlans(): (spec: TrainableSpec, batchRows: number) => Room {
  const plans = new WeakMap<TrainableSpec, Map<number, Room>>();
  return (spec, batchRows) => {
    if (spec.family === 'convolutional')
      throw new ChoraleError('invalid-input', 'the kernel trains dense layers only: let tfjs train convolutions');
    const known = plans.get(spec) ?? new Map<number, Room>();
    const room = known.get(batchRows) ?? planRoom(placesFor(spec, batchRows));
    plans.set(spec, known.set(batchRows, room));
    return room;
  };
}

/** From the flat vector to padded layers, and a copy of those to pull to; and back. */
function planRoom(places: Places): Room {
  const { layers, flatAt, parametersLength: width } = places;
  const incoming = layers.flatMap(
    ({ inputs, outputs, outputStride, kernelAt, biasAt, flatKernelAt, flatBiasAt }): RowCopy[] => {
      const row = { fromStride: outputs, toStride: outputStride, width: outputs };
      return [
        { ...row, from: flatAt + flatKernelAt, to: kernelAt, rows: inputs },
        { ...row, from: flatAt + flatBiasAt, to: biasAt, rows: 1 },
      ];
    },
  );
  const outgoing = incoming.map(({ from, fromStride, to, toStride, ...size }) => ({
    ...{ from: to, fromStride: toStride, to: from, toStride: fromStride },
    ...size,
  }));
  const toPullTo = { from: 0, fromStride: 0, to: width, toStride: 0, rows: 1, width };
  return { places, incoming: [...incoming, toPullTo], outgoing };
}

type Training = {
  readonly spec: TrainableSpec;
  readonly parameters: Float32Array;
  readonly rows: Batchable;
  readonly options: TrainingOptions;
  /** Whether what comes out is how far the parameters have come. */
  readonly isUpdate?: true;
};

/** @param take reads the flat vector before it is cleared away */
function trainWith<Taken>(
  kernel: DenseKernel,
  room: Room,
  training: Training,
  take: (places: Places, numbers: Float32Array<ArrayBuffer>) => Taken,
): Taken {
  const { parameters, rows } = training;
  const { places, incoming, outgoing } = room;
  const length = places.featuresAt + rows.features.length;
  const numbers = kernel.reserve(length);
  try {
    numbers.set(rows.features, places.featuresAt);
    numbers.set(parameters, places.flatAt);
    for (const copy of incoming) kernel.copyRows(copy);
    descend({ kernel, places, numbers, words: new Uint32Array(numbers.buffer) }, training);
    if (training.isUpdate) kernel.subtract(0, places.parametersLength, places.parametersLength);
    for (const copy of outgoing) kernel.copyRows(copy);
    return take(places, numbers);
  } finally {
    // The next training starts from zeros, and nobody's rows lie about.
    numbers.fill(0, 0, length);
  }
}

type Workplace = {
  readonly kernel: DenseKernel;
  readonly places: Places;
  /** The kernel's memory, as float32 numbers and as 32-bit words. */
  readonly numbers: Float32Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;
};

function descend(at: Workplace, { spec, rows, options }: Training): void {
  const { epochs, batchSize, learningRate, proximal = 0, random, signal } = options;
  const isSigmoid = spec.output === 'sigmoid';
  for (let epoch = 0; epoch < epochs; epoch++) {
    signal?.throwIfAborted();
    for (const batch of shuffledBatches(rows.rowCount, batchSize, random)) {
      gather(at, rows, batch);
      step(at, { isSigmoid, rows: batch.length, rate: learningRate / batch.length, pull: learningRate * proximal });
    }
  }
}

function gather({ kernel, places, numbers, words }: Workplace, { labels }: Batchable, batch: Uint32Array): void {
  const { layers, orderAt, labelsAt, featuresAt } = places;
  const [{ inputs, inputStride, inputsAt }] = layers;
  words.set(batch, orderAt);
  for (let i = 0; i < batch.length; i++) numbers[labelsAt + i] = labels[batch[i]!]!;
  kernel.gather({ from: featuresAt, orderAt, to: inputsAt, toStride: inputStride, rows: batch.length, width: inputs });
}

/** Through the layers and back: errors come down through a kernel before it moves. */
function step(
  { kernel, places: { layers, labelsAt } }: Workplace,
  {
    isSigmoid,
    ...by
  }: { readonly isSigmoid: boolean; readonly rows: number; readonly rate: number; readonly pull: number },
): void {
  for (const layer of layers) kernel.forward(layer, by.rows);
  kernel.outputErrors(layers.at(-1)!, { rows: by.rows, labelsAt, isSigmoid });
  for (let i = layers.length - 1; i >= 0; i--) {
    if (i > 0) kernel.backward(layers[i]!, by.rows);
    kernel.descend(layers[i]!, by);
  }
}
