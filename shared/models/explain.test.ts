import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explain } from './explain.ts';
import { parameterCount } from './parameters.ts';
import { predict, sigmoid } from './predict.ts';
import type { ModelSpec, TreesSpec } from './spec.ts';
import { treeLayout } from './trees.ts';

const number = fc.float({ min: -8, max: 8, noNaN: true });
const numbers = (count: number) => fc.array(number, { minLength: count, maxLength: count });
const edges = fc.array(fc.uniqueArray(fc.integer({ min: -6, max: 6 }), { maxLength: 5 }), {
  minLength: 1,
  maxLength: 5,
});

const spec: fc.Arbitrary<ModelSpec> = fc.oneof(
  fc
    .integer({ min: 1, max: 6 })
    .map((inputs): ModelSpec => ({ family: 'linear', inputs, outputs: 1, output: 'sigmoid' })),
  fc
    .tuple(fc.constantFrom('additive', 'trees'), edges, fc.integer({ min: 1, max: 4 }))
    .map(([family, some, depth]): ModelSpec => {
      const sorted = some.map((own) => own.sort((a, b) => a - b));
      const binned = { inputs: some.length, edges: sorted };
      return family === 'trees' ? { family, ...binned, depth, trees: 3 } : { family: 'additive', ...binned };
    }),
);

const models = spec.chain((spec) =>
  fc.record({
    spec: fc.constant(spec),
    parameters: numbers(parameterCount(spec)).chain((drawn) => {
      if (spec.family !== 'trees') return fc.constant(Float32Array.from(drawn));
      return fc.infiniteStream(fc.nat()).map((draws) => withQuestions(spec, drawn, () => draws.next().value as number));
    }),
    row: numbers(spec.inputs).map((row) => Float32Array.from(row)),
  }),
);

/** Questions that can be asked: about an edge that is there, or about nothing. */
function withQuestions(spec: TreesSpec, drawn: readonly number[], draw: () => number): Float32Array {
  const parameters = Float32Array.from(drawn);
  const { questions, length } = treeLayout(spec);
  for (let at = 1; at < parameters.length; at += length) {
    for (let question = 0; question < questions; question++) {
      const feature = (draw() % (spec.inputs + 1)) - 1;
      const count = spec.edges[feature]?.length ?? 0;
      parameters.set(count > 0 ? [feature, draw() % count] : [-1, 0], at + 2 * question);
    }
  }
  return parameters;
}

describe('bias and contributions', () => {
  it('sum to the log-odds of the score, in every family that has them', () => {
    fc.assert(
      fc.property(models, ({ spec, parameters, row }) => {
        const { bias, contributions } = explain(spec, parameters, row)!;
        const logit = contributions.reduce((sum, value) => sum + value, bias);
        const size = contributions.reduce((sum, value) => sum + Math.abs(value), Math.abs(bias));
        expect(contributions).toHaveLength(spec.inputs);
        expect(Math.abs(logit - exactLogit(spec, parameters, row))).toBeLessThanOrEqual(1e-13 * (1 + size));
        expect(predict(spec, parameters, row)[0]).toBeCloseTo(sigmoid(logit), 6);
      }),
    );
  });

  it('are those that follow from the definition, a mean over every order in which features become known', () => {
    fc.assert(
      fc.property(models, ({ spec, parameters, row }) => {
        const { bias, contributions } = explain(spec, parameters, row)!;
        const known = shapleyByOrders(spec, parameters, row);
        expect(bias).toBeCloseTo(known.bias, 9);
        contributions.forEach((value, i) => {
          expect(value).toBeCloseTo(known.contributions[i]!, 9);
        });
      }),
      { numRuns: 60 },
    );
  });
});

it('a feature of which a model never asks adds nothing', () => {
  const spec = { family: 'trees', inputs: 3, edges: [[0], [0], [0]], depth: 2, trees: 1 } as const;
  const parameters = Float32Array.of(0.5, 0, 0, 2, 0, 2, 0, 1, 2, 3, 4);
  const { bias, contributions } = explain(modelOf(spec), parameters, Float32Array.of(1, 1, -1))!;
  expect({ bias, contributions: [...contributions] }).toEqual({ bias: 3, contributions: [1, 0, -0.5] });
});

it('a leaf that no row can come to says nothing', () => {
  // Right of 1 and then left of 0: the leaf of 99.
  const spec = { family: 'trees', inputs: 1, edges: [[0, 1]], depth: 2, trees: 1 } as const;
  const parameters = Float32Array.of(0, 0, 1, 0, 0, 0, 0, -3, 0, 99, 6);
  const { bias, contributions } = explain(modelOf(spec), parameters, Float32Array.of(7))!;
  expect([bias, contributions[0]]).toEqual([1, 5]);
});

it('models without a part per feature have no explanation', () => {
  const without: ModelSpec[] = [
    { family: 'mlp', inputs: 2, hidden: [2], activation: 'relu', outputs: 1, output: 'sigmoid' },
    { family: 'linear', inputs: 2, outputs: 3, output: 'softmax' },
    { family: 'centroids', inputs: 2, count: 3 },
  ];
  for (const spec of without)
    expect(explain(spec, new Float32Array(parameterCount(spec)), new Float32Array(2))).toBeUndefined();
});

it('lengths that do not fit are refused', () => {
  const spec: ModelSpec = { family: 'linear', inputs: 2, outputs: 1, output: 'sigmoid' };
  expect(() => explain(spec, new Float32Array(4), new Float32Array(2))).toThrow(RangeError);
  expect(() => explain(spec, new Float32Array(3), new Float32Array(3))).toThrow(RangeError);
});

function modelOf(spec: { readonly edges: readonly (readonly number[])[] } & Omit<TreesSpec, 'edges'>): ModelSpec {
  return { ...spec, edges: spec.edges.map((own) => [...own]) };
}

/** The log-odds themselves, without the rounding of a probability: a score's own are lost where it is nearly 1. */
function exactLogit(spec: ModelSpec, parameters: Float32Array, row: Float32Array): number {
  return shapleyByOrders(spec, parameters, row).whole;
}

/** Straight from the definition: expectations over every combination of bins, and every subset of features. */
function shapleyByOrders(spec: ModelSpec, parameters: Float32Array, row: Float32Array) {
  const all = 2 ** spec.inputs;
  const values = Array.from({ length: all }, (_, coalition) => {
    const choices = Array.from(row, (own, i) => ((coalition >> i) & 1 ? [own] : backgroundOf(spec, i)));
    let rows: number[][] = [[]];
    for (const choice of choices) rows = rows.flatMap((start) => choice.map((value) => [...start, value]));
    return rows.reduce((sum, values) => sum + logitOf(spec, parameters, values), 0) / rows.length;
  });
  const contributions = Array.from(row, (_, i) => {
    let mean = 0;
    for (let coalition = 0; coalition < all; coalition++) {
      if ((coalition >> i) & 1) continue;
      const size = coalition.toString(2).replaceAll('0', '').length;
      const orders = (factorial(size) * factorial(spec.inputs - 1 - size)) / factorial(spec.inputs);
      mean += orders * (values[coalition | (1 << i)]! - values[coalition]!);
    }
    return mean;
  });
  return { bias: values[0]!, contributions, whole: values.at(-1)! };
}

/** A value in each bin; of a linear model the mean, 0. */
function backgroundOf(spec: ModelSpec, feature: number): number[] {
  if (spec.family !== 'additive' && spec.family !== 'trees') return [0];
  return [-100, ...spec.edges[feature]!];
}

/** Written anew, so that a defect of the scorer would not hide one of the explanation. */
function logitOf(spec: ModelSpec, parameters: Float32Array, row: readonly number[]): number {
  if (spec.family === 'linear') return row.reduce((sum, x, i) => sum + x * parameters[i]!, parameters[spec.inputs]!);
  let [logit, at] = [parameters[0]!, 1];
  if (spec.family === 'additive') {
    for (const [i, own] of spec.edges.entries()) {
      logit += parameters[at + own.filter((edge) => edge <= row[i]!).length]!;
      at += own.length + 1;
    }
  } else if (spec.family === 'trees') {
    const leaves = 2 ** spec.depth;
    for (; at < parameters.length; at += 3 * leaves - 2) {
      let node = 1;
      while (node < leaves) {
        const [feature, edge] = [parameters[at + 2 * (node - 1)]!, parameters[at + 2 * (node - 1) + 1]!];
        node = 2 * node + (feature >= 0 && row[feature]! >= spec.edges[feature]![edge]! ? 1 : 0);
      }
      logit += parameters[at + 2 * (leaves - 1) + node - leaves]!;
    }
  }
  return logit;
}

function factorial(n: number): number {
  return n <= 1 ? 1 : n * factorial(n - 1);
}
