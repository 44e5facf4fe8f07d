/** Words for the coordinator that must arrive, such as a withdrawal made offline: kept until they are delivered. */

import { ChoraleError, type ErrorCode, type Store } from '@chorale/shared';
import { type NewConsent, newConsent, routes } from '@chorale/shared/wire';
import * as z from 'zod/mini';
import type { Http } from '../adapters/http.ts';
import { appendRecord, readRecords } from '../store-records.ts';

/** Refusals that trying again can change. */
const passing: readonly ErrorCode[] = ['store-unavailable', 'rate-limited', 'internal'];

export class Outbox {
  readonly #store: Store;
  readonly #http: Http;
  #delivering: Promise<boolean> = Promise.resolve(true);

  constructor(store: Store, http: Http) {
    this.#store = store;
    this.#http = http;
  }

  async post(word: NewConsent): Promise<void> {
    await appendRecord(this.#store, 'outbox', word);
  }

  /** Delivers in order what waits. @returns whether nothing waits any more; never rejects */
  deliver(): Promise<boolean> {
    // One delivery at a time: two would say everything twice.
    this.#delivering = this.#delivering.then(() => this.#deliverAll()).catch(() => false);
    return this.#delivering;
  }

  async #deliverAll(): Promise<boolean> {
    for (const { key, record } of await readRecords(this.#store, 'outbox', newConsent)) {
      if (!(await this.#isSettled(record))) return false;
      await this.#store.delete(key);
    }
    return true;
  }

  /** A word that the coordinator refuses for good, such as of a device that it does not know, need not wait. */
  async #isSettled(word: NewConsent): Promise<boolean> {
    try {
      await this.#http.post(routes.consents, word, z.unknown());
      return true;
    } catch (error) {
      return error instanceof ChoraleError && !passing.includes(error.code);
    }
  }
}
