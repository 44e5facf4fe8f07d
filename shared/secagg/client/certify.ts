/** R3: check U2, and as a member of the committee sign it together with U1. */

import type { Bytes } from '../../bytes.ts';
import { certifyText, survivorsHash } from '../context.ts';
import { decodeSurvivors } from '../down-messages.ts';
import { areEnough } from '../roster.ts';
import { deadlineAfter, type Holdings, persist, type Round, refuse, type Step, say, sign, wait } from './state.ts';

/** @throws ChoraleError `invalid-input` where the message is malformed */
export function acceptSurvivors(round: Round, body: Bytes, holdings: Holdings): Step {
  const { cohort, place } = holdings.seat;
  const survivors = decodeSurvivors(body, cohort.header.devices);
  if (!areSurvivors(holdings, survivors)) return refuse(round, 'survivors-too-few');
  const deadline = deadlineAfter(round, round.device.plan.limits.certifyMs);
  const next = { at: 'awaiting-certificate', holdings, survivors: body, deadline } as const;
  if (!cohort.committee.has(place)) return wait(round, next);
  return persist(round, { kind: 'signed' }, (later) => {
    const text = certifyText({ ctx: cohort.ctx, place }, holdings.maskers.h1, survivorsHash(cohort.ctx, body));
    return sign(later, text, (after, signature) => say(after, { name: 'certify', body: signature }, next));
  });
}

/** The rule for U2 at R3 and R4: a part of U1, large enough, and spread over the whole ring. */
export function areSurvivors({ seat, maskers }: Holdings, survivors: ReadonlySet<number>): boolean {
  return [...survivors].every((place) => maskers.places.has(place)) && areEnough(seat.cohort, survivors);
}
