/** The REST interface under `/api/v1`: one schema a resource, parsed on both sides. */

import * as z from 'zod/mini';
import { releaseLimits } from '../algorithms/release-limits.ts';
import { leastCohorts, mergeRule } from '../encoding/merge.ts';
import { auditClaim } from '../privacy/audit-claim.ts';
import { privacyClaim, privacyPolicy } from '../privacy/policy.ts';
import {
  algorithmField,
  bytesField,
  deviceIdField,
  idField,
  purposeField,
  sha256Field,
  timeField,
  u64Field,
} from './fields.ts';
import { planBroadcast } from './plan.ts';

const count = z.int().check(z.nonnegative());
const epsilon = z.optional(z.number().check(z.nonnegative()));
const share = z.number().check(z.minimum(0), z.lt(1));
const milliseconds = z.int().check(z.positive(), z.maximum(3_600_000));

/** How long each turn stays open. */
export const turnLimits = z.strictObject({
  advertiseMs: milliseconds,
  dealMs: milliseconds,
  acknowledgeMs: milliseconds,
  maskedInputMs: milliseconds,
  certifyMs: milliseconds,
  unmaskMs: milliseconds,
});

/** Who is aggregated together, and under which assumptions. */
export const cohortPolicy = z.strictObject({
  /** The roster closes at this many devices. */
  size: z.int().check(z.minimum(3), z.maximum(1024)),
  /** Fewer devices at the deadline abandon the round; the size unless said. */
  minSize: z.optional(z.int().check(z.minimum(3), z.maximum(1024))),
  /** Cohorts that a round wants. Who is in which is drawn by a lot that every device checks. */
  count: z._default(z.int().check(z.minimum(1), z.maximum(256)), 1),
  /** γ: share of the cohort assumed corrupt. */
  corrupt: z._default(share, 0.1),
  /** δ: share of the cohort that may leave. */
  dropout: z._default(share, 0.3),
  /** Statistical security 2^-sigma. */
  sigma: z._default(z.int().check(z.minimum(20), z.maximum(128)), 80),
  /** Chance 2^-eta that honest dropouts within δ end a round. */
  eta: z._default(z.int().check(z.minimum(10), z.maximum(64)), 30),
});

/** The exact text that people agree to; its hash is what receipts and plans name. */
export const consentPolicy = z.strictObject({
  language: z.string().check(z.regex(/^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$/)),
  text: z.string().check(z.minLength(1), z.maxLength(65_536)),
});

const newTaskFields = z.strictObject({
  name: z.string().check(z.minLength(1), z.maxLength(200)),
  purpose: purposeField,
  algorithm: algorithmField,
  /** The algorithm's own configuration. */
  config: z.unknown(),
  examples: planBroadcast.shape.examples,
  consentPolicy,
  /** No hidden default: an operator who wants no noise says so, and devices show it. */
  privacy: privacyPolicy,
  cohort: cohortPolicy,
  /** How the sums of a round's cohorts become one aggregate; a robust rule bounds what a poisoned cohort can do. */
  merge: z._default(mergeRule, { rule: 'sum' }),
  limits: z.optional(turnLimits),
  /** Pause between rounds. */
  intervalMs: z._default(z.int().check(z.nonnegative(), z.maximum(2 ** 31)), 0),
  /** When devices get a new model to score with: after every round unless said, or once a release has been judged. */
  release: z.optional(z.enum(['every-round', 'judged'])),
});

const hasCohorts = z.refine<Pick<z.infer<typeof newTaskFields>, 'cohort' | 'merge'>>(
  ({ cohort, merge }) => cohort.count >= leastCohorts(merge),
  { path: ['cohort', 'count'], error: 'too few cohorts for a robust merge' },
);

export const newTask = newTaskFields.check(hasCohorts);
export type NewTask = z.infer<typeof newTask>;

/** `exhausted`: too few of the enrolled devices may take part once more; no round starts that would overspend. */
export const taskState = z.enum(['running', 'paused', 'done', 'exhausted', 'failed']);

/** What anyone with a publishable key may know of a task. */
export const taskView = z.object({
  id: idField('task'),
  name: z.string(),
  purpose: purposeField,
  algorithm: algorithmField,
  examples: planBroadcast.shape.examples,
  consentPolicy: z.object({ language: z.string(), text: z.string(), sha256: sha256Field }),
  privacy: privacyPolicy,
  cohort: cohortPolicy,
  merge: newTaskFields.shape.merge,
  state: taskState,
  createdAt: timeField,
  roundsCommitted: count,
  roundsAbandoned: count,
  /** ε spent so far, at the policy's δ, by the device that took part most; absent without noise. */
  epsilon,
  /** The algorithm's own figures, such as the AUC of an evaluation. */
  summary: z.optional(z.record(z.string(), z.unknown())),
  /** What devices score with. */
  latestModel: z.optional(idField('model')),
  release: newTaskFields.shape.release,
});
export type TaskView = z.infer<typeof taskView>;

export const turnNames = ['advertise', 'deal', 'acknowledge', 'masked-input', 'certify', 'unmask'] as const;
export type TurnName = (typeof turnNames)[number];
const byTurn = z.record(z.enum(turnNames), count);

export const roundView = z.object({
  id: idField('round'),
  task: idField('task'),
  number: u64Field,
  state: z.enum(['open', 'committed', 'abandoned']),
  openedAt: timeField,
  closedAt: z.optional(timeField),
  /** Devices that answered each turn. */
  funnel: z.object({ invited: count, answered: byTurn }),
  droppedByTurn: byTurn,
  contributors: z.optional(count),
  /** Why the round was abandoned. */
  reason: z.optional(z.string()),
  model: z.optional(idField('model')),
  /** ε after this round, at the task's δ, of the device that took part most; absent without noise. */
  epsilon,
  durationMs: z.optional(z.number()),
});
export type RoundView = z.infer<typeof roundView>;

/** For auditors: enough to recompute a round's sum in a laboratory, and no vector. */
export const transcriptView = z.object({
  round: idField('round'),
  plan: z.string(),
  /** Those that came to a sum, by number. */
  cohorts: z
    .array(
      z.object({
        header: z.string(),
        survivors: z.array(deviceIdField),
        /**
         * Of the integer sum as it was released, as little-endian words mod 2^32. Where the coordinator adds the noise,
         * that is the noised sum: the hash of the bare one would let anybody test guesses of it.
         */
        sumSha256: sha256Field,
      }),
    )
    .check(z.minLength(1)),
  /** How their sums became one aggregate. */
  merge: mergeRule,
  privacy: privacyClaim,
  /** Over the consent receipts on which the survivors' vectors were taken, in the order of `survivorsIn`. */
  receiptsRoot: sha256Field,
});
export type TranscriptView = z.infer<typeof transcriptView>;

/** The survivors of all cohorts, cohort by cohort. */
export function survivorsIn({ cohorts }: Pick<TranscriptView, 'cohorts'>): string[] {
  return cohorts.flatMap(({ survivors }) => survivors);
}

/**
 * Shows that a receipt justified a survivor's part in a round: its leaf is H(0x00 ‖ SHA-256 of the receipt), and the path
 * leads from there to the transcript's root (RFC 6962, §2.1.1).
 */
export const receiptInclusionView = z.object({
  round: idField('round'),
  device: deviceIdField,
  receiptSha256: sha256Field,
  index: count,
  size: count,
  path: z.array(sha256Field),
  root: sha256Field,
});
export type ReceiptInclusionView = z.infer<typeof receiptInclusionView>;

export const modelManifest = z.object({
  id: idField('model'),
  task: idField('task'),
  version: count,
  createdAt: timeField,
  round: idField('round'),
  /** A model spec of `models/`. */
  spec: z.unknown(),
  standardization: z.optional(z.unknown()),
  examples: planBroadcast.shape.examples,
  parameterCount: count,
  /** Of the parameters as little-endian float32. */
  parametersSha256: sha256Field,
  card: z.object({
    /** ε is that of the device that took part most, after this model's round; the bound is on how often one may. */
    privacy: privacyClaim,
    consentPolicySha256: sha256Field,
    /** Of this model's round, as in its transcript. */
    receiptsRoot: sha256Field,
    /** What an attack on models of the same promise proved about it: the last audit that the operator gave. */
    audit: z.optional(auditClaim),
  }),
  /** By the plan key, over `modelText`. */
  signature: bytesField(64),
});
export type ModelManifest = z.infer<typeof modelManifest>;

/** A task that compares a model with the one that devices score with; both are filled into its config. */
export const newComparison = z
  .extend(z.omit(newTaskFields, { algorithm: true, release: true }), {
    /** What `comparison/1` asks besides: bins, slices, bounds. */
    config: z._default(z.record(z.string(), z.unknown()), {}),
  })
  .check(hasCohorts);

export const newRelease = z.strictObject({
  /** A comparison that is done. Not needed for a task's first release, nor to go back to a model that was released before. */
  comparison: z.optional(idField('task')),
  /** Where the usual ones do not fit; they are kept with the judgement. */
  limits: z.prefault(releaseLimits, {}),
});

/** Whether a model was released, and on which grounds. */
export const releaseView = z.object({
  task: idField('task'),
  model: idField('model'),
  version: count,
  judgedAt: timeField,
  mayRelease: z.boolean(),
  /** Each with the figures that break the rule. */
  objections: z.array(z.object({ rule: z.string(), reason: z.string() })),
  /** What was compared, under which limits, and what came of it; absent where nothing had to be. */
  grounds: z.optional(
    z.object({
      comparison: idField('task'),
      champion: idField('model'),
      limits: releaseLimits,
      /** Whether folds keep its devices and those of the training apart. A split by time would not show here. */
      isByOtherDevices: z.boolean(),
      /** Log loss of the candidate less the champion's, in nats a row, and how well that is known; what is not known is left out. */
      difference: z.record(z.string(), z.number()),
    }),
  ),
});
export type ReleaseView = z.infer<typeof releaseView>;

/** The keys an app needs besides the pinned root key, each vouched for by the root key. */
export const keysView = z.object({
  rootKey: bytesField(32),
  /** Binary certificate of the plan key, base64url. */
  planKeyCertificate: z.string().check(z.maxLength(100_000)),
  enrolmentKey: bytesField(32),
  /** By the root key over `enrolmentKeyText`. */
  enrolmentKeySignature: bytesField(64),
});
export type KeysView = z.infer<typeof keysView>;

export const newDevice = z.strictObject({
  task: idField('task'),
  identityKey: bytesField(32),
  /** A signed consent receipt; parsed by `consent/`. */
  receipt: z.unknown(),
  /** By the identity key over `enrolmentText`: proof of possession. */
  proof: bytesField(64),
});
export type NewDevice = z.infer<typeof newDevice>;

export const deviceView = z.object({
  device: deviceIdField,
  task: idField('task'),
  /** u32 day ‖ signature, 68 bytes. */
  credential: bytesField(68),
});
export type DeviceView = z.infer<typeof deviceView>;

/** A later word of an enrolled device, such as a withdrawal. */
export const newConsent = z.strictObject({
  device: deviceIdField,
  task: idField('task'),
  /** A signed consent receipt; parsed by `consent/`. */
  receipt: z.unknown(),
});
export type NewConsent = z.infer<typeof newConsent>;

export const newScores = z.strictObject({
  task: idField('task'),
  /** Raw feature values in the order of the model's feature source. */
  rows: z
    .array(z.array(z.number()).check(z.minLength(1), z.maxLength(65_536)))
    .check(z.minLength(1), z.maxLength(1000)),
});

export const scoresView = z.object({
  model: idField('model'),
  version: count,
  scores: z.array(z.number()),
});

/** A page of anything, newest last; `next` is an opaque cursor. */
export function pageOf<Item extends z.ZodMiniType>(item: Item) {
  return z.object({ items: z.array(item), next: z.optional(z.string()) });
}
