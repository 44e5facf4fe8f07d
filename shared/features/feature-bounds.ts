/** What features may be, as a task says it: declared with the schema and never learned, since a minimum is one person's. */

import * as z from 'zod/mini';

const column = z.array(z.number()).check(z.minLength(1), z.maxLength(65_536));

export const featureBounds = z.strictObject({ lower: column, upper: column }).check(
  z.refine(({ lower, upper }) => lower.length === upper.length, 'one lower and one upper bound per feature'),
  z.refine(({ lower, upper }) => lower.every((value, i) => value < upper[i]!), 'a lower bound is not below its upper'),
);
export type FeatureBounds = z.infer<typeof featureBounds>;
