/** The shape of a published figure that the laboratory reaches again: one scenario, one file. */

import { ChoraleError } from '@chorale/shared';
import type { Dataset, DatasetName } from '../datasets/dataset.ts';
import { locateDataset } from '../datasets/locate.ts';
import type { Progress } from '../report/progress.ts';
import type { About, Judged, Outcome } from '../study/method.ts';

export type Scenario = {
  /** As `--only` knows it. */
  readonly name: string;
  /** Whose figure it is, as `lab reproduce` knows it. */
  readonly dataset: string;
  /** For people: what is reached, in one line. */
  readonly title: string;
  readonly claim: Claim;
  /** Over how many seeds the claim is made. */
  readonly seeds: number;
  /** Takes hours: runs where it is named or long figures are asked for. */
  readonly isLong?: true;
  /** @throws ChoraleError `not-found` where the data is not: figures about real people are not reached on invented ones */
  prepare(place: DataPlace): Promise<Prepared>;
};

/** What the median over the seeds upholds; every seed's own value is in `perSeed`. */
export type Claim = { readonly figure: string } & ({ readonly atLeast: number } | { readonly atMost: number });

export type DataPlace = { readonly directory: string | undefined };

export type Prepared = {
  /** Where the data came from, in words for people. */
  readonly origin: string;
  run(setting: ScenarioSetting): Promise<ScenarioReport>;
};

export type ScenarioSetting = {
  /** 1 to this many. */
  readonly seeds: number;
  readonly progress: Progress;
  /** Threads that play devices, for the same figures; 0 for none but this one. */
  readonly workers: number;
  /** Where a report is wanted: told of every run, and of every baseline. */
  readonly onRun?: ((run: ShownRun) => void) | undefined;
};

/** One run as a report shows it: what it scored on which rows, or only how one figure went from round to round. */
export type ShownRun = { readonly about: About; readonly seed: number } & (
  | { readonly outcome: Outcome; readonly judged: Judged }
  | { readonly figure: string; readonly curve: readonly (readonly [round: number, value: number])[] }
);

/** What `--json` prints: the figure of the claim is the median over the seeds. */
export type ScenarioReport = {
  readonly name: string;
  /** Rounds that trained the model. */
  readonly rounds: number;
  /** Null without noise. */
  readonly epsilon: number | null;
  readonly seeds: number;
  /** Misses included. */
  readonly perSeed: readonly SeedFigures[];
  readonly [figure: string]: unknown;
};

export type SeedFigures = { readonly seed: number; readonly [figure: string]: unknown };

/** About people and what they bought: a claim about AUC. */
export type PurchaseScenario = {
  readonly name: string;
  readonly dataset: Exclude<DatasetName, 'synthetic'>;
  readonly title: string;
  /** The claim: the median over the seeds is at least this. */
  readonly leastAuc: number;
  readonly seeds: number;
  run(setting: ScenarioSetting & { readonly dataset: Dataset }): Promise<ScenarioReport>;
};

export function purchaseScenario({ run, leastAuc, ...about }: PurchaseScenario): Scenario {
  return { ...about, claim: { figure: 'auc', atLeast: leastAuc }, prepare: withDataset(about.dataset, run) };
}

/** Ready to run once the data set itself is there: an invented one does not stand in for it. */
export function withDataset(name: PurchaseScenario['dataset'], run: PurchaseScenario['run']): Scenario['prepare'] {
  return async ({ directory }) => {
    const dataset = await locateDataset(name, { directory });
    if (dataset.name !== name) throw new ChoraleError('not-found', `nothing to reproduce: ${dataset.origin}`);
    const origin = `${dataset.origin}: ${dataset.customers.length} customers`;
    return { origin, run: (setting) => run({ ...setting, dataset }) };
  };
}

/** @returns in words, by what the report misses the claim; undefined where it upholds it */
export function missOf(claim: Claim, report: ScenarioReport): string | undefined {
  const value = report[claim.figure];
  const isUpheld = typeof value === 'number' && ('atLeast' in claim ? value >= claim.atLeast : value <= claim.atMost);
  return isUpheld ? undefined : `${report.name}: ${claim.figure} ${value} misses the claim of ${wordsOf(claim)}`;
}

export function wordsOf(claim: Claim): string {
  return 'atLeast' in claim ? `at least ${claim.atLeast}` : `at most ${claim.atMost}`;
}
