/** The shape of a published figure that the laboratory reaches again: one scenario, one file. */

import type { Dataset, DatasetName } from '../datasets/dataset.ts';
import type { Progress } from '../report/progress.ts';

export type Scenario = PurchaseScenario;

/** About people and what they bought. */
export type PurchaseScenario = {
  /** As `--only` knows it. */
  readonly name: string;
  readonly dataset: Exclude<DatasetName, 'synthetic'>;
  /** For people: what is reached, in one line. */
  readonly title: string;
  /** The claim: the median over the seeds is at least this. */
  readonly leastAuc: number;
  /** Over how many seeds the claim is made. */
  readonly seeds: number;
  run(setting: ScenarioSetting): Promise<ScenarioReport>;
};

export type ScenarioSetting = {
  readonly dataset: Dataset;
  /** 1 to this many. */
  readonly seeds: number;
  readonly progress: Progress;
};

/** What `--json` prints. */
export type ScenarioReport = {
  readonly name: string;
  /** Median over the seeds. */
  readonly auc: number;
  /** Rounds that trained the model. */
  readonly rounds: number;
  /** Null without noise. */
  readonly epsilon: number | null;
  readonly seeds: number;
  /** Misses included. */
  readonly perSeed: readonly { readonly seed: number; readonly auc: number }[];
  readonly [figure: string]: unknown;
};
