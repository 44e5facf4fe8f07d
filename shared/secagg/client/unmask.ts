/**
 * R4: check the certificate, then reveal one share about each masking neighbour: of its self-mask if it survived and its
 * view tag proves that it masked under the same U1, of its mask key if it dropped out; never both, and only once.
 */

import { type Bytes, equal } from '../../bytes.ts';
import { type SignedText, sha256 } from '../../crypto/index.ts';
import { ChoraleError } from '../../errors.ts';
import { certifyText, survivorsHash, unmaskText, viewTag } from '../context.ts';
import { type CertificateMessage, type CommitteeSignature, decodeCertificate } from '../down-messages.ts';
import { memberAt, signedCredentialOf } from '../roster.ts';
import { encodeReveals, encodeUnmasking, type Reveal } from '../up-messages.ts';
import { areSurvivors } from './certify.ts';
import { isVerified, type NamedCredential, nameCredential, remember } from './deal.ts';
import { compute, deadlineAfter, type Holdings, persist, type Round, refuse, type Step, say, sign } from './state.ts';

/**
 * @param agreed the U2 that this device accepted at R3, if it saw one
 * @throws ChoraleError `invalid-input` where the message is malformed
 */
export function acceptCertificate(round: Round, body: Bytes, holdings: Holdings, agreed: Bytes | undefined): Step {
  const { cohort, neighbours } = holdings.seat;
  const certificate = decodeCertificate(body, cohort.header.devices, cohort.header.neighbours);
  const survivingNeighbours = neighbours.filter((place) => certificate.survivors.has(place));
  if (certificate.tags.length !== survivingNeighbours.length) {
    throw new ChoraleError('invalid-input', 'malformed certificate: one tag is due for every surviving neighbour');
  }
  if (!equal(certificate.maskersBitmap, holdings.maskers.bitmap)) return refuse(round, 'bad-signature');
  if (agreed && !equal(certificate.survivorsBitmap, agreed)) return refuse(round, 'bad-signature');
  if (!areSurvivors(holdings, certificate.survivors)) return refuse(round, 'survivors-too-few');
  return verifyCommittee(round, holdings, certificate, (later) => reveal(later, holdings, certificate));
}

type Vote = { readonly signed: SignedText; readonly credential: NamedCredential };

/** Counts committee places that signed these very sets and whose credentials are good: T are needed. */
function verifyCommittee(
  round: Round,
  holdings: Holdings,
  certificate: CertificateMessage,
  then: (round: Round) => Step,
): Step {
  const { committee, header } = holdings.seat.cohort;
  const signatures = certificate.signatures.filter(({ place }) => committee.has(place));
  const toVote = (signature: CommitteeSignature) => voteOf(round, holdings, certificate, signature);
  return countVotes(round, header.committeeThreshold, signatures, toVote, then);
}

/** Verifies as many as are still missing, and others for those that are not valid, until there are enough. */
function countVotes(
  round: Round,
  missing: number,
  untried: readonly CommitteeSignature[],
  toVote: (signature: CommitteeSignature) => Vote,
  then: (round: Round) => Step,
): Step {
  if (missing === 0) return then(round);
  if (untried.length < missing) return refuse(round, 'bad-signature');
  const votes = untried.slice(0, missing).map(toVote);
  const signatures = votes.flatMap(({ signed, credential }) =>
    isVerified(round, credential.name) ? [signed] : [signed, credential.signed],
  );
  return compute(round, { do: 'verifyMany', signatures }, (later, { valid }) => {
    const good = new Set(signatures.filter((_, i) => valid[i]));
    const counted = votes.filter(
      ({ signed, credential }) =>
        good.has(signed) && (good.has(credential.signed) || isVerified(round, credential.name)),
    );
    const credentials = counted.map(({ credential }) => credential);
    return countVotes(remember(later, credentials), missing - counted.length, untried.slice(missing), toVote, then);
  });
}

function voteOf(
  round: Round,
  { seat, maskers }: Holdings,
  { survivorsBitmap }: CertificateMessage,
  { place, signature }: CommitteeSignature,
): Vote {
  const { cohort } = seat;
  const { plan, enrolmentKey } = round.device;
  const h2 = survivorsHash(cohort.ctx, survivorsBitmap);
  return {
    signed: {
      publicKey: memberAt(cohort, place).identityKey,
      message: certifyText({ ctx: cohort.ctx, place }, maskers.h1, h2),
      signature,
    },
    credential: nameCredential(
      signedCredentialOf(cohort.members[place]!, { task: plan.task, planHash: round.planHash, enrolmentKey }),
    ),
  };
}

function reveal(round: Round, holdings: Holdings, certificate: CertificateMessage): Step {
  const { cohort, place } = holdings.seat;
  const { survivors, survivorsBitmap } = certificate;
  const encoded = encodeReveals(chooseReveals(holdings, certificate));
  const signer = { ctx: cohort.ctx, place };
  const text = unmaskText(signer, holdings.maskers.h1, survivorsHash(cohort.ctx, survivorsBitmap), sha256(encoded));
  return persist(round, { kind: 'revealed' }, (later) =>
    sign(later, text, (after, signature) =>
      say(
        after,
        { name: 'unmask', body: encodeUnmasking({ encoded, signature }) },
        {
          at: 'awaiting-outcome',
          survivors: survivors.size,
          isIncluded: survivors.has(place),
          deadline: deadlineAfter(after, after.device.plan.limits.unmaskMs),
        },
      ),
    ),
  );
}

/** One entry per masking neighbour, in ascending place. */
function chooseReveals(holdings: Holdings, { survivors, tags }: CertificateMessage): readonly Reveal[] {
  const { seat, maskers } = holdings;
  const tagOf = new Map(seat.neighbours.filter((place) => survivors.has(place)).map((place, i) => [place, tags[i]!]));
  return maskers.indices.map((index): Reveal => {
    const tag = tagOf.get(seat.neighbours[index]!);
    return tag ? revealSelfMask(holdings, index, tag) : revealMaskKey(holdings, index);
  });
}

function revealSelfMask({ seat, viewKeysIn, shares, maskers }: Holdings, index: number, tag: Bytes): Reveal {
  const direction = { from: seat.neighbours[index]!, to: seat.place };
  const expected = viewTag(viewKeysIn[index]!, seat.cohort.ctx, direction, maskers.h1);
  if (!equal(tag, expected)) return { about: 'false-tag' };
  const pair = shares.get(index);
  return pair ? { about: 'self-mask', ...pair.selfMask } : { about: 'bad-share' };
}

function revealMaskKey({ shares }: Holdings, index: number): Reveal {
  const pair = shares.get(index);
  return pair ? { about: 'mask-key', ...pair.maskKey } : { about: 'bad-share' };
}
