/** How much worse than the champion a model may be and still take its place. */

import * as z from 'zod/mini';

const allowance = z.number().check(z.nonnegative());

export const releaseLimits = z.strictObject({
  /** Nats a row that count as no loss: no finite sample can show that two equal models are equal. */
  logLossMargin: z._default(allowance, 0.002),
  /** Probability with which a candidate worse than that by log loss is found out. */
  confidence: z._default(z.number().check(z.minimum(0.5), z.lt(1)), 0.95),
  aucDrop: z._default(allowance, 0.005),
  /** Mean score over base rate: lowest, highest. */
  calibration: z._default(z.tuple([allowance, allowance]), [0.9, 1.1]),
  expectedCalibrationError: z._default(allowance, 0.02),
  sliceAucDrop: z._default(allowance, 0.02),
});

export type ReleaseLimits = Readonly<z.infer<typeof releaseLimits>>;

export const usualReleaseLimits: ReleaseLimits = z.parse(releaseLimits, {});
