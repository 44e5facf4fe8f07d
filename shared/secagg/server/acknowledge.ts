/** R1b: forward the sealed shares, collect whose shares are good, and choose U1. */

import type { Bytes } from '../../bytes.ts';
import { acknowledgeText } from '../context.ts';
import { encodeShares } from '../down-messages.ts';
import { lateMessage } from '../messages.ts';
import { areEnough } from '../roster.ts';
import { type Acknowledgement, type DealtPart, decodeAcknowledgement, neighbourBitmap } from '../up-messages.ts';
import { type Deals, type GoodDealers, indexIn } from './knowledge.ts';
import { openMaskedInput } from './masked-input.ts';
import { chooseMaskers } from './maskers.ts';
import { abandon, count, type Members, openTurn, type Run, type Step, stillIn, verifyPlaces } from './run.ts';

export function openAcknowledge(run: Run, deals: Deals): Step {
  const members = run.members;
  const { header } = members.cohort;
  if (deals.size < header.minSurvivors) return abandon(run, 'too-few-survivors');
  return openTurn<Acknowledgement>(run, {
    turn: 'acknowledge',
    limitMs: run.setup.plan.limits.acknowledgeMs,
    awaited: new Set(deals.keys()),
    request: (place) => (deals.has(place) ? lateMessage('shares', () => sharesFor(members, deals, place)) : undefined),
    decode: (_, body) => decodeAcknowledgement(body, header.neighbours),
    close: (later, acknowledgements) => verifyAcknowledgements(later, deals, acknowledgements),
  });
}

/** What the neighbours of a place dealt to it. */
function sharesFor({ neighbourhoods }: Members, deals: Deals, place: number): Bytes {
  const neighbours = neighbourhoods[place]!;
  const dealers = [...neighbours.keys()].filter((index) => deals.has(neighbours[index]!));
  const dealt = dealers.map((index): DealtPart => {
    const dealer = neighbours[index]!;
    return { deal: deals.get(dealer)!.deal, index: indexIn(neighbourhoods[dealer]!, place) };
  });
  return encodeShares(neighbourBitmap(dealers, neighbours.length), dealt);
}

function verifyAcknowledgements(run: Run, deals: Deals, acknowledgements: ReadonlyMap<number, Acknowledgement>): Step {
  const { ctx } = run.members.cohort;
  const texts = new Map(
    [...acknowledgements].map(([place, { bitmap, signature }]) => [
      place,
      { message: acknowledgeText({ ctx, place }, bitmap), signature },
    ]),
  );
  return verifyPlaces(run, texts, (later, valid) => {
    const present = stillIn(later, valid);
    const counted = count(later, 'acknowledged', present, deals.keys());
    const good = new Map([...present].map((place) => [place, acknowledgements.get(place)!.good]));
    return fixMaskers(counted, deals, good);
  });
}

function fixMaskers(run: Run, deals: Deals, good: GoodDealers): Step {
  const members = run.members;
  const maskers = chooseMaskers(members, new Set(deals.keys()), good);
  if (!areEnough(members.cohort, maskers)) return abandon(run, 'too-few-survivors');
  return openMaskedInput(run, deals, good, maskers);
}
