/**
 * The arithmetic of SGD on dense layers in plain JavaScript, for where WebAssembly is forbidden. Sixteen sums at a time stay
 * in registers, which is several times faster than one after the other. Sums are float64; what is kept is float32.
 */

import { squaredLength } from '@chorale/shared';
import { sigmoid } from '@chorale/shared/models';
import type { DenseKernel, LabelledBatch, RowCopy, Step } from './dense-kernel.ts';
import type { Activation, LayerPlace } from './dense-places.ts';

export function tiledDenseKernel(): DenseKernel {
  let numbers = new Float32Array(0);
  let words = new Uint32Array(0);
  return {
    name: 'plain JavaScript',
    reserve(length) {
      if (length > numbers.length) {
        numbers = new Float32Array(length);
        words = new Uint32Array(numbers.buffer);
      }
      return numbers;
    },
    copyRows(copied) {
      for (let row = 0; row < copied.rows; row++) copyRow(numbers, copied, copied.from + row * copied.fromStride, row);
    },
    gather({ orderAt, ...copied }) {
      for (let row = 0; row < copied.rows; row++)
        copyRow(numbers, copied, copied.from + words[orderAt + row]! * copied.width, row);
    },
    forward: (layer, rows) => forward(numbers, layer, rows),
    outputErrors: (layer, batch) => outputErrors(numbers, layer, batch),
    backward: (layer, rows) => backward(numbers, layer, rows),
    descend: (layer, step) => descend(numbers, layer, step),
    subtract(at, others, length) {
      for (let i = 0; i < length; i++) numbers[at + i] = numbers[at + i]! - numbers[others + i]!;
    },
    squares: (at, length) => squaredLength(numbers.subarray(at, at + length)),
    scale(at, length, factor) {
      for (let i = at; i < at + length; i++) numbers[i] = numbers[i]! * factor;
    },
  };
}

function copyRow(
  numbers: Float32Array,
  { to, toStride, width }: Omit<RowCopy, 'fromStride'>,
  from: number,
  row: number,
) {
  for (let i = 0; i < width; i++) numbers[to + row * toStride + i] = numbers[from + i]!;
}

function forward(numbers: Float32Array, layer: LayerPlace, rows: number): void {
  const { inputsAt, inputStride, inputs, kernelAt, biasAt, outputsAt, outputStride } = layer;
  const shape = { rows, columns: outputStride, terms: inputs };
  const [x, kernel] = [
    { at: inputsAt, term: 1, line: inputStride },
    { at: kernelAt, term: outputStride, line: 1 },
  ];
  multiply(numbers, shape, x, kernel, (sum, row, column) => {
    numbers[outputsAt + row * outputStride + column] = activated(sum + numbers[biasAt + column]!, layer.activation);
  });
}

function activated(value: number, activation: Activation): number {
  if (activation === 'tanh') return Math.tanh(value);
  return activation === 'relu' ? Math.max(0, value) : value;
}

function outputErrors(numbers: Float32Array, layer: LayerPlace, { rows, labelsAt, isSigmoid }: LabelledBatch): void {
  const { outputsAt, outputStride, outputs } = layer;
  for (let row = 0; row < rows; row++) {
    const label = numbers[labelsAt + row]!;
    const logits = numbers.subarray(outputsAt + row * outputStride, outputsAt + row * outputStride + outputs);
    if (isSigmoid) logits[0] = sigmoid(logits[0]!) - label;
    else softmaxErrors(logits, Math.trunc(label));
  }
}

function softmaxErrors(logits: Float32Array, target: number): void {
  const most = logits.reduce((most, logit) => Math.max(most, logit), Number.NEGATIVE_INFINITY);
  let total = 0;
  for (let i = 0; i < logits.length; i++) {
    logits[i] = Math.exp(logits[i]! - most);
    total += logits[i]!;
  }
  for (let i = 0; i < logits.length; i++) logits[i] = logits[i]! / total - Number(i === target);
}

function backward(numbers: Float32Array, layer: LayerPlace, rows: number): void {
  const { errorsAt, outputStride, outputs, kernelAt, inputsAt, inputErrorsAt, inputStride, inputActivation } = layer;
  const shape = { rows, columns: inputStride, terms: outputs };
  const [errors, kernel] = [
    { at: errorsAt, term: 1, line: outputStride },
    { at: kernelAt, term: 1, line: outputStride },
  ];
  multiply(numbers, shape, errors, kernel, (sum, row, column) => {
    const at = row * inputStride + column;
    numbers[inputErrorsAt + at] = sum * derivative(numbers[inputsAt + at]!, inputActivation);
  });
}

/** By what the activation gave. */
function derivative(value: number, activation: Activation): number {
  if (activation === 'tanh') return 1 - value * value;
  return value > 0 ? 1 : 0;
}

function descend(numbers: Float32Array, layer: LayerPlace, { rows, rate, pull }: Step): void {
  const { inputsAt, inputStride, errorsAt, outputStride, kernelAt, biasAt, startOffset } = layer;
  const move = (at: number, slope: number) => {
    const value = numbers[at]!;
    numbers[at] = value - rate * slope - (pull === 0 ? 0 : pull * (value - numbers[at + startOffset]!));
  };
  const shape = { rows: inputStride, columns: outputStride, terms: rows };
  const [x, errors] = [
    { at: inputsAt, term: inputStride, line: 1 },
    { at: errorsAt, term: outputStride, line: 1 },
  ];
  multiply(numbers, shape, x, errors, (sum, row, column) => move(kernelAt + row * outputStride + column, sum));
  for (let column = 0; column < outputStride; column++) {
    let sum = 0;
    for (let row = 0; row < rows; row++) sum += numbers[errorsAt + row * outputStride + column]!;
    move(biasAt + column, sum);
  }
}

/** Where the factors of a product stand: how far it is from one term of a sum to the next, and from one sum to the next. */
type Factor = { readonly at: number; readonly term: number; readonly line: number };
type Shape = { readonly rows: number; readonly columns: number; readonly terms: number };

/** Σ over terms of left × right, for every row and column of a product, given away one by one. Both are made multiples of 4. */
function multiply(
  numbers: Float32Array,
  { rows, columns, terms }: Shape,
  left: Factor,
  right: Factor,
  give: (sum: number, row: number, column: number) => void,
): void {
  for (let row = 0; row < rows; row += 4) {
    for (let column = 0; column < columns; column += 4) {
      const [from, other] = [left.at + row * left.line, right.at + column * right.line];
      sumTile(numbers, terms, { ...left, at: from }, { ...right, at: other });
      for (let i = 0; i < 16; i++) give(tile[i]!, row + (i >> 2), column + (i & 3));
    }
  }
}

const tile = new Float64Array(16);

/** Four rows by four columns. */
function sumTile(numbers: Float32Array, terms: number, left: Factor, right: Factor): void {
  let [s00, s01, s02, s03, s10, s11, s12, s13] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [s20, s21, s22, s23, s30, s31, s32, s33] = [0, 0, 0, 0, 0, 0, 0, 0];
  let [a, b] = [left.at, right.at];
  for (let i = 0; i < terms; i++, a += left.term, b += right.term) {
    const b0 = numbers[b]!;
    const b1 = numbers[b + right.line]!;
    const b2 = numbers[b + 2 * right.line]!;
    const b3 = numbers[b + 3 * right.line]!;
    let value = numbers[a]!;
    s00 += value * b0;
    s01 += value * b1;
    s02 += value * b2;
    s03 += value * b3;
    value = numbers[a + left.line]!;
    s10 += value * b0;
    s11 += value * b1;
    s12 += value * b2;
    s13 += value * b3;
    value = numbers[a + 2 * left.line]!;
    s20 += value * b0;
    s21 += value * b1;
    s22 += value * b2;
    s23 += value * b3;
    value = numbers[a + 3 * left.line]!;
    s30 += value * b0;
    s31 += value * b1;
    s32 += value * b2;
    s33 += value * b3;
  }
  tile.set([s00, s01, s02, s03, s10, s11, s12, s13, s20, s21, s22, s23, s30, s31, s32, s33]);
}
