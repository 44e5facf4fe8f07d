import { expect, it } from 'vitest';
import { modelSpec } from './spec.ts';

it('a linear model has one sigmoid output unless it says otherwise', () => {
  const spec = modelSpec.parse({ family: 'linear', inputs: 27, output: 'sigmoid' });
  expect(spec.outputs).toBe(1);
});

it.each([
  { family: 'linear', inputs: 3, outputs: 2, output: 'sigmoid' },
  { family: 'linear', inputs: 3, outputs: 1, output: 'softmax' },
  { family: 'linear', inputs: 0, output: 'sigmoid' },
  { family: 'linear', inputs: 3, output: 'sigmoid', extra: true },
  { family: 'mlp', inputs: 3, hidden: [], activation: 'relu', output: 'sigmoid' },
  { family: 'mlp', inputs: 3, hidden: [4.5], activation: 'relu', output: 'sigmoid' },
  { family: 'mlp', inputs: 3, hidden: [4], activation: 'gelu', output: 'sigmoid' },
])('refuses %j', (spec) => {
  expect(modelSpec.safeParse(spec).success).toBe(false);
});
