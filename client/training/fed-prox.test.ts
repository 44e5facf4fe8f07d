/** FedProx through what a device really does: `fed-avg` with a proximal term, trained by tfjs. */

import { type ClientTools, fedAvg, type LabelledRow } from '@chorale/shared/algorithms';
import { predict } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { expect, it } from 'vitest';
import { createTfjsTrainer } from './tfjs-trainer.ts';

const inputs = 3;
const spec = { family: 'linear', inputs, outputs: 1, output: 'sigmoid' } as const;
const random = seededRandom('rows');
const rows: LabelledRow[] = Array.from({ length: 40 }, () => ({
  features: Float32Array.from({ length: inputs }, () => random.normal()),
  label: random.below(2),
}));

const tools: ClientTools = {
  trainer: await createTfjsTrainer({ backend: 'cpu' }),
  random: seededRandom('order'),
  signal: new AbortController().signal,
};

/** How far a device comes from zero parameters; a row counts fully and nothing is clipped. */
async function updateWith(client: Record<string, unknown>): Promise<Float32Array> {
  const given = { spec, client: { batchSize: 1000, ...client }, weighting: 'uniform', clipNorm: 1000, rounds: 1 };
  const config = fedAvg.config.parse({ ...given, server: { optimizer: 'sgd', learningRate: 1 } });
  const broadcast = fedAvg.publish(fedAvg.init(config, seededRandom(0)));
  return (await fedAvg.contribute(broadcast, rows, tools)).update;
}

/** Of the mean log loss at these parameters. */
function gradientAt(parameters: Float32Array): number[] {
  const errors = rows.map(({ features, label }) => predict(spec, parameters, features)[0]! - label);
  const slope = (of: (row: LabelledRow) => number) =>
    rows.reduce((sum, row, i) => sum + (errors[i]! * of(row)) / rows.length, 0);
  return [...Array.from({ length: inputs }, (_, i) => slope(({ features }) => features[i]!)), slope(() => 1)];
}

it('without a pull FedProx is federated averaging', async () => {
  const options = { epochs: 5, learningRate: 0.5 };
  expect(await updateWith({ ...options, proximal: 0 })).toEqual(await updateWith(options));
  expect(await updateWith({ ...options, proximal: 0.5 })).not.toEqual(await updateWith(options));
});

it('the stronger the pull, the less a device moves: at last not at all', async () => {
  const steepest = Math.hypot(...gradientAt(new Float32Array(inputs + 1)));
  for (const proximal of [10, 1e3, 1e6]) {
    const moved = Math.hypot(...(await updateWith({ epochs: 5, learningRate: 1 / proximal, proximal })));
    expect(moved).toBeLessThanOrEqual((1.0001 * steepest) / proximal);
    expect(moved).toBeGreaterThan(0);
  }
});

it('many steps end where the pull balances the loss: ∇F(w) + μ(w − w₀) = 0', async () => {
  const proximal = 0.7;
  const end = await updateWith({ epochs: 200, learningRate: 0.5, proximal });
  gradientAt(end).forEach((slope, i) => {
    expect(slope).toBeCloseTo(-proximal * end[i]!, 5);
  });
  expect(Math.hypot(...end)).toBeGreaterThan(0.05);
});
