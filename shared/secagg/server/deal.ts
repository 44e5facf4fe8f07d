/** R1a: send the roster, collect what every device deals to its neighbours. */

import type { Bytes } from '../../bytes.ts';
import { dealText } from '../context.ts';
import { encodeRoster } from '../down-messages.ts';
import { type Advertisement, encodeAdvertisement } from '../roster.ts';
import { type Deal, decodeDeal } from '../up-messages.ts';
import { openAcknowledge } from './acknowledge.ts';
import type { Dealt } from './knowledge.ts';
import { compute, count, membersOf, openTurn, type Round, type Step, stillIn, verifyPlaces } from './state.ts';

/** @param advertisements ascending by device id */
export function openDeal(round: Round, advertisements: readonly Advertisement[]): Step {
  const { cohort, header, headerSignature } = membersOf(round);
  const body = encodeRoster({ header, headerSignature, advertisements: advertisements.map(encodeAdvertisement) });
  return openTurn<Deal>(round, {
    turn: 'deal',
    limitMs: round.setup.plan.limits.dealMs,
    awaited: new Set(cohort.members.keys()),
    request: () => ({ name: 'roster', body }),
    decode: (_, answer) => decodeDeal(answer, cohort.header.neighbours),
    close: verifyDeals,
  });
}

function verifyDeals(round: Round, deals: ReadonlyMap<number, Deal>): Step {
  const texts = [...deals.values()].flatMap(({ ciphertexts, shareHashes }) => [ciphertexts, shareHashes]);
  return compute(round, { do: 'hashMany', texts }, (later, { hashes }) => {
    const dealt = new Map(
      [...deals].map(([place, deal], i): [number, Dealt] => [
        place,
        { deal, ciphertextsHash: hashes[2 * i]!, shareHashesHash: hashes[2 * i + 1]! },
      ]),
    );
    return verifyPlaces(later, signedTexts(membersOf(later).cohort.ctx, dealt), (after, valid) => {
      const dealers = stillIn(after, valid);
      const counted = count(after, 'dealt', dealers, membersOf(after).cohort.members.keys());
      return openAcknowledge(counted, new Map([...dealt].filter(([place]) => dealers.has(place))));
    });
  });
}

function signedTexts(ctx: Bytes, dealt: ReadonlyMap<number, Dealt>) {
  return new Map(
    [...dealt].map(([place, { deal, ciphertextsHash, shareHashesHash }]) => {
      const message = dealText({ ctx, place }, ciphertextsHash, shareHashesHash);
      return [place, { message, signature: deal.signature }];
    }),
  );
}
