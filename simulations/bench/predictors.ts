/** Rows scored a second by each family of models, against plain loops of the same arithmetic for that one shape. */

import { binOf, binOffsets, initialParameters, type ModelSpec, predict, sigmoid } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import type { BenchGroup } from './measurement.ts';
import { leastOf } from './stopwatch.ts';

const [rowCount, inputs, bins] = [10_000, 28, 32];
const edges = Array.from({ length: inputs }, () => Array.from({ length: bins - 1 }, (_, i) => (i + 1) / bins));

type Case = {
  readonly name: string;
  readonly spec: ModelSpec;
  readonly parameters: Float32Array;
  /** Log-odds of the row that begins there. */
  readonly plainly: (features: Float32Array, at: number) => number;
};

export const predictorsGroup: BenchGroup = async function* ({ isQuick, note }) {
  const features = Float32Array.from({ length: rowCount * inputs }, seededRandom('rows').uniform);
  const runs = isQuick ? 3 : 10;
  for (const { name, spec, parameters, plainly } of [linear(), perceptron(), additive(), trees()]) {
    note(`predictors: ${name} …`);
    const scorePlainly = () => {
      const scores = new Float32Array(rowCount);
      for (let row = 0; row < rowCount; row++) scores[row] = sigmoid(plainly(features, row * inputs));
      return scores;
    };
    const [scores, expected] = [predict(spec, parameters, features), scorePlainly()];
    if (scores.some((score, row) => Math.abs(score - expected[row]!) > 1e-5)) throw new Error(`${name}: wrong scores`);
    const control = (1000 * rowCount) / (await leastOf(runs, scorePlainly)).cpuMs;
    const value = (1000 * rowCount) / (await leastOf(runs, () => predict(spec, parameters, features))).cpuMs;
    yield { name: `predict ${name}`, value, unit: '1/s', control, against: 'plain loops for this shape' };
  }
};

function linear(): Case {
  const spec: ModelSpec = { family: 'linear', inputs, outputs: 1, output: 'sigmoid' };
  const parameters = normals(inputs + 1);
  return {
    ...{ name: `linear ${inputs}`, spec, parameters },
    plainly(features, at) {
      let logit = parameters[inputs]!;
      for (let i = 0; i < inputs; i++) logit += features[at + i]! * parameters[i]!;
      return logit;
    },
  };
}

function perceptron(): Case {
  const hidden = 64;
  const spec: ModelSpec = {
    ...{ family: 'mlp', inputs, hidden: [hidden], activation: 'relu' },
    ...{ outputs: 1, output: 'sigmoid' },
  };
  const parameters = initialParameters(spec, seededRandom('perceptron'));
  const values = new Float64Array(hidden);
  const biasAt = inputs * hidden;
  const outAt = biasAt + hidden;
  return {
    ...{ name: `MLP ${inputs}-${hidden}-1`, spec, parameters },
    plainly(features, at) {
      for (let unit = 0; unit < hidden; unit++) values[unit] = parameters[biasAt + unit]!;
      for (let i = 0; i < inputs; i++) {
        const value = features[at + i]!;
        for (let unit = 0; unit < hidden; unit++) values[unit] = values[unit]! + value * parameters[i * hidden + unit]!;
      }
      let logit = parameters[outAt + hidden]!;
      for (let unit = 0; unit < hidden; unit++) logit += Math.max(0, values[unit]!) * parameters[outAt + unit]!;
      return logit;
    },
  };
}

function additive(): Case {
  const spec: ModelSpec = { family: 'additive', inputs, edges };
  const parameters = normals(1 + inputs * bins);
  const offsets = binOffsets(edges);
  return {
    ...{ name: `additive ${inputs}x${bins}`, spec, parameters },
    plainly(features, at) {
      let logit = parameters[0]!;
      for (let i = 0; i < inputs; i++) logit += parameters[1 + offsets[i]! + binOf(edges[i]!, features[at + i]!)]!;
      return logit;
    },
  };
}

/** Thresholds stand in the control where the model has the index of an edge. */
function trees(): Case {
  const [count, depth] = [100, 6];
  const [questions, leaves] = [2 ** depth - 1, 2 ** depth];
  const random = seededRandom('trees');
  const asked = Int32Array.from({ length: count * questions }, () => random.below(inputs));
  const edge = Int32Array.from(asked, () => random.below(bins - 1));
  const thresholds = Float64Array.from(edge, (index) => edges[0]![index]!);
  const values = normals(count * leaves).map((value) => value / 10);
  const parameters = [0.1];
  for (let tree = 0; tree < count; tree++) {
    for (let i = 0; i < questions; i++) parameters.push(asked[tree * questions + i]!, edge[tree * questions + i]!);
    parameters.push(...values.subarray(tree * leaves, (tree + 1) * leaves));
  }
  return {
    name: `trees ${count} of depth ${depth}`,
    spec: { family: 'trees', inputs, edges, depth, trees: count },
    parameters: Float32Array.from(parameters),
    plainly(features, at) {
      let logit = 0.1;
      for (let tree = 0; tree < count; tree++) {
        const from = tree * questions;
        let node = 0;
        while (node < questions)
          node = 2 * node + (features[at + asked[from + node]!]! >= thresholds[from + node]! ? 2 : 1);
        logit += values[tree * leaves + node - questions]!;
      }
      return logit;
    },
  };
}

function normals(length: number): Float32Array {
  const random = seededRandom('parameters');
  return Float32Array.from({ length }, random.normal);
}
