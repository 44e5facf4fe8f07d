/** What an audit found, for the card of a model that was trained in the same way. */

import * as z from 'zod';

export const auditClaim = z.strictObject({
  name: z.literal('canary-audit'),
  /** The attack and the statistics behind the bounds. */
  method: z.string(),
  unit: z.literal('device-enrolment'),
  /** What was promised, and counted from the noise that was added. */
  epsilonAccounted: z.number(),
  delta: z.number(),
  noiseMultiplier: z.number(),
  participations: z.number().int(),
  /** Refuted at this confidence: the true ε is at least so large. */
  epsilonLowerBound: z.number(),
  confidence: z.number(),
  /** The same attack on models without noise: how much it can see at all. */
  epsilonLowerBoundWithoutNoise: z.number(),
  models: z.number().int(),
  canaries: z.number().int(),
  guesses: z.number().int(),
  correct: z.number().int(),
  correctWithoutNoise: z.number().int(),
  /** Devices in each sum; the noise is sized for exactly so many. */
  cohort: z.number().int(),
  dataset: z.string(),
  seed: z.string(),
});
export type AuditClaim = z.infer<typeof auditClaim>;
