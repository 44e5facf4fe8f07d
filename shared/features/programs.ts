/** The built-in ways from events to rows: one streaming history each, the same on a device and in a laboratory. */

import type { Instant } from '../ports.ts';
import { ActivityHistory } from './activity-history.ts';
import { behaviorFeatures } from './behavior.ts';
import { behavior1 } from './behavior-schema.ts';
import type { ChoraleEvent } from './events.ts';
import { PurchaseHistory } from './purchase-history.ts';
import type { FeatureSchema } from './schema.ts';
import { pastUntil } from './timeline.ts';
import { transactionFeatures, transactions1 } from './transactions.ts';

/** One device's events as they come in, and what they say about any instant. */
export interface FeatureHistory {
  /** In any order; copies make no difference. */
  observe(event: ChoraleEvent): void;
  /**
   * What was known just before the cut.
   *
   * @param knownUntil nothing from this instant on is known either; the cut unless said
   * @returns as the schema encodes it, not yet standardised; undefined while there is nothing to know
   */
  features(cut: Instant, knownUntil?: Instant): Float32Array<ArrayBuffer> | undefined;
  hasOrderWithin(from: Instant, to: Instant): boolean;
}

export type FeatureProgram = {
  readonly schema: FeatureSchema;
  /** Of a device that has seen nothing yet. */
  readonly open: () => FeatureHistory;
};

const transactions: FeatureProgram = { schema: transactions1, open: openTransactions };
const behavior: FeatureProgram = { schema: behavior1, open: openBehavior };

/** By the id of their schema: what a task may name as the source of its examples, wherever the app brings none. */
export const featurePrograms: ReadonlyMap<string, FeatureProgram> = new Map(
  [transactions, behavior].map((program) => [program.schema.id, program]),
);

function openTransactions(): FeatureHistory {
  const purchases = new PurchaseHistory();
  return {
    observe: (event) => purchases.observe(event),
    features: (cut, knownUntil = cut) => transactionFeatures(pastUntil(purchases, knownUntil), cut),
    hasOrderWithin: (from, to) => purchases.hasOrderWithin(from, to),
  };
}

function openBehavior(): FeatureHistory {
  const purchases = new PurchaseHistory();
  const activity = new ActivityHistory((order) => !purchases.counts(order));
  return {
    observe: (event) => {
      purchases.observe(event);
      activity.observe(event);
    },
    features: (cut, knownUntil = cut) => {
      const past = { purchases: pastUntil(purchases, knownUntil), activity: pastUntil(activity, knownUntil) };
      return behaviorFeatures(past, cut);
    },
    hasOrderWithin: (from, to) => purchases.hasOrderWithin(from, to),
  };
}
