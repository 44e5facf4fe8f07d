/** What an audit found, for the card of a model that was trained in the same way. */

import * as z from 'zod/mini';
import { privacyUnit } from './policy.ts';

const count = z.int().check(z.nonnegative());
const loss = z.number().check(z.nonnegative());
const share = z.number().check(z.gt(0), z.lt(1));
const text = z.string().check(z.minLength(1), z.maxLength(1000));

export const auditClaim = z.strictObject({
  name: z.literal('canary-audit'),
  /** The attack and the statistics behind the bounds. */
  method: text,
  unit: privacyUnit,
  /** What was promised, and counted from the noise that was added. */
  epsilonAccounted: loss,
  delta: share,
  noiseMultiplier: z.number().check(z.positive()),
  participations: count,
  /** Refuted at this confidence: the true ε is at least so large. */
  epsilonLowerBound: loss,
  confidence: share,
  /** The same attack on models without noise: how much it can see at all. */
  epsilonLowerBoundWithoutNoise: loss,
  models: count,
  canaries: count,
  guesses: count,
  correct: count,
  correctWithoutNoise: count,
  /** Devices in each sum; the noise is sized for exactly so many. */
  cohort: count,
  dataset: text,
  seed: text,
});
export type AuditClaim = z.infer<typeof auditClaim>;
