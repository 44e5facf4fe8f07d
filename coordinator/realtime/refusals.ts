/** The one place where a failure becomes a coded acknowledgement. */

import { ChoraleError, type ErrorCode, type Reply } from '@chorale/shared';
import type { Events } from '../events.ts';

export type Refusal = Extract<Reply, { ok: false }> & { readonly code: ErrorCode };

export function refusalOf(error: unknown, where: string, events: Events): Refusal {
  if (error instanceof ChoraleError) {
    const { code, message: detail, retryAfterMs } = error;
    if (code === 'store-unavailable') events.storeRefused(where);
    return { ok: false, code, detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
  }
  events.defectFound(where, error);
  return { ok: false, code: 'internal', detail: 'something went wrong here; it was noted' };
}
