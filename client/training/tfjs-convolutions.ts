/**
 * Three gradients that the WebAssembly backend of tfjs owes to convolutional models: by a convolution's filter it has none, by its
 * input a slow one, and that of a greatest-of-four adds to whatever its memory held before.
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
  replace(tf, 'Conv2DBackpropInput', ({ inputs, attrs: { strides, pad, inputShape } }) => {
    const { dy, filter } = inputs as Record<'dy' | 'filter', Tensor4D>;
    const [, height, width] = inputShape as number[];
    const isOurs = isPair(strides, 1) && pad === 'same' && dy.shape[1] === height && dy.shape[2] === width;
    return isOurs ? () => inputGradient(tf, dy, filter) : undefined;
  });
  replace(tf, 'MaxPoolGrad', ({ inputs, attrs: { filterSize, strides, pad } }) => {
    const { dy, input, output } = inputs as Record<'dy' | 'input' | 'output', Tensor4D>;
    const isOurs = isPair(filterSize, 2) && isPair(strides, 2) && pad === 'same';
    return isOurs ? () => greatestGradient(tf, { errors: dy, input, output }) : undefined;
  });
}

/** Operations hand tensors to their kernels, whose type speaks of less. */
type Asked = {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly attrs: {
    readonly strides?: unknown;
    readonly pad?: unknown;
    readonly filterSize?: unknown;
    readonly filterShape?: unknown;
    readonly inputShape?: unknown;
  };
};

/** @param better what is done in the kernel's place, where it is about such a layer as a spec describes */
function replace(tf: Tfjs, kernelName: string, better: (asked: Asked) => (() => Tensor) | undefined): void {
  const own = tf.getKernel(kernelName, backendName);
  tf.unregisterKernel(kernelName, backendName);
  tf.registerKernel({
    ...own,
    kernelFunc(asked) {
      const ours = better(asked as unknown as Asked);
      return ours === undefined ? own.kernelFunc(asked) : tf.tidy(ours);
    },
  });
}

function addFilterGradient(tf: Tfjs): void {
  tf.registerKernel({
    ...{ kernelName: 'Conv2DBackpropFilter', backendName },
    kernelFunc(asked) {
      const { inputs, attrs } = asked as unknown as Asked;
      const { x, dy } = inputs as Record<'x' | 'dy', Tensor4D>;
      if (!isPair(attrs.strides, 1) || attrs.pad !== 'same')
        throw new Error('convolutions are trained with a step of 1 and zeros around');
      return tf.tidy(() => filterGradient(tf, x, dy, attrs.filterShape as Tensor4D['shape']));
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

/** A convolution of the errors by the filters turned half round. */
function inputGradient(tf: Tfjs, errors: Tensor4D, filter: Tensor4D): Tensor {
  const [size] = filter.shape;
  const after = Math.ceil((size - 1) / 2);
  const around: [number, number] = [after, size - 1 - after];
  const turned = tf.reverse(filter, [0, 1]).transpose<Tensor4D>([0, 1, 3, 2]);
  return tf.conv2d(tf.pad(errors, [[0, 0], around, around, [0, 0]]), turned, 1, 'valid');
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
