/** Words for the coordinator that must arrive, such as a withdrawal made offline: kept until they are delivered. */

import { ChoraleError, type ErrorCode, type Store } from '@chorale/shared';
import { type NewConsent, newConsent, routes } from '@chorale/shared/wire';
import * as z from 'zod/mini';
import type { Http } from '../adapters/http.ts';
import { appendRecord, readRecords } from '../store-records.ts';

/** Refusals that trying again can change. */
const passing: readonly ErrorCode[] = ['store-unavailable', 'rate-limited', 'internal'];

export async function post(store: Store, word: NewConsent): Promise<void> {
  await appendRecord(store, 'outbox', word);
}

/**
 * Delivers in order what waits.
 *
 * @returns whether nothing waits any more
 */
export async function deliver(store: Store, http: Http): Promise<boolean> {
  for (const { key, record } of await readRecords(store, 'outbox', newConsent)) {
    if (!(await isSettled(http, record))) return false;
    await store.delete(key);
  }
  return true;
}

/** A word that the coordinator refuses for good, such as of a device that it does not know, need not wait. */
async function isSettled(http: Http, word: NewConsent): Promise<boolean> {
  try {
    await http.post(routes.consents, word, z.unknown());
    return true;
  } catch (error) {
    return error instanceof ChoraleError && !passing.includes(error.code);
  }
}
