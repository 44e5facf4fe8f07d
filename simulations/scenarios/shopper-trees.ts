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
import { baseRateOf, centralScores, fitTrees, type Rows, rowsOf } from '../baselines/index.ts';
import { loadOnlineShoppers, shopperGrid, withIndicators } from '../datasets/online-shoppers.ts';
import { runFast } from '../fast.ts';
import { reportScores, type ScoreReport } from '../metrics/score-report.ts';
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
    return { origin, run: (setting) => shopperFigures(sessions, setting) };
  },
};

const abouts = {
  secure: { name: 'federated-trees', title: 'Federated boosted trees', kind: 'federated' },
  central: { name: 'central-boosting', title: 'Central boosted trees (same bins)', kind: 'baseline' },
  logistic: { name: 'central-logistic', title: 'Central logistic regression', kind: 'baseline' },
  baseRate: { name: 'base-rate', title: 'Base rate for everybody', kind: 'baseline' },
} as const;

/** @param sessions one row each, of as many people */
export async function shopperFigures(
  sessions: readonly LabelledRow[],
  { seeds, progress, workers, onRun }: ScenarioSetting,
): Promise<ScenarioReport> {
  const rounds = 1 + trees.trees * trees.depth;
  progress.begin('training', seeds * folds * rounds);
  const runs: { seed: number; auc: number; aucCentralBoosting: number; secure: Together }[] = [];
  let played = 0;
  for (let seed = 1; seed <= seeds; seed++) {
    const onRound = () => progress.advance(++played, `seed ${seed}`);
    const judged: Judged[] = [];
    for (const fold of foldsOf(sessions, seed)) judged.push(await judgedBy(fold, { seed, workers }, onRound));
    const sideOf = (side: 'secure' | 'central') => judged.map((one) => ({ test: one.test, outcome: one[side] }));
    const secure = together(sideOf('secure'));
    onRun?.({ about: abouts.secure, seed, ...secure });
    onRun?.({ about: abouts.central, seed, ...together(sideOf('central')) });
    runs.push({ seed, auc: meanAuc(sideOf('secure')), aucCentralBoosting: meanAuc(sideOf('central')), secure });
  }
  progress.end();
  const { auc, aucCentralBoosting, secure } = medianBy(runs, (one) => one.auc);
  const { prAuc, logLoss, calibration, liftAtTenth } = reportOf(secure);
  return {
    name: 'online-shoppers trees',
    ...{ auc, rounds, epsilon: null, seeds, prAuc, logLoss, calibration, liftAtTenth, aucCentralBoosting },
    ...plainFigures(sessions, { progress, onRun }),
    roundsForEdges: 1,
    ...{ devices: sessions.length, folds, bins, ...trees },
    perSeed: runs.map(({ secure: _, ...figures }) => figures),
  };
}

/** What does without trees, over one drawing of folds: the same whatever the seeds. */
function plainFigures(
  sessions: readonly LabelledRow[],
  { progress, onRun }: Pick<ScenarioSetting, 'progress' | 'onRun'>,
) {
  const drawn = foldsOf(sessions.map(withIndicators), 1);
  progress.begin('baselines', folds);
  const judged = drawn.map(({ train, test }, fold) => {
    progress.advance(fold, 'central-logistic');
    const rows = tableOf(train);
    const logistic = { scores: centralScores(rows, test, train[0]!.features.length) };
    return { test, logistic, baseRate: { scores: new Float32Array(test.rowCount).fill(baseRateOf(rows)) } };
  });
  progress.advance(folds);
  progress.end();
  const sideOf = (side: 'logistic' | 'baseRate') => judged.map((one) => ({ test: one.test, outcome: one[side] }));
  const baseRate = together(sideOf('baseRate'));
  onRun?.({ about: abouts.logistic, seed: 1, ...together(sideOf('logistic')) });
  onRun?.({ about: abouts.baseRate, seed: 1, ...baseRate });
  const { logLoss, majorityAccuracy } = reportOf(baseRate);
  return {
    ...{ aucCentral: meanAuc(sideOf('logistic')), aucBaseRate: meanAuc(sideOf('baseRate')) },
    ...{ logLossBaseRate: logLoss, majorityAccuracy },
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

type JudgedFold = { readonly test: Rows; readonly outcome: Outcome };

function meanAuc(judged: readonly JudgedFold[]): number {
  return judged.reduce((sum, { outcome, test }) => sum + aucOf(outcome.scores, test), 0) / folds;
}

type Together = { readonly outcome: Outcome; readonly judged: { readonly test: Rows } };

/** All sessions, each scored by the model that its own fold had no part in; the curve is a mean over folds. */
function together(judged: readonly JudgedFold[]): Together {
  const floats = (of: (one: JudgedFold) => Float32Array) => Float32Array.from(judged.flatMap((one) => [...of(one)]));
  const labels = floats(({ test }) => test.labels);
  const { learning = [], scoresOf: _, ...outcome } = judged[0]!.outcome;
  const mean = (place: number) => judged.reduce((sum, one) => sum + one.outcome.learning![place]!.auc, 0) / folds;
  return {
    outcome: {
      ...outcome,
      scores: floats((one) => one.outcome.scores),
      learning: learning.map(({ round }, place) => ({ round, auc: mean(place) })),
    },
    judged: {
      // Nobody has two sessions.
      test: { ...judged[0]!.test, labels, owners: Uint32Array.from(labels, (_, row) => row), rowCount: labels.length },
    },
  };
}

function reportOf({ outcome, judged }: Together): ScoreReport {
  return reportScores(outcome.scores, judged.test.labels);
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
    rows[0]?.features.length ?? 0,
  );
}
