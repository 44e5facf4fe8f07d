/** R4: send every device its certificate and collect the shares that open the sum. */

import { type Bytes, concat } from '../../bytes.ts';
import { ChoraleError } from '../../errors.ts';
import { unmaskText, viewTagBytes } from '../context.ts';
import { encodeCertificateHead } from '../down-messages.ts';
import { lateMessage } from '../messages.ts';
import { decodeUnmasking, subjectAt, type Unmasking } from '../up-messages.ts';
import { type Certified, indexIn, type Masking, type Survival } from './knowledge.ts';
import { compute, count, openTurn, type Run, type Step, verifyPlaces } from './run.ts';
import { openSum } from './sum.ts';

export function openUnmask(run: Run, masking: Masking, survival: Survival, certified: Certified): Step {
  const head = encodeCertificateHead({
    maskersBitmap: masking.bitmap,
    survivorsBitmap: certified.bitmap,
    signatures: certified.signatures,
  });
  return openTurn<Unmasking>(run, {
    turn: 'unmask',
    limitMs: run.setup.plan.limits.unmaskMs,
    awaited: masking.places,
    request: (place) =>
      masking.places.has(place)
        ? lateMessage('certificate', () => certificateFor(masking, survival, head, place))
        : undefined,
    decode: (place, body) => decodeReveals(masking, survival, place, body),
    close: (later, unmaskings) => verifyUnmaskings(later, masking, survival, certified, unmaskings),
  });
}

function certificateFor(masking: Masking, survival: Survival, head: Bytes, place: number): Bytes {
  const survivors = masking.neighbourhoods.get(place)!.filter((other) => survival.places.has(other));
  const tags = survivors.map((other) => tagFor(masking, survival, other, place));
  return concat(head, ...tags);
}

/** tag_ji: what j sent for i, as a view. */
function tagFor({ neighbourhoods }: Masking, { tags }: Survival, j: number, i: number): Bytes {
  const offset = viewTagBytes * indexIn(neighbourhoods.get(j)!, i);
  return tags.get(j)!.subarray(offset, offset + viewTagBytes);
}

/** Takes only what was asked for: a survivor's self-mask, a dropout's mask key. */
function decodeReveals(masking: Masking, survival: Survival, place: number, body: Bytes): Unmasking {
  const neighbours = masking.neighbourhoods.get(place)!;
  const unmasking = decodeUnmasking(body, neighbours.length);
  const isAsked = (neighbour: number, index: number) => {
    const about = subjectAt(unmasking, index);
    return survival.places.has(neighbour) ? about !== 'mask-key' : about !== 'self-mask' && about !== 'false-tag';
  };
  if (neighbours.every(isAsked)) return unmasking;
  throw new ChoraleError('invalid-input', 'malformed unmasking: it reveals what nobody asked for');
}

function verifyUnmaskings(
  run: Run,
  masking: Masking,
  survival: Survival,
  certified: Certified,
  unmaskings: ReadonlyMap<number, Unmasking>,
): Step {
  const texts = [...unmaskings.values()].map(({ encoded }) => encoded);
  return compute(run, { do: 'hashMany', texts }, (later, { hashes }) => {
    const { ctx } = later.members.cohort;
    const signed = new Map(
      [...unmaskings].map(([place, { signature }], i) => {
        const message = unmaskText({ ctx, place }, masking.h1, certified.h2, hashes[i]!);
        return [place, { message, signature }];
      }),
    );
    return verifyPlaces(later, signed, (after, valid) => {
      const counted = count(after, 'unmasked', valid, masking.places);
      const good = new Map([...valid].map((place) => [place, unmaskings.get(place)!]));
      return openSum(counted, { masking, survival, certified, unmaskings: good });
    });
  });
}
