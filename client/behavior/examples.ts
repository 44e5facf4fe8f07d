/** The only door from what a device remembers to what it learns from: without consent there is nothing behind it. */

import { ChoraleError, type Instant } from '@chorale/shared';
import type { Purpose } from '@chorale/shared/consent';
import type { ChoraleEvent } from '@chorale/shared/features';
import type { SourceQuery, Sources } from './sources.ts';

declare const consented: unique symbol;

/** Rows whose use for learning the person has agreed to. Contributions are made of nothing else. */
export type ConsentedExamples = readonly unknown[] & { readonly [consented]: true };

export type ExamplesRequest = {
  /** The task's purpose. */
  readonly purpose: Purpose;
  /** What consent says about a purpose at this instant. */
  readonly allows: (purpose: Purpose) => boolean;
  /** In order of time. */
  readonly events: readonly ChoraleEvent[];
  readonly sources: Sources;
  readonly query: SourceQuery;
  readonly now: Instant;
};

/**
 * @throws ChoraleError `consent-required` where consent is missing, `invalid-input` where the device has no such source or
 * the source cannot answer the query
 */
export function consentedExamples(request: ExamplesRequest): ConsentedExamples {
  const { purpose, allows, events, sources, query, now } = request;
  if (!allows(purpose)) throw new ChoraleError('consent-required', `nobody has agreed to ${purpose}`);
  const source = sources.get(query.source);
  if (source === undefined) throw new ChoraleError('invalid-input', 'this device has no such feature source');
  return source.examples(events, query, now) as ConsentedExamples;
}
