/**
 * Where the numbers of one training stand in a kernel's memory. Rows are padded with zeros to whole SIMD lanes, and places
 * for the rows of a batch hold a whole number of tiles, so that loops over them have no tails.
 */

import { denseLayers, parameterCount, type TrainableSpec } from '@chorale/shared/models';

export type Activation = 'none' | 'relu' | 'tanh';

/** Positions and strides count numbers, and all of them are multiples of four. */
export type LayerPlace = {
  readonly inputs: number;
  readonly outputs: number;
  readonly inputStride: number;
  readonly outputStride: number;
  /** inputStride × outputStride; what lies beyond the layer's own inputs × outputs stays zero. */
  readonly kernelAt: number;
  readonly biasAt: number;
  /** From a parameter to the number that it started from. */
  readonly startOffset: number;
  /** Where the layer's own kernel and bias stand in the flat vector. */
  readonly flatKernelAt: number;
  readonly flatBiasAt: number;
  /** A batch of inputs, and the errors of those: rows × inputStride each. */
  readonly inputsAt: number;
  readonly inputErrorsAt: number;
  /** A batch of outputs, and their errors: rows × outputStride each. The last layer's logits become its errors. */
  readonly outputsAt: number;
  readonly errorsAt: number;
  readonly activation: Activation;
  /** The activation of the layer below, which gave the inputs. */
  readonly inputActivation: Activation;
};

export type Places = {
  readonly layers: readonly [LayerPlace, ...LayerPlace[]];
  /** All padded parameters come first. */
  readonly parametersLength: number;
  /** Parameters as the flat vector that comes in and goes out. */
  readonly flatAt: number;
  /** Labels of a batch, and its row indices as 32-bit words. */
  readonly labelsAt: number;
  readonly orderAt: number;
  /** All rows of the device, packed, stand behind everything else. */
  readonly featuresAt: number;
};

const lanes = 4;

/** @param batchRows most rows in a batch */
export function placesFor(spec: TrainableSpec, batchRows: number): Places {
  const dense = denseLayers(spec);
  const widths = [spec.inputs, ...dense.map(({ outputs }) => outputs)].map(padded);
  const rows = padded(batchRows);
  let length = 0;
  const take = (count: number) => {
    length += padded(count);
    return length - padded(count);
  };
  const parameters = dense.map((_, i) => ({
    kernelAt: take(widths[i]! * widths[i + 1]!),
    biasAt: take(widths[i + 1]!),
  }));
  const parametersLength = take(length);
  const valuesAt = widths.map((width) => take(rows * width));
  const errorsAt = widths.map((width, i) => (i < dense.length ? take(rows * width) : valuesAt[i]!));
  const hidden = spec.family === 'mlp' ? spec.activation : 'none';
  const layers = dense.map(({ inputs, outputs, kernelAt, biasAt }, i) => ({
    ...{ inputs, outputs, inputStride: widths[i]!, outputStride: widths[i + 1]! },
    ...parameters[i]!,
    ...{ flatKernelAt: kernelAt, flatBiasAt: biasAt, startOffset: parametersLength },
    ...{ inputsAt: valuesAt[i]!, inputErrorsAt: errorsAt[i]!, outputsAt: valuesAt[i + 1]!, errorsAt: errorsAt[i + 1]! },
    activation: i + 1 < dense.length ? hidden : 'none',
    inputActivation: i > 0 ? hidden : 'none',
  })) as readonly LayerPlace[] as Places['layers'];
  return {
    ...{ layers, parametersLength },
    flatAt: take(parameterCount(spec)),
    labelsAt: take(rows),
    orderAt: take(rows),
    featuresAt: length,
  };
}

function padded(count: number): number {
  return Math.ceil(count / lanes) * lanes;
}
