/**
 * R2: mask the contribution with the neighbours in U1 and show each of them, by a view tag, which U1 that was. Only the
 * first U1 counts, and every neighbour in it must be shown to run in this very ctx: otherwise its mask key, opened as a
 * dropout's under another header, would unmask this device here.
 */

import { type Bytes, concat } from '../../bytes.ts';
import type { SignedText } from '../../crypto/index.ts';
import { invariant } from '../../errors.ts';
import { chargeIn } from '../charge.ts';
import { dealText, maskedInputText, maskersHash, maskSalt, viewTag } from '../context.ts';
import { type DealEvidence, decodeSharers } from '../down-messages.ts';
import { type MaskedVector, maskedVector, maskJob } from '../masks.ts';
import { areEnough, memberAt } from '../roster.ts';
import { encodeMaskedInput, encodeMaskedVector } from '../up-messages.ts';
import {
  compute,
  deadlineAfter,
  leave,
  type Maskers,
  persist,
  type Rho,
  type Round,
  refuse,
  type Seat,
  type Step,
  say,
  sign,
  type Waiting,
} from './state.ts';

type Acknowledged = Extract<Waiting, { at: 'awaiting-sharers' }>;

/** @throws ChoraleError `invalid-input` where the message is malformed */
export function acceptSharers(round: Round, body: Bytes, acknowledged: Acknowledged): Step {
  const { seat, opened } = acknowledged;
  const { header, ctx } = seat.cohort;
  const message = decodeSharers(body, header.devices, header.neighbours);
  if (!message.maskers.has(seat.place)) return leave(round, 'coordinator', 'the round goes on without this device');
  const indices = [...seat.neighbours.keys()].filter((index) => message.maskers.has(seat.neighbours[index]!));
  if (!areEnough(seat.cohort, message.maskers)) return refuse(round, 'survivors-too-few');
  if (indices.length < 2 * header.windowSurvivors) return refuse(round, 'survivors-too-few');
  const { bitmap } = message;
  const maskers: Maskers = { places: message.maskers, bitmap, h1: maskersHash(ctx, bitmap), indices };
  const unshown = indices.filter((index) => !opened.has(index)).map((index) => seat.neighbours[index]!);
  return verifyEvidence(round, seat, unshown, message.evidence, (later) => mask(later, acknowledged, maskers));
}

/** Neighbours whose box did not open must have signed a deal in this ctx. */
function verifyEvidence(
  round: Round,
  seat: Seat,
  unshown: readonly number[],
  evidence: readonly DealEvidence[],
  then: (round: Round) => Step,
): Step {
  if (unshown.length === 0) return then(round);
  const shown = new Map(evidence.map((deal) => [deal.place, deal]));
  if (unshown.some((place) => !shown.has(place))) return refuse(round, 'bad-signature');
  const signatures = unshown.map((place) => signedDeal(seat, shown.get(place)!));
  return compute(round, { do: 'verifyMany', signatures }, (later, { valid }) =>
    valid.every(Boolean) ? then(later) : refuse(later, 'bad-signature'),
  );
}

function signedDeal({ cohort }: Seat, deal: DealEvidence): SignedText {
  const { place, ciphertextsHash, shareHashesHash, signature } = deal;
  return {
    publicKey: memberAt(cohort, place).identityKey,
    message: dealText({ ctx: cohort.ctx, place }, ciphertextsHash, shareHashesHash),
    signature,
  };
}

function mask(round: Round, acknowledged: Acknowledged, maskers: Maskers): Step {
  const { seat, secrets } = acknowledged;
  return persist(round, spending(round, seat), (later) => {
    const vector = later.device.encode(seat.cohort.header.noiseVariance);
    invariant(vector.length === later.device.plan.dimension, 'a contribution of another length');
    const job = maskJob({
      vector,
      salt: maskSalt(seat.cohort.ctx, maskers.h1),
      place: seat.place,
      maskSecret: secrets.mask,
      selfMaskSeed: secrets.selfMask,
      maskers: maskers.indices.map((index) => {
        const place = seat.neighbours[index]!;
        return { place, maskKey: memberAt(seat.cohort, place).maskKey };
      }),
    });
    return compute(later, job, (after, result) => contribute(after, acknowledged, maskers, maskedVector(result)));
  });
}

function spending({ device }: Round, { cohort }: Seat): { kind: 'spent'; rho?: Rho } {
  const rho = chargeIn(device.plan, cohort.header);
  return { kind: 'spent', ...(rho === undefined ? {} : { rho }) };
}

function contribute(round: Round, acknowledged: Acknowledged, maskers: Maskers, masked: MaskedVector): Step {
  const { seat, viewKeysOut, viewKeysIn, shares } = acknowledged;
  const vector = encodeMaskedVector(masked);
  const tags = concat(...maskers.indices.map((index) => tagFor(seat, index, viewKeysOut[index]!, maskers.h1)));
  return compute(round, { do: 'hashMany', texts: [vector, tags] }, (later, { hashes }) => {
    const signer = { ctx: seat.cohort.ctx, place: seat.place };
    const text = maskedInputText(signer, maskers.h1, hashes[0]!, hashes[1]!);
    return sign(later, text, (after, signature) => {
      const holdings = { seat, viewKeysIn, shares, maskers };
      const deadline = deadlineAfter(after, after.device.plan.limits.maskedInputMs);
      const body = encodeMaskedInput({ vector, tags, signature });
      return say(after, { name: 'masked-input', body }, { at: 'awaiting-survivors', holdings, deadline });
    });
  });
}

function tagFor(seat: Seat, index: number, key: Bytes, h1: Bytes): Bytes {
  return viewTag(key, seat.cohort.ctx, { from: seat.place, to: seat.neighbours[index]! }, h1);
}
