/**
 * How the coordinator steps along the mean update, as if it were a negative gradient (Reddi et al., Adaptive Federated
 * Optimization, ICLR 2021, Algorithms 1 and 2).
 */

import * as z from 'zod/mini';
import { floatVector } from './float-vector.ts';

const rate = z.number().check(z.positive());
const decay = z.number().check(z.minimum(0), z.lt(1));

const adaptive = {
  learningRate: rate,
  beta1: z._default(decay, 0.9),
  /** τ of the paper: the larger, the less adaptive. */
  epsilon: z._default(rate, 1e-3),
};

export const serverOptimizer = z.discriminatedUnion('optimizer', [
  z.strictObject({ optimizer: z.literal('sgd'), learningRate: rate }),
  z.strictObject({ optimizer: z.literal('momentum'), learningRate: rate, beta: z._default(decay, 0.9) }),
  z.strictObject({ optimizer: z.literal('adam'), ...adaptive, beta2: z._default(decay, 0.99) }),
  z.strictObject({ optimizer: z.literal('yogi'), ...adaptive, beta2: z._default(decay, 0.99) }),
  z.strictObject({ optimizer: z.literal('adagrad'), ...adaptive, beta1: z._default(decay, 0) }),
]);
export type ServerOptimizer = z.infer<typeof serverOptimizer>;

/** Running averages, one number per parameter: none for sgd, the first moment for momentum, both for the adaptive ones. */
export const optimizerSlots = z.strictObject({ first: z.optional(floatVector), second: z.optional(floatVector) });
export type OptimizerSlots = z.infer<typeof optimizerSlots>;

export type Stepped = { readonly parameters: Float32Array<ArrayBuffer>; readonly slots: OptimizerSlots };

/** One step from `parameters` along `update`; the inputs stay as they were. */
export function serverStep(
  options: ServerOptimizer,
  parameters: Float32Array,
  slots: OptimizerSlots,
  update: Float64Array,
): Stepped {
  if (options.optimizer === 'sgd') return { parameters: along(parameters, options.learningRate, update), slots: {} };
  if (options.optimizer === 'momentum') {
    const first = update.map((value, i) => options.beta * (slots.first?.[i] ?? 0) + value);
    return { parameters: along(parameters, options.learningRate, first), slots: { first: new Float32Array(first) } };
  }
  return adaptiveStep(options, parameters, slots, update);
}

type Adaptive = Exclude<ServerOptimizer, { readonly optimizer: 'sgd' | 'momentum' }>;

/** Algorithm 2. As there, the second moment starts at τ², and nothing is corrected for the start. */
function adaptiveStep(
  options: Adaptive,
  parameters: Float32Array,
  slots: OptimizerSlots,
  update: Float64Array,
): Stepped {
  const { learningRate, beta1, epsilon } = options;
  const first = update.map((value, i) => beta1 * (slots.first?.[i] ?? 0) + (1 - beta1) * value);
  const second = update.map((value, i) => secondMoment(options, slots.second?.[i] ?? epsilon ** 2, value ** 2));
  const direction = first.map((value, i) => value / (Math.sqrt(second[i]!) + epsilon));
  return {
    parameters: along(parameters, learningRate, direction),
    slots: { first: new Float32Array(first), second: new Float32Array(second) },
  };
}

/** Adagrad never forgets, Adam forgets by a share, and Yogi moves by no more than the new square, whatever it remembers. */
function secondMoment(options: Adaptive, before: number, square: number): number {
  if (options.optimizer === 'adagrad') return before + square;
  const { optimizer, beta2 } = options;
  if (optimizer === 'adam') return beta2 * before + (1 - beta2) * square;
  return before - (1 - beta2) * square * Math.sign(before - square);
}

function along(parameters: Float32Array, rate: number, direction: Float64Array): Float32Array<ArrayBuffer> {
  return parameters.map((value, i) => value + rate * direction[i]!);
}
