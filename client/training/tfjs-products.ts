/**
 * Matrix products of tfjs's wasm backend. It multiplies plain matrices ten times faster than transposed ones, and every
 * backward pass of a dense layer multiplies transposed ones: so those are transposed first. As a kernel, and not as a gradient,
 * because layers with fused activations have a gradient of their own that calls the same kernel.
 */

import type { BatchMatMulAttrs, KernelConfig, KernelFunc, TensorInfo } from '@tensorflow/tfjs';

type Tfjs = typeof import('@tensorflow/tfjs');

const product = { name: 'BatchMatMul', backend: 'wasm' } as const;
const own = new WeakMap<Tfjs, KernelConfig>();

/** Makes the wasm backend transpose first, or multiply as it came; for all that run on this engine. */
export function transposeFirst(tf: Tfjs, isWanted: boolean): void {
  const config = own.get(tf) ?? tf.getKernel(product.name, product.backend);
  own.set(tf, config);
  const kernelFunc = isWanted ? transposingFirst(tf, config.kernelFunc) : config.kernelFunc;
  tf.unregisterKernel(product.name, product.backend);
  tf.registerKernel({ ...config, kernelFunc });
}

function transposingFirst(tf: Tfjs, multiply: KernelFunc): KernelFunc {
  const { kernelFunc: transpose } = tf.getKernel('Transpose', product.backend);
  return ({ inputs, backend, attrs }) => {
    const { a, b } = inputs as { readonly a: TensorInfo; readonly b: TensorInfo };
    const { transposeA, transposeB } = attrs as unknown as BatchMatMulAttrs;
    const made: TensorInfo[] = [];
    const transposed = (x: TensorInfo) => {
      const turned = transpose({
        inputs: { x },
        backend,
        attrs: { perm: lastTwoSwapped(x.shape.length) },
      }) as TensorInfo;
      made.push(turned);
      return turned;
    };
    const factors = { a: transposeA ? transposed(a) : a, b: transposeB ? transposed(b) : b };
    const result = multiply({ inputs: factors, backend, attrs: { transposeA: false, transposeB: false } });
    for (const { dataId } of made) (backend as Disposing).disposeData(dataId);
    return result;
  };
}

/** What kernels need of a backend, whose type tfjs leaves open. */
type Disposing = { disposeData(dataId: object): unknown };

function lastTwoSwapped(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
}
