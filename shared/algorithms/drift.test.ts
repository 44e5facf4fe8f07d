import { describe, expect, it } from 'vitest';
import { countRows } from '../features/feature-grid.ts';
import { binOf } from '../models/bins.ts';
import { sigmoid } from '../models/predict.ts';
import { algorithmRound } from '../testing/algorithm-round.ts';
import { type SeededRandom, seededRandom } from '../testing/seeded-random.ts';
import { toJson } from './algorithm.ts';
import { alarmsOf, type DriftPeriod, type DriftState, drift, driftReference } from './drift.ts';
import type { LabelledRow } from './labelled-row.ts';
import { logLoss } from './score-metrics.ts';
import { stabilityByChance, stabilityIndex } from './stability.ts';

const grid = { bounds: { lower: [-4, 0, 0], upper: [4, 1, 1000] }, cells: 64 };
const spec = { family: 'linear', inputs: 3, outputs: 1, output: 'sigmoid' } as const;
const parameters = Float32Array.of(1.5, 0, 0, -1);

type World = { readonly shift?: number; readonly intercept?: number; readonly slope?: number };

/** One row of one person; the third feature counts days, and moves by itself. */
function rowIn({ shift = 0, intercept = -1, slope = 1.5 }: World, day: number, random: SeededRandom): LabelledRow {
  const x = shift + random.normal();
  const features = Float32Array.of(x, random.uniform(), day);
  return { features, label: random.uniform() < sigmoid(slope * x + intercept) ? 1 : 0 };
}
const people = (world: World, count: number, day: number, random: SeededRandom) =>
  Array.from({ length: count }, () => [rowIn(world, day, random)]);

const noisy = { numerator: 2, denominator: 1 };

/** Watches one world per period. */
async function watched(worlds: readonly World[], { seed = 1, count = 400, noise = false } = {}): Promise<DriftState> {
  const random = seededRandom(seed);
  const then = people({}, 2000, 0, random.fork('then')).flat();
  const reference = driftReference({ grid, counts: countRows(grid, then) }, { bins: 8, unwatched: [2] });
  const skills = Array.from({ length: 40 }, (_, i) => skillOf(people({}, count, 0, random.fork(`skill ${i}`)).flat()));
  const mean = skills.reduce((sum, skill) => sum + skill, 0) / skills.length;
  const std = Math.sqrt(skills.reduce((sum, skill) => sum + (skill - mean) ** 2, 0) / (skills.length - 1));
  const config = { ...reference, model: { spec, parameters }, skill: { mean, std }, periods: worlds.length };
  let state: DriftState = { config: { ...config, maxRows: 1 }, periods: [] };
  for (const [period, world] of worlds.entries()) {
    // Through JSON, as between two periods of a coordinator.
    const stored = drift.state.parse(JSON.parse(JSON.stringify(toJson(drift.state, state))));
    const devices = people(world, count, 7 * period, random.fork(`period ${period}`));
    state = await algorithmRound(drift, stored, devices, {
      seed: `${seed}, ${period}`,
      ...(noise && { noise: noisy }),
    });
  }
  expect(drift.isDone(state)).toBe(true);
  return state;
}

function skillOf(rows: readonly LabelledRow[]): number {
  const mean = (of: (row: LabelledRow) => number) => rows.reduce((sum, row) => sum + of(row), 0) / rows.length;
  const rate = mean(({ label }) => label);
  const score = ({ features }: LabelledRow) => sigmoid(1.5 * features[0]! - 1);
  return 1 - mean((row) => logLoss(score(row), row.label)) / mean(({ label }) => logLoss(rate, label));
}

const alarmed = (periods: readonly DriftPeriod[]) =>
  periods.map(alarmsOf).map(({ moved, isMiscalibrated, hasLostSkill }) => ({ moved, isMiscalibrated, hasLostSkill }));

describe('drift', () => {
  it('is what one table of all rows says: indices, calibration and skill', async () => {
    for (const seed of [1, 2, 3]) {
      const state = await watched([{ shift: 0.3, intercept: -0.5 }], { seed });
      const rows = people({ shift: 0.3, intercept: -0.5 }, 400, 0, seededRandom(seed).fork('period 0')).flat();
      const [{ stability, calibration, skill, rows: counted }] = state.periods as [DriftPeriod];
      const { edges, reference } = state.config;
      for (const [i, own] of edges.entries()) {
        const counts = new Array<number>(own.length + 1).fill(0);
        for (const { features } of rows) counts[binOf(own, features[i]!)]! += 1;
        expect(stability[i], `seed ${seed}`).toBeCloseTo(stabilityIndex(reference[i]!, counts), 10);
      }
      const scores = rows.map(({ features }) => sigmoid(1.5 * features[0]! - 1));
      const surplus = rows.reduce((sum, { label }, i) => sum + label - scores[i]!, 0);
      const variance = scores.reduce((sum, score) => sum + score * (1 - score), 0);
      expect(counted).toBe(400);
      expect(calibration, `seed ${seed}`).toBeCloseTo(surplus / Math.sqrt(variance), 3);
      expect(skill, `seed ${seed}`).toBeCloseTo(skillOf(rows), 3);
    }
  });

  it('is silent where nothing changes, though time goes by', async () => {
    for (const noise of [false, true]) {
      const state = await watched(new Array(12).fill({}), { seed: 4, noise });
      expect(alarmed(state.periods)).toEqual(
        new Array(12).fill({ moved: [], isMiscalibrated: false, hasLostSkill: false }),
      );
      expect(drift.summary(state).alarms).toBe(0);
      // The days that have passed are in one bin, which cannot move.
      expect(drift.summary(state)).not.toHaveProperty('stability of feature 2');
    }
  });

  it('names the feature that has moved, without noise and with it', async () => {
    for (const noise of [false, true]) {
      const { periods } = await watched([{}, { shift: 1 }], { seed: 5, noise });
      expect(periods.map((period) => alarmsOf(period).moved)).toEqual([[], [0]]);
    }
  });

  it('sees that people act more often than the scores say, though no feature tells', async () => {
    const { periods } = await watched([{}, { intercept: -0.2 }], { seed: 6 });
    expect(alarmed(periods)).toEqual([
      { moved: [], isMiscalibrated: false, hasLostSkill: false },
      { moved: [], isMiscalibrated: true, hasLostSkill: expect.anything() },
    ]);
    expect(periods[1]!.calibration).toBeGreaterThan(3);
  });

  it('adds up losses of skill that are too small for one period to show', async () => {
    const worse = { slope: 1.3 };
    const { periods } = await watched([{}, {}, ...new Array(16).fill(worse)], { seed: 7 });
    const lost = periods.map((period) => alarmsOf(period).hasLostSkill);
    expect(lost.slice(0, 4)).toEqual([false, false, false, false]);
    expect(lost.at(-1)).toBe(true);
  });

  it('watches features alone where there is no model', async () => {
    const table = { grid, counts: countRows(grid, people({}, 500, 0, seededRandom(8)).flat()) };
    const config = drift.config.parse({ ...driftReference(table, { unwatched: [2] }), periods: 1 });
    const state = await algorithmRound(
      drift,
      drift.init(config, seededRandom(0)),
      people({}, 300, 7, seededRandom(9)),
      {
        seed: 10,
      },
    );
    expect(Object.keys(drift.summary(state))).toEqual([
      ...['round', 'rows', 'stability of feature 0', 'stability of feature 1', 'featuresMoved', 'lost', 'alarms'],
    ]);
  });

  it('clips nothing that a device adds', async () => {
    const { config } = await watched([{}], { seed: 11 });
    const broadcast = drift.publish({ config: { ...config, maxRows: 6 }, periods: [] });
    const tools = { trainer: undefined as never, random: seededRandom(12), signal: new AbortController().signal };
    const row = { features: Float32Array.of(4, 1, 0), label: 0 };
    const broken = { features: Float32Array.of(Number.NaN, 1, 0), label: 1 };
    const vectors = await drift.contribute(broadcast, [broken, ...new Array(9).fill(row)], tools);
    for (const { name, length, clipNorm } of drift.layout(broadcast)) {
      expect(vectors[name]).toHaveLength(length);
      expect(Math.hypot(...vectors[name]), name).toBeLessThanOrEqual(clipNorm);
    }
    // Six rows without an action, whose scores are sigmoid(5).
    expect([...vectors.totals.subarray(0, 2)]).toEqual([0, expect.closeTo(6 * sigmoid(5), 5)]);
  });

  it('refuses a reference of another shape, and a model of other features', () => {
    const good = {
      edges: [[0], [1, 2]],
      reference: [
        [1, 1],
        [1, 1, 1],
      ],
      periods: 1,
    };
    expect(drift.config.safeParse(good).success).toBe(true);
    expect(drift.config.safeParse({ ...good, reference: [[1, 1]] }).success).toBe(false);
    expect(
      drift.config.safeParse({
        ...good,
        reference: [
          [1, 1],
          [1, 1],
        ],
      }).success,
    ).toBe(false);
    const model = { spec, parameters: 'AAAAAAAAAAAAAAAAAAAAAA' };
    expect(drift.config.safeParse({ ...good, model }).success).toBe(false);
    const three = { edges: [[], [], []], reference: [[1], [1], [1]], periods: 1 };
    expect(drift.config.safeParse({ ...three, model }).success).toBe(true);
  });
});

describe('the stability index', () => {
  it('is 0 between equals, the same both ways, and by hand', () => {
    expect(stabilityIndex([3, 4, 5], [3, 4, 5])).toBe(0);
    expect(stabilityIndex([100, 10], [30, 60])).toBeCloseTo(stabilityIndex([30, 60], [100, 10]), 12);
    // Shares .25 and .75, then .5 and .5: .25·ln 2 + .25·ln 1.5.
    const many = (share: number) => share * 1e9;
    expect(stabilityIndex([many(0.25), many(0.75)], [many(0.5), many(0.5)])).toBeCloseTo(
      0.25 * Math.log(2) + 0.25 * Math.log(1.5),
      6,
    );
  });

  it('stays below what chance reaches where nothing moved, and has the mean that theory says', () => {
    const random = seededRandom(13);
    const shares = [0.5, 0.2, 0.2, 0.1];
    const draw = (rows: number) => {
      const counts = [0, 0, 0, 0];
      for (let i = 0; i < rows; i++) {
        let [left, bin] = [random.uniform(), 0];
        while (left >= shares[bin]! && bin < 3) left -= shares[bin++]!;
        counts[bin]! += 1;
      }
      return counts;
    };
    const indices = Array.from({ length: 600 }, () => stabilityIndex(draw(800), draw(400)));
    const mean = indices.reduce((sum, value) => sum + value, 0) / indices.length;
    // 3 degrees of freedom: its mean over 600 draws has a standard deviation of 3.3 %.
    expect(Math.abs(mean / (3 * (1 / 800 + 1 / 400)) - 1)).toBeLessThan(0.13);
    const limit = stabilityByChance(
      shares.map((share) => 800 * share),
      { rows: [800, 400], noiseStd: 0 },
    );
    expect(indices.filter((value) => value > limit).length).toBeLessThan(9);
  });
});
