/** R2: send U1, collect the masked vectors, fix U2 and add them up. */

import { wordSum } from '../../kernels/word-sum.ts';
import { maskedInputText, maskersHash } from '../context.ts';
import { type DealEvidence, encodeSharers } from '../down-messages.ts';
import { lateMessage } from '../messages.ts';
import { areEnough } from '../roster.ts';
import { encodeBitmap } from '../survivors.ts';
import { decodeMaskedInput, type MaskedInput } from '../up-messages.ts';
import { openCertify } from './certify.ts';
import type { Deals, GoodDealers, Masking } from './knowledge.ts';
import { abandon, compute, count, type Members, openTurn, type Run, type Step, stillIn, verifyPlaces } from './run.ts';

export function openMaskedInput(run: Run, deals: Deals, good: GoodDealers, maskers: ReadonlySet<number>): Step {
  const members = run.members;
  const { dimension, limits } = run.setup.plan;
  const masking = maskingOf(members, deals, maskers);
  const sharersFor = (place: number) =>
    encodeSharers({ bitmap: masking.bitmap, evidence: evidenceFor(members, deals, good, masking, place) });
  return openTurn<MaskedInput>(run, {
    turn: 'masked-input',
    limitMs: limits.maskedInputMs,
    awaited: maskers,
    request: (place) => (maskers.has(place) ? lateMessage('sharers', () => sharersFor(place)) : undefined),
    decode: (place, body) => decodeMaskedInput(body, dimension, masking.neighbourhoods.get(place)!.length),
    close: (later, inputs) => verifyInputs(later, masking, inputs),
  });
}

function maskingOf({ cohort, neighbourhoods }: Members, deals: Deals, places: ReadonlySet<number>): Masking {
  const bitmap = encodeBitmap(places, cohort.members.length);
  // A thousand places with hundreds of neighbours each: too many for questions to a set.
  const isIn = new Uint8Array(cohort.members.length);
  for (const place of places) isIn[place] = 1;
  const masking = (place: number) => neighbourhoods[place]!.filter((other) => isIn[other] === 1);
  return {
    places,
    bitmap,
    h1: maskersHash(cohort.ctx, bitmap),
    neighbourhoods: new Map([...places].map((place) => [place, masking(place)])),
    shareHashes: new Map([...places].map((place) => [place, deals.get(place)!.deal.shareHashes])),
  };
}

/** For every dealer that the device refused: proof that it dealt in this ctx, so that masking with it is safe. */
function evidenceFor(
  { neighbourhoods }: Members,
  deals: Deals,
  good: GoodDealers,
  masking: Masking,
  place: number,
): readonly DealEvidence[] {
  return neighbourhoods[place]!.filter(
    (dealer, index) => masking.places.has(dealer) && !good.get(place)!.has(index),
  ).map((dealer) => {
    const { deal, ciphertextsHash, shareHashesHash } = deals.get(dealer)!;
    return { place: dealer, ciphertextsHash, shareHashesHash, signature: deal.signature };
  });
}

function verifyInputs(run: Run, masking: Masking, inputs: ReadonlyMap<number, MaskedInput>): Step {
  const texts = [...inputs.values()].flatMap(({ vector, tags }) => [vector, tags]);
  return compute(run, { do: 'hashMany', texts }, (later, { hashes }) => {
    const { ctx } = later.members.cohort;
    const signed = new Map(
      [...inputs].map(([place, { signature }], i) => {
        const message = maskedInputText({ ctx, place }, masking.h1, hashes[2 * i]!, hashes[2 * i + 1]!);
        return [place, { message, signature }];
      }),
    );
    return verifyPlaces(later, signed, (after, valid) => {
      const survivors = stillIn(after, valid);
      const counted = count(after, 'masked', survivors, masking.places);
      return fixSurvivors(counted, masking, inputs, survivors);
    });
  });
}

/** From here on U2 stands: who withdraws later is in the sum. */
function fixSurvivors(
  run: Run,
  masking: Masking,
  inputs: ReadonlyMap<number, MaskedInput>,
  survivors: ReadonlySet<number>,
): Step {
  if (!areEnough(run.members.cohort, survivors)) return abandon(run, 'too-few-survivors');
  const sum = wordSum(new Uint32Array(run.setup.plan.dimension));
  for (const place of survivors) sum.add(inputs.get(place)!.vector);
  const tags = new Map([...survivors].map((place) => [place, inputs.get(place)!.tags]));
  return openCertify(run, masking, { places: survivors, sum: sum.words(), tags });
}
