/**
 * Two gradients that the WebAssembly backend of tfjs owes to convolutional models: by a convolution's filter it has none, and that of a
 * greatest-of-four adds to whatever its memory held before.
 */

import type { Tensor, Tensor4D } from '@tensorflow/tfjs';
import type { Tfjs } from './tfjs-backend.ts';

const backendName = 'wasm';
const mended = new WeakSet<object>();

/** For the layers that a spec describes; an app that has others of its own keeps what the backend does with them. Once per engine. */
export function mendConvolutionGradients(tf: Tfjs): void {
  const engine = tf.engine();
  if (mended.has(engine)) return;
  mended.add(engine);
  if (tf.getKernel('Conv2DBackpropFilter', backendName) === undefined) addFilterGradient(tf);
  replaceGreatestGradient(tf);
}

function addFilterGradient(tf: Tfjs): void {
  tf.registerKernel({
    ...{ kernelName: 'Conv2DBackpropFilter', backendName },
    kernelFunc({ inputs, attrs }) {
      // Operations hand tensors to their kernels, whose type speaks of less.
      const { x, dy } = inputs as unknown as { x: Tensor4D; dy: Tensor4D };
      const { filterShape, strides, pad } = attrs as unknown as {
        filterShape: Tensor4D['shape'];
        strides: unknown;
        pad: unknown;
      };
      if (!isPair(strides, 1) || pad !== 'same')
        throw new Error('convolutions are trained with a step of 1 and zeros around');
      return tf.tidy(() => filterGradient(tf, x, dy, filterShape));
    },
  });
}

/** As one plain matrix product. What surrounds a place is a column: times the errors, columns sum over all places of all images. */
function filterGradient(tf: Tfjs, images: Tensor4D, errors: Tensor4D, shape: Tensor4D['shape']): Tensor {
  const [size, , channels, filters] = shape;
  const [count, height, width] = images.shape;
  const places = count * height * width;
  const before = Math.floor((size - 1) / 2);
  const around: [number, number] = [before, size - 1 - before];
  const padded = tf.pad(images, [[0, 0], around, around, [0, 0]]);
  const shifted = Array.from({ length: size * size }, (_, i) => {
    const moved = tf.slice(padded, [0, Math.floor(i / size), i % size, 0], [count, height, width, channels]);
    return moved.reshape([places, channels]).transpose();
  });
  return tf.matMul(tf.concat(shifted, 0), errors.reshape([places, filters])).reshape(shape);
}

function replaceGreatestGradient(tf: Tfjs): void {
  const name = { kernelName: 'MaxPoolGrad', backendName };
  const own = tf.getKernel(name.kernelName, backendName);
  tf.unregisterKernel(name.kernelName, backendName);
  tf.registerKernel({
    ...own,
    ...name,
    kernelFunc(asked) {
      const { dy, input, output } = asked.inputs as unknown as Record<'dy' | 'input' | 'output', Tensor4D>;
      const { filterSize, strides, pad } = asked.attrs as unknown as Record<'filterSize' | 'strides' | 'pad', unknown>;
      if (!isPair(filterSize, 2) || !isPair(strides, 2) || pad !== 'same') return own.kernelFunc(asked);
      return tf.tidy(() => greatestGradient(tf, { errors: dy, input, output }));
    },
  });
}

type Greatest = { readonly errors: Tensor4D; readonly input: Tensor4D; readonly output: Tensor4D };

/**
 * The error goes to the place that was the greatest. Of equals each gets it whole: they are equal where an activation has no slope,
 * and there the error ends.
 */
function greatestGradient(tf: Tfjs, { errors, input, output }: Greatest): Tensor {
  const [, height, width] = output.shape;
  const spread = (values: Tensor4D) =>
    tf.slice(tf.image.resizeNearestNeighbor(values, [2 * height, 2 * width]), [0, 0, 0, 0], input.shape);
  return spread(errors).mul(input.equal(spread(output)));
}

function isPair(value: unknown, side: number): boolean {
  return Array.isArray(value) ? value.every((one) => one === side) : value === side;
}
