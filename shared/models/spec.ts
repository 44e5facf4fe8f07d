/** What a model is, as data: enough to count, train and evaluate its parameters on any device. */

import * as z from 'zod/mini';

const inputs = z.int().check(z.positive(), z.maximum(65_536));

export const linearSpec = z.strictObject({
  family: z.literal('linear'),
  inputs,
  /** One sigmoid unit, or a softmax over this many classes. */
  outputs: z._default(z.int().check(z.minimum(1), z.maximum(4096)), 1),
  output: z.enum(['sigmoid', 'softmax']),
});

export const mlpSpec = z.strictObject({
  family: z.literal('mlp'),
  inputs,
  hidden: z.array(z.int().check(z.positive(), z.maximum(65_536))).check(z.minLength(1), z.maxLength(8)),
  activation: z.enum(['relu', 'tanh']),
  outputs: z._default(z.int().check(z.minimum(1), z.maximum(4096)), 1),
  output: z.enum(['sigmoid', 'softmax']),
});

export const modelSpec = z.discriminatedUnion('family', [linearSpec, mlpSpec]);
export type ModelSpec = z.infer<typeof modelSpec>;
