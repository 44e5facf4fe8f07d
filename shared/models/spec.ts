/** What a model is, as data: enough to count, train and evaluate its parameters on any device. */

import * as z from 'zod/mini';

const width = z.int().check(z.positive(), z.maximum(65_536));
const outputs = z._default(z.int().check(z.minimum(1), z.maximum(4096)), 1);

const outputsFit = z.refine<{ output: 'sigmoid' | 'softmax'; outputs: number }>(
  ({ output, outputs }) => (output === 'sigmoid') === (outputs === 1),
  'a sigmoid has one output, a softmax at least two',
);

export const linearSpec = z
  .strictObject({
    family: z.literal('linear'),
    inputs: width,
    /** One sigmoid unit, or a softmax over this many classes. */
    outputs,
    output: z.enum(['sigmoid', 'softmax']),
  })
  .check(outputsFit);

export const mlpSpec = z
  .strictObject({
    family: z.literal('mlp'),
    inputs: width,
    hidden: z.array(width).check(z.minLength(1), z.maxLength(8)),
    activation: z.enum(['relu', 'tanh']),
    outputs,
    output: z.enum(['sigmoid', 'softmax']),
  })
  .check(outputsFit);

export const modelSpec = z.discriminatedUnion('family', [linearSpec, mlpSpec]);
export type ModelSpec = z.infer<typeof modelSpec>;
