import { describe, expect, it } from 'vitest';
import { base64url } from '../bytes.ts';
import { predict, sigmoid } from '../models/predict.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { floatsToBytes } from '../vectors.ts';
import { toJson } from './algorithm.ts';
import { evaluation, evaluationFigures } from './evaluation.ts';
import type { LabelledRow } from './labelled-row.ts';
import { rocAuc, tableOfRows } from './score-metrics.ts';

const spec = { family: 'linear', inputs: 2, outputs: 1, output: 'sigmoid' } as const;
const parameters = Float32Array.of(1, 0, -1);
const vector = (...values: number[]) => base64url(floatsToBytes(Float32Array.from(values)));
const isNew = { name: 'new', column: 1, edges: [0.5] };
const segment = {
  name: 'segment',
  spec: { family: 'centroids', inputs: 2, count: 2 },
  parameters: vector(-1, 0, 1, 0),
};
const configOf = (changes: object = {}) =>
  evaluation.config.parse({ spec, parameters: vector(...parameters), slices: [isNew, segment], ...changes });

/** The model is right about the old ones (second feature 0) and knows nothing of the new ones. */
function people(seed: number, count: number): LabelledRow[][] {
  const random = seededRandom(seed);
  const row = () => {
    const features = Float32Array.of(1.5 * random.normal(), random.below(2));
    const chance = features[1] === 0 ? sigmoid(features[0]! - 1) : 0.3;
    return { features, label: random.uniform() < chance ? 1 : 0 };
  };
  return Array.from({ length: count }, () => Array.from({ length: random.below(9) }, row));
}

describe('slices of an evaluation', () => {
  it('have the figures of their own rows, and show the group that a model fails', async () => {
    const seed = 1;
    const devices = people(seed, 400);
    const start = evaluation.init(configOf(), seededRandom(0));
    const stored = JSON.parse(JSON.stringify(toJson(evaluation.state, start)));
    const state = await algorithmRound(evaluation, evaluation.state.parse(stored), devices, { seed });
    const aucs = evaluationFigures(state).sliceAucs;
    const summary = evaluation.summary(state);
    expect(Object.keys(aucs).sort()).toEqual(['new/0', 'new/1', 'segment/0', 'segment/1']);
    const exact = (holds: (features: Float32Array) => boolean) => {
      const rows = devices.flat().filter(({ features }) => holds(features));
      const features = Float32Array.from(rows.flatMap((row) => [...row.features]));
      return {
        rows: rows.length,
        auc: rocAuc(
          tableOfRows(
            predict(spec, parameters, features),
            rows.map(({ label }) => label),
          ),
        ),
      };
    };
    const parts = {
      'new/0': exact(([, own]) => own! < 0.5),
      'new/1': exact(([, own]) => own! >= 0.5),
      'segment/0': exact(([x]) => x! <= 0),
      'segment/1': exact(([x]) => x! > 0),
    };
    for (const [name, { rows, auc }] of Object.entries(parts)) {
      expect(summary[`${name} rows`], `seed ${seed}: ${name}`).toBeCloseTo(rows, 6);
      // 32 bins, where all rows in one place have none.
      expect(Math.abs(aucs[name]!.value - auc), `seed ${seed}: ${name}`).toBeLessThan(0.02);
    }
    expect(aucs['new/0']!.value - aucs['new/1']!.value).toBeGreaterThan(0.15);
  });

  it('change nothing of the whole, nor of rounds without them', async () => {
    const devices = people(2, 60);
    const whole = await algorithmRound(evaluation, evaluation.init(configOf(), seededRandom(0)), devices, { seed: 2 });
    const plain = evaluation.init(configOf({ slices: [] }), seededRandom(0));
    const without = await algorithmRound(evaluation, plain, devices, { seed: 2 });
    expect(without.positives).toEqual(whole.positives);
    expect(evaluationFigures(without).sliceAucs).toEqual({});
    expect(evaluation.layout(evaluation.publish(plain)).map(({ name }) => name)).not.toContain('parts');
  });

  it('are clipped nowhere', async () => {
    const broadcast = evaluation.publish(evaluation.init(configOf(), seededRandom(0)));
    const tools = { trainer: undefined as never, random: seededRandom(1), signal: new AbortController().signal };
    const rows = new Array(80).fill({ features: Float32Array.of(3, 1), label: 1 });
    const vectors = await evaluation.contribute(broadcast, rows, tools);
    for (const { name, clipNorm } of evaluation.layout(broadcast))
      expect(Math.hypot(...vectors[name]), name).toBeLessThanOrEqual(clipNorm);
  });

  it.each([
    [{ slices: [{ ...isNew, column: 2 }] }, 'a width that rows do not have'],
    [{ slices: [isNew, isNew] }, 'two slices of one name'],
    [{ slices: [{ ...isNew, edges: [1, 1] }] }, 'edges ascend'],
    [{ slices: [{ ...segment, parameters: vector(1) }] }, 'not those of the spec'],
    [
      { slices: Array.from({ length: 5 }, (_, i) => ({ ...isNew, name: `s${i}`, edges: [...Array(15).keys()] })) },
      'more than 64',
    ],
  ])('that cannot be are refused (%#)', (changes, message) => {
    expect(() => configOf(changes)).toThrow(message);
  });
});

it('bins are as many as noise allows, unless somebody says how many', () => {
  const binsOf = (changes: object, noiseMultiplier?: number) => {
    const terms = noiseMultiplier === undefined ? undefined : { cohort: 100, noiseMultiplier };
    return evaluation.init(configOf(changes), seededRandom(0), terms).config.bins;
  };
  expect([binsOf({}), binsOf({}, 0), binsOf({}, 2), binsOf({ bins: 64 }, 2)]).toEqual([128, 128, 32, 64]);
});
