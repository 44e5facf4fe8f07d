/** A way to come to scores, as a study compares them. */

import type { FeatureSchema } from '@chorale/shared/features';
import type { Scorer } from '../baselines/index.ts';
import type { People } from '../scenarios/purchase-people.ts';

export type Ground = {
  readonly people: People;
  readonly schema: FeatureSchema;
  /** Secure sums that train a federated model. */
  readonly rounds: number;
  /** Devices in one of them. */
  readonly cohort: number;
};

/** What a report calls it. */
export type About = {
  readonly name: string;
  /** For people. */
  readonly title: string;
  readonly kind: 'federated' | 'private' | 'baseline';
};

export type Method = About & {
  /** Whether another seed gives other scores; otherwise one run says all. */
  readonly isRandom: boolean;
  /** Rounds of one run, for progress; 0 where there are none. */
  rounds(ground: Ground): number;
  run(ground: Ground, seed: number, onRound: () => void): Promise<Outcome>;
};

export type Outcome = {
  /** One per test row. */
  readonly scores: Float32Array;
  /** The model that gave them, where it is one. */
  readonly scoresOf?: Scorer;
  readonly learning?: readonly LearningPoint[];
  readonly cost?: Cost;
  /** What taking part has cost at most; at δ = 1e-5. */
  readonly epsilon?: number;
};

/** Whom an outcome is judged on, and what is known about them. */
export type Judged = Pick<People, 'test'> & Partial<Pick<People, 'train' | 'embargoed'>>;

export type LearningPoint = { readonly round: number; readonly auc: number };

export type Cost = {
  readonly rounds: number;
  /** Bytes of one masked contribution: four for each coordinate. */
  readonly uploadBytes: number;
  /** Rounds that a device takes part in on average. */
  readonly participations: number;
};
