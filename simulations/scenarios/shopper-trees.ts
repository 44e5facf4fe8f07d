/**
 * Sessions that end in a purchase, by boosted trees from secure sums: every session is a device of its own. Five-fold: each
 * session is scored by trees that its own fold had no part in, edges of bins included.
 */

import {
  gridCountsOf,
  histogram,
  type LabelledRow,
  rocAuc,
  tableOfRows,
  treeBoosting,
} from '@chorale/shared/algorithms';
import { binEdgesOf, rowCount } from '@chorale/shared/features';
import { predict, type TreesSpec } from '@chorale/shared/models';
import { seededRandom } from '@chorale/shared/testing';
import { baseRateOf, fitTrees, type Rows, rowsOf } from '../baselines/index.ts';
import { loadOnlineShoppers, shopperGrid } from '../datasets/online-shoppers.ts';
import { runFast } from '../fast.ts';
import type { Outcome } from '../study/method.ts';
import { trainedOutcome } from '../study/trained-outcome.ts';
import { medianBy } from './median.ts';
import type { Scenario, ScenarioReport, ScenarioSetting } from './scenario.ts';

const folds = 5;
const bins = 32;
const trees = { depth: 3, trees: 20, learningRate: 0.3, l2: 1, minChildWeight: 5, minGain: 0 };

/** Most devices in one cohort; a round has as many cohorts as hold everybody. */
const cohort = 2000;

export const shopperTrees: Scenario = {
  name: 'trees',
  dataset: 'online-shoppers',
  title: `sessions that end in a purchase, ${trees.trees} trees of depth ${trees.depth}, without PageValues, ${folds}-fold`,
  claim: { figure: 'auc', atLeast: 0.775 },
  seeds: 3,
  async prepare({ directory }) {
    const sessions = await loadOnlineShoppers({ directory });
    const origin = `Online Shoppers (UCI, CC BY 4.0): ${sessions.length} sessions`;
    return { origin, run: (setting) => run(sessions, setting) };
  },
};

const abouts = {
  secure: { name: 'federated-trees', title: 'Federated boosted trees', kind: 'federated' },
  central: { name: 'central-boosting', title: 'Central boosted trees (same bins)', kind: 'baseline' },
} as const;

async function run(
  sessions: readonly LabelledRow[],
  { seeds, progress, workers, onRun }: ScenarioSetting,
): Promise<ScenarioReport> {
  const rounds = 1 + trees.trees * trees.depth;
  progress.begin('training', seeds * folds * rounds);
  const perSeed: { seed: number; auc: number; aucCentral: number }[] = [];
  let played = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const onRound = () => progress.advance(++played, `seed ${seed}`);
    const judged: Judged[] = [];
    for (const fold of foldsOf(sessions, seed)) judged.push(await judgedBy(fold, { seed, workers }, onRound));
    for (const side of ['secure', 'central'] as const)
      onRun?.({ about: abouts[side], seed, ...together(judged, side) });
    const mean = (of: (one: Judged) => Float32Array) =>
      judged.reduce((sum, one) => sum + aucOf(of(one), one.test), 0) / folds;
    const [auc, aucCentral] = [mean(({ secure }) => secure.scores), mean(({ central }) => central.scores)];
    perSeed.push({ seed, auc, aucCentral });
  }
  progress.end();
  const { auc, aucCentral } = medianBy(perSeed, (one) => one.auc);
  const baseRate = baseRateOf(tableOf(sessions));
  return {
    name: 'online-shoppers trees',
    ...{ auc, rounds, epsilon: null, seeds, aucCentral },
    majorityAccuracy: Math.max(baseRate, 1 - baseRate),
    roundsForEdges: 1,
    ...{ devices: sessions.length, folds, bins, ...trees },
    perSeed,
  };
}

type Fold = { readonly train: readonly LabelledRow[]; readonly test: Rows };

function foldsOf(sessions: readonly LabelledRow[], seed: number): Fold[] {
  const shuffled = seededRandom(`folds ${seed}`).shuffle(sessions);
  return Array.from({ length: folds }, (_, fold) => ({
    train: shuffled.filter((_, i) => i % folds !== fold),
    test: tableOf(shuffled.filter((_, i) => i % folds === fold)),
  }));
}

type Judged = { readonly test: Rows; readonly secure: Outcome; readonly central: Outcome };

type By = { readonly seed: number; readonly workers: number };

async function judgedBy({ train, test }: Fold, by: By, onRound: () => void): Promise<Judged> {
  const devices = train.map((row) => [row]);
  const cohortCount = Math.ceil(devices.length / cohort);
  const asking = {
    devices,
    trainer: 'linear' as const,
    ...by,
    cohort: Math.ceil(devices.length / cohortCount),
    cohortCount,
  };
  const { edges, bias } = await prepared(asking);
  onRound();
  const config = { ...trees, edges, bias, maxRows: 1 };
  const looking = { test, rounds: trees.trees * trees.depth, preparations: 1, onRound };
  const { outcome } = await trainedOutcome({ ...asking, algorithm: treeBoosting, config }, looking);
  const spec: TreesSpec = { family: 'trees', inputs: edges.length, edges, depth: trees.depth, trees: trees.trees };
  const central = predict(spec, fitTrees(tableOf(train), { ...trees, edges, bias }), test.features);
  return { test, secure: outcome, central: { scores: central } };
}

/** All sessions, each scored by the trees that its own fold had no part in; the curve is a mean over folds. */
function together(judged: readonly Judged[], side: 'secure' | 'central'): { outcome: Outcome; judged: { test: Rows } } {
  const floats = (of: (one: Judged) => Float32Array) => Float32Array.from(judged.flatMap((one) => [...of(one)]));
  const labels = floats(({ test }) => test.labels);
  const { learning = [], scoresOf: _, ...outcome } = judged[0]![side];
  const mean = (place: number) => judged.reduce((sum, one) => sum + one[side].learning![place]!.auc, 0) / folds;
  return {
    outcome: {
      ...outcome,
      scores: floats((one) => one[side].scores),
      learning: learning.map(({ round }, place) => ({ round, auc: mean(place) })),
    },
    // Nobody has two sessions.
    judged: {
      test: { ...judged[0]!.test, labels, owners: Uint32Array.from(labels, (_, row) => row), rowCount: labels.length },
    },
  };
}

function aucOf(scores: Float32Array, { labels }: Rows): number {
  return rocAuc(tableOfRows(scores, labels));
}

/** One secure sum: edges of bins, and the log-odds of everybody's base rate. */
async function prepared(
  asking: { readonly devices: readonly (readonly LabelledRow[])[]; readonly cohort: number } & {
    readonly trainer: 'linear';
  } & By,
) {
  const config = { grid: shopperGrid, perLabel: true, maxRows: 1 };
  for await (const { state } of runFast({ ...asking, algorithm: histogram, config })) {
    const rows = ([0, 1] as const).map((label) => rowCount(gridCountsOf(state, label)));
    return { edges: binEdgesOf(gridCountsOf(state), bins), bias: Math.log(rows[1]! / rows[0]!) };
  }
  throw new Error('a histogram takes a round');
}

function tableOf(rows: readonly LabelledRow[]): Rows {
  return rowsOf(
    rows.map((row) => [row]),
    shopperGrid.bounds.lower.length,
  );
}
