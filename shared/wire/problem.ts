/** Refusals over HTTP: problem details (RFC 9457) with the stable codes of `errors.ts`. */

import * as z from 'zod/mini';
import { ChoraleError, type ErrorCode, errorCodes } from '../errors.ts';

export const problem = z.object({
  /** `/problems/<code>` */
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.enum(errorCodes),
  retryAfterMs: z.optional(z.number()),
});
export type Problem = z.infer<typeof problem>;

export const statusOf: Readonly<Record<ErrorCode, number>> = {
  'invalid-input': 400,
  unauthorized: 401,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  'rate-limited': 429,
  'payload-too-large': 413,
  'upgrade-required': 426,
  'consent-required': 403,
  'policy-superseded': 409,
  'not-eligible': 403,
  'round-full': 409,
  'round-over': 410,
  'wrong-turn': 409,
  duplicate: 409,
  'plan-refused': 409,
  'budget-exhausted': 409,
  'too-few-devices': 409,
  'store-unavailable': 503,
  internal: 500,
};

export function toProblem(error: ChoraleError): Problem {
  return {
    type: `/problems/${error.code}`,
    title: error.code.replaceAll('-', ' '),
    status: statusOf[error.code],
    detail: error.message,
    code: error.code,
    ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
  };
}

export function fromProblem(value: Problem): ChoraleError {
  const options = value.retryAfterMs === undefined ? {} : { retryAfterMs: value.retryAfterMs };
  return new ChoraleError(value.code, value.detail, options);
}

/**
 * Parses outside input.
 *
 * @throws ChoraleError `invalid-input` that names the first wrong field and what it should be, not its value
 */
export function parseInput<Schema extends z.ZodMiniType>(
  schema: Schema,
  value: unknown,
  what: string,
): z.infer<Schema> {
  const parsed = z.safeParse(schema, value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const path = issue?.path.join('.') || 'the whole';
  throw new ChoraleError('invalid-input', `${what}: ${path}: ${issue?.message ?? 'not as expected'}`);
}
