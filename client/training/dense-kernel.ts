/** The arithmetic of SGD on dense layers: what a trainer asks of it, and WebAssembly SIMD as the first to answer. */

import { denseWasm } from './dense.wasm.ts';
import type { Activation, LayerPlace } from './dense-places.ts';

/** Works on one memory of float32 numbers, at the places that `dense-places.ts` gives them. */
export interface DenseKernel {
  readonly name: string;
  /** The memory, with room for so many numbers; zero where nothing was written. */
  reserve(length: number): Float32Array<ArrayBuffer>;
  copyRows(copy: RowCopy): void;
  /** Copies the rows of one packed matrix whose indices stand at `orderAt`, as 32-bit words. */
  gather(copy: Omit<RowCopy, 'fromStride'> & { readonly orderAt: number }): void;
  /** outputs = activation(inputs · kernel + bias). */
  forward(layer: LayerPlace, rows: number): void;
  /** Logits to errors, in place: probability − target. A label that names no class leaves all targets at zero. */
  outputErrors(layer: LayerPlace, batch: LabelledBatch): void;
  /** inputErrors = (errors · kernelᵀ) ∘ the derivative of the activation that gave the inputs. */
  backward(layer: LayerPlace, rows: number): void;
  /** parameter −= rate · Σ over rows of inputs ⊗ errors + pull · (parameter − start), for kernel and bias. */
  descend(layer: LayerPlace, step: Step): void;
  /** numbers −= others, for as many of both; a multiple of four. */
  subtract(at: number, others: number, length: number): void;
  /** The sum of squares in float64: of every fourth number from the first, the second, the third and the fourth, in this order. */
  squares(at: number, length: number): number;
  /** numbers *= factor, each product in float64 before it is rounded. */
  scale(at: number, length: number, factor: number): void;
}

export type RowCopy = {
  readonly from: number;
  readonly fromStride: number;
  readonly to: number;
  readonly toStride: number;
  readonly rows: number;
  readonly width: number;
};

export type LabelledBatch = { readonly rows: number; readonly labelsAt: number; readonly isSigmoid: boolean };

export type Step = { readonly rows: number; readonly rate: number; readonly pull: number };

const operations = [
  'copyRows',
  'gather',
  'forward',
  'outputErrors',
  'backward',
  'descend',
  'subtractFrom',
  'scale',
] as const;
type Exports = { readonly memory: WebAssembly.Memory; readonly squares: (...numbers: number[]) => number } & Readonly<
  Record<(typeof operations)[number], (...numbers: number[]) => void>
>;

const pageBytes = 65_536;
const codes: Readonly<Record<Activation, number>> = { none: 0, relu: 1, tanh: 2 };

/** @returns undefined where WebAssembly, its SIMD or compilation is not to be had */
export async function wasmDenseKernel(): Promise<DenseKernel | undefined> {
  const wasm = await instantiate();
  return wasm && kernelOf(wasm);
}

async function instantiate(): Promise<Exports | undefined> {
  try {
    const binary = Uint8Array.from(atob(denseWasm), (character) => character.charCodeAt(0));
    // Not at once: some browsers compile no more than 4 kB on the thread that draws the page.
    const { instance } = await WebAssembly.instantiate(binary);
    return instance.exports as Exports;
  } catch {
    return undefined;
  }
}

/** Positions become addresses in bytes. */
function kernelOf({ memory, ...wasm }: Exports): DenseKernel {
  let numbers = new Float32Array(memory.buffer as ArrayBuffer);
  return {
    name: 'wasm-simd',
    reserve(length) {
      const missing = Math.ceil((4 * length - memory.buffer.byteLength) / pageBytes);
      if (missing > 0) {
        memory.grow(missing);
        numbers = new Float32Array(memory.buffer as ArrayBuffer);
      }
      return numbers;
    },
    copyRows({ from, fromStride, to, toStride, rows, width }) {
      wasm.copyRows(4 * from, fromStride, 4 * to, toStride, rows, width);
    },
    gather({ from, orderAt, to, toStride, rows, width }) {
      wasm.gather(4 * from, 4 * orderAt, 4 * to, toStride, rows, width);
    },
    forward({ inputsAt, inputStride, kernelAt, biasAt, outputsAt, outputStride, inputs, activation }, rows) {
      const [x, kernel, bias, out] = [4 * inputsAt, 4 * kernelAt, 4 * biasAt, 4 * outputsAt];
      wasm.forward(x, inputStride, kernel, bias, out, outputStride, rows, inputs, codes[activation]);
    },
    outputErrors({ outputsAt, outputStride, outputs }, { rows, labelsAt, isSigmoid }) {
      wasm.outputErrors(4 * outputsAt, outputStride, 4 * labelsAt, rows, outputs, Number(isSigmoid));
    },
    backward(layer, rows) {
      const [errors, kernel, inputs] = [4 * layer.errorsAt, 4 * layer.kernelAt, 4 * layer.inputsAt];
      const [below, activation] = [4 * layer.inputErrorsAt, codes[layer.inputActivation]];
      wasm.backward(errors, layer.outputStride, kernel, inputs, below, layer.inputStride, rows, activation);
    },
    descend({ inputsAt, inputStride, errorsAt, outputStride, kernelAt, biasAt, startOffset }, { rows, rate, pull }) {
      const [x, errors, kernel, bias] = [4 * inputsAt, 4 * errorsAt, 4 * kernelAt, 4 * biasAt];
      const start = 4 * startOffset;
      wasm.descend(x, inputStride, errors, outputStride, kernel, bias, kernel + start, bias + start, rows, rate, pull);
    },
    subtract: (at, others, length) => wasm.subtractFrom(4 * at, 4 * others, length),
    squares: (at, length) => wasm.squares(4 * at, length),
    scale: (at, length, factor) => wasm.scale(4 * at, length, factor),
  };
}
