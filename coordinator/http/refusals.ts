/** The one place where a failure becomes an HTTP answer: problem details (RFC 9457). */

import { ChoraleError, type ErrorCode } from '@chorale/shared';
import { toProblem } from '@chorale/shared/wire';
import type { ErrorRequestHandler } from 'express';
import type { Events } from '../events.ts';

export function refusals(events: Events): ErrorRequestHandler {
  return (error, request, response, next) => {
    if (response.headersSent) return next(error);
    const refusal = refusalOf(error);
    if (refusal.code === 'internal') events.defectFound(`${request.method} ${request.path}`, error);
    if (refusal.code === 'store-unavailable') events.storeRefused(`${request.method} ${request.path}`);
    const problem = toProblem(refusal);
    if (refusal.code === 'unauthorized') response.set('WWW-Authenticate', 'Bearer');
    if (refusal.retryAfterMs !== undefined) response.set('Retry-After', String(Math.ceil(refusal.retryAfterMs / 1000)));
    response.status(problem.status).type('application/problem+json').send(JSON.stringify(problem));
  };
}

function refusalOf(error: unknown): ChoraleError {
  if (error instanceof ChoraleError) return error;
  const [code, detail] = ofParser(error) ?? (['internal', 'something went wrong here; it was noted'] as const);
  return new ChoraleError(code, detail);
}

/** Express's own parsers mark what they refuse with a type or a status; their texts may repeat the input. */
function ofParser(error: unknown): readonly [ErrorCode, string] | undefined {
  if (!(error instanceof Error)) return undefined;
  const { type, status } = error as { type?: unknown; status?: unknown };
  if (type === 'entity.too.large') return ['payload-too-large', 'the body is longer than this coordinator accepts'];
  if (type === 'entity.parse.failed') return ['invalid-input', 'the body is not JSON'];
  if (typeof status === 'number' && status >= 400 && status < 500) return ['invalid-input', 'the request is malformed'];
  return undefined;
}
