/** The only door from what a device remembers to what it learns from: without consent there is nothing behind it. */

import { ChoraleError, type Instant } from '@chorale/shared';
import type { PlaceOf } from '@chorale/shared/algorithms';
import type { Purpose } from '@chorale/shared/consent';
import { type ChoraleEvent, isInFold } from '@chorale/shared/features';
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
  /** This device's own draw for a label, in [0, 1). */
  readonly placeOf: PlaceOf;
};

/**
 * @throws ChoraleError `consent-required` where consent is missing, `invalid-input` where the device has no such source or
 * the source cannot answer the query
 */
export function consentedExamples(request: ExamplesRequest): ConsentedExamples {
  const { purpose, allows, events, sources, now, placeOf } = request;
  const { fold, ...query } = request.query;
  if (!allows(purpose)) throw new ChoraleError('consent-required', `nobody has agreed to ${purpose}`);
  const source = sources.get(query.source);
  if (source === undefined) throw new ChoraleError('invalid-input', 'this device has no such feature source');
  // Who is not asked answers like somebody who has nothing to say.
  const isAsked = fold === undefined || isInFold(fold, placeOf(`fold of ${fold.label}`));
  return (isAsked ? source.examples(events, query, now, placeOf) : []) as readonly unknown[] as ConsentedExamples;
}
