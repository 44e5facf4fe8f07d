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
import { linearTrainer } from './linear-trainer.ts';
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

async function run(sessions: readonly LabelledRow[], { seeds, progress }: ScenarioSetting): Promise<ScenarioReport> {
  const rounds = 1 + trees.trees * trees.depth;
  progress.begin('training', seeds * folds * rounds);
  const perSeed: { seed: number; auc: number; aucCentral: number }[] = [];
  let played = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const onRound = () => progress.advance(++played, `seed ${seed}`);
    const aucs: Aucs[] = [];
    for (const fold of foldsOf(sessions, seed)) aucs.push(await aucsOf(fold, seed, onRound));
    const mean = (of: (one: Aucs) => number) => aucs.reduce((sum, one) => sum + of(one), 0) / folds;
    perSeed.push({ seed, auc: mean(({ secure }) => secure), aucCentral: mean(({ central }) => central) });
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

type Aucs = { readonly secure: number; readonly central: number };

async function aucsOf({ train, test }: Fold, seed: number, onRound: () => void): Promise<Aucs> {
  const devices = train.map((row) => [row]);
  const cohortCount = Math.ceil(devices.length / cohort);
  const asking = {
    devices,
    trainer: linearTrainer,
    seed,
    cohort: Math.ceil(devices.length / cohortCount),
    cohortCount,
  };
  const { edges, bias } = await prepared(asking);
  onRound();
  const config = { ...trees, edges, bias, maxRows: 1 };
  const aucOf = (spec: TreesSpec, parameters: Float32Array) =>
    rocAuc(tableOfRows(predict(spec, parameters, test.features), test.labels));
  let secure = 0;
  for await (const { state } of runFast({ ...asking, algorithm: treeBoosting, config })) {
    onRound();
    const learned = treeBoosting.isDone(state) ? treeBoosting.model(state) : undefined;
    if (learned !== undefined) secure = aucOf(learned.spec as TreesSpec, learned.parameters);
  }
  const spec: TreesSpec = { family: 'trees', inputs: edges.length, edges, depth: trees.depth, trees: trees.trees };
  return { secure, central: aucOf(spec, fitTrees(tableOf(train), { ...trees, edges, bias })) };
}

/** One secure sum: edges of bins, and the log-odds of everybody's base rate. */
async function prepared(
  asking: { readonly devices: readonly (readonly LabelledRow[])[]; readonly cohort: number } & {
    readonly trainer: typeof linearTrainer;
    readonly seed: number;
  },
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
