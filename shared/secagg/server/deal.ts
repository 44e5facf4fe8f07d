/** R1a: send the roster, collect what every device deals to its neighbours. */

import type { Bytes } from '../../bytes.ts';
import { dealText } from '../context.ts';
import { type Deal, decodeDeal } from '../up-messages.ts';
import { openAcknowledge } from './acknowledge.ts';
import type { Dealt } from './knowledge.ts';
import { compute, count, openTurn, type Run, type Step, stillIn, verifyPlaces } from './run.ts';

export function openDeal(run: Run, roster: Bytes): Step {
  const { cohort } = run.members;
  return openTurn<Deal>(run, {
    turn: 'deal',
    limitMs: run.setup.plan.limits.dealMs,
    awaited: new Set(cohort.members.keys()),
    request: () => ({ name: 'roster', body: roster }),
    decode: (_, answer) => decodeDeal(answer, cohort.header.neighbours),
    close: verifyDeals,
  });
}

function verifyDeals(run: Run, deals: ReadonlyMap<number, Deal>): Step {
  const texts = [...deals.values()].flatMap(({ ciphertexts, shareHashes }) => [ciphertexts, shareHashes]);
  return compute(run, { do: 'hashMany', texts }, (later, { hashes }) => {
    const dealt = new Map(
      [...deals].map(([place, deal], i): [number, Dealt] => [
        place,
        { deal, ciphertextsHash: hashes[2 * i]!, shareHashesHash: hashes[2 * i + 1]! },
      ]),
    );
    return verifyPlaces(later, signedTexts(later.members.cohort.ctx, dealt), (after, valid) => {
      const dealers = stillIn(after, valid);
      const counted = count(after, 'dealt', dealers, after.members.cohort.members.keys());
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
