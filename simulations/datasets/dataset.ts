/** A data set as the laboratory sees it: people, what they did, and until when anybody watched. */

import type { Instant } from '@chorale/shared';
import type { ChoraleEvent } from '@chorale/shared/features';

/** One person with their own device; events in the order of time. */
export type Customer = { readonly id: string; readonly events: readonly ChoraleEvent[] };

export type DatasetName = 'online-retail' | 'cdnow' | 'synthetic' | 'synthetic-visits';

export type Dataset = {
  readonly name: DatasetName;
  /** Where it came from, in words for people: the first line of any output. */
  readonly origin: string;
  readonly customers: readonly Customer[];
  /** The end of observation: every device was watching until then. */
  readonly seenUntil: Instant;
};

/** Collects events by customer. Customers keep the order of their first event in the file. */
export class CustomersBuilder {
  readonly #events = new Map<string, ChoraleEvent[]>();

  add(customer: string, event: ChoraleEvent): void {
    const events = this.#events.get(customer);
    if (events === undefined) this.#events.set(customer, [event]);
    else events.push(event);
  }

  build(): Customer[] {
    return Array.from(this.#events, ([id, events]) => ({ id, events: events.sort((a, b) => a.at - b.at) }));
  }
}
