/** R1b: forward the sealed shares, collect whose shares are good, and choose U1. */

import { acknowledgeText } from '../context.ts';
import { encodeShares } from '../down-messages.ts';
import type { DownMessage } from '../messages.ts';
import { areEnough } from '../roster.ts';
import { type Acknowledgement, dealtParts, decodeAcknowledgement, neighbourBitmap } from '../up-messages.ts';
import { type Deals, type GoodDealers, indexIn } from './knowledge.ts';
import { openMaskedInput } from './masked-input.ts';
import { chooseMaskers } from './maskers.ts';
import {
  abandon,
  count,
  type Members,
  membersOf,
  openTurn,
  type Round,
  type Step,
  stillIn,
  verifyPlaces,
} from './state.ts';

export function openAcknowledge(round: Round, deals: Deals): Step {
  const members = membersOf(round);
  const { header } = members.cohort;
  if (deals.size < header.minSurvivors) return abandon(round, 'too-few-survivors');
  return openTurn<Acknowledgement>(round, {
    turn: 'acknowledge',
    limitMs: round.setup.plan.limits.acknowledgeMs,
    awaited: new Set(deals.keys()),
    request: (place) => (deals.has(place) ? sharesFor(members, deals, place) : undefined),
    decode: (_, body) => decodeAcknowledgement(body, header.neighbours),
    close: (later, acknowledgements) => verifyAcknowledgements(later, deals, acknowledgements),
  });
}

/** What the neighbours of a place dealt to it. */
function sharesFor({ neighbourhoods }: Members, deals: Deals, place: number): DownMessage {
  const neighbours = neighbourhoods[place]!;
  const dealers = [...neighbours.keys()].filter((index) => deals.has(neighbours[index]!));
  const dealt = dealers.flatMap((index) => {
    const dealer = neighbours[index]!;
    return dealtParts(deals.get(dealer)!.deal, indexIn(neighbourhoods[dealer]!, place));
  });
  return { name: 'shares', body: encodeShares(neighbourBitmap(dealers, neighbours.length), dealt) };
}

function verifyAcknowledgements(
  round: Round,
  deals: Deals,
  acknowledgements: ReadonlyMap<number, Acknowledgement>,
): Step {
  const { ctx } = membersOf(round).cohort;
  const texts = new Map(
    [...acknowledgements].map(([place, { bitmap, signature }]) => [
      place,
      { message: acknowledgeText({ ctx, place }, bitmap), signature },
    ]),
  );
  return verifyPlaces(round, texts, (later, valid) => {
    const present = stillIn(later, valid);
    const counted = count(later, 'acknowledged', present, deals.keys());
    const good = new Map([...present].map((place) => [place, acknowledgements.get(place)!.good]));
    return fixMaskers(counted, deals, good);
  });
}

function fixMaskers(round: Round, deals: Deals, good: GoodDealers): Step {
  const members = membersOf(round);
  const maskers = chooseMaskers(members, new Set(deals.keys()), good);
  if (!areEnough(members.cohort, maskers)) return abandon(round, 'too-few-survivors');
  return openMaskedInput(round, deals, good, maskers);
}
