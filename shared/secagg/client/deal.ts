/**
 * R1a: check the whole roster, then seal to every neighbour a share of the mask key and of the self-mask seed. Nothing
 * is sealed before the neighbours' signatures and credentials are verified: a share sealed to an invented device is lost.
 */

import { type Bytes, concat, equal, u32, utf8 } from '../../bytes.ts';
import { hkdf, type SignedText, sha256 } from '../../crypto/index.ts';
import { cohortsFrom, drawingTexts, isBlock, isRoll, type Roll, roundRootOf } from '../assignment.ts';
import { channelKeys, dealText, rollEntry, shareHash, shareKinds } from '../context.ts';
import { credentialName } from '../credential.ts';
import { decodeRoster } from '../down-messages.ts';
import type { GuardReason } from '../floors.ts';
import { decodeHeader, headerText, type RosterHeader } from '../header.ts';
import { inspectHeader } from '../inspect.ts';
import {
  type Advertisement,
  type Cohort,
  decodeAdvertisement,
  formCohort,
  inspectRoster,
  memberAt,
  neighboursOf,
  signedAdvertisement,
  signedCredentialOf,
} from '../roster.ts';
import { encodeDeal, encodeSharePair, type SharePair } from '../up-messages.ts';
import { compute, deadlineAfter, type Round, refuse, type Seat, type Secrets, type Step, say, sign } from './state.ts';

type Advertised = { readonly secrets: Secrets; readonly leaf: Bytes; readonly deadline: number };

/** @throws ChoraleError `invalid-input` where the message is malformed */
export function acceptRoster(round: Round, body: Bytes, { secrets, leaf, deadline }: Advertised): Step {
  if (round.now > deadline) return refuse(round, 'stale-round');
  const message = decodeRoster(body);
  const header = decodeHeader(message.header);
  const advertisements = message.advertisements.map(decodeAdvertisement);
  const reason = inspect(round, header, advertisements);
  if (reason) return refuse(round, reason);
  const cohort = formCohort(header, message.header, round.planHash, advertisements);
  const place = cohort.members.findIndex((member) => equal(member.leafBytes, leaf));
  if (place < 0) return refuse(round, 'bad-signature');
  const seat: Seat = { cohort, place, neighbours: neighboursOf(cohort, place) };
  const signedHeader = {
    publicKey: round.device.planKey,
    message: headerText(message.header),
    signature: message.headerSignature,
  };
  return verifyAssignment(round, cohort, message.roll, (assigned) =>
    verifyNeighbours(assigned, seat, signedHeader, (later) => agree(later, seat, secrets)),
  );
}

function inspect(
  round: Round,
  header: RosterHeader,
  advertisements: readonly Advertisement[],
): GuardReason | undefined {
  const { plan, floors } = round.device;
  const authority = { task: plan.task, planHash: round.planHash };
  return inspectRoster(header, advertisements, authority) ?? inspectHeader(header, plan, floors);
}

/** Of several cohorts, this one must be what the roll of the whole round makes it: all of its block and nobody else. */
function verifyAssignment(round: Round, { header, members }: Cohort, roll: Roll, then: (round: Round) => Step): Step {
  const { cohort, cohortCount } = header;
  if (cohortCount === 1) return then(round);
  const root = roundRootOf(roll);
  if (!isRoll(roll) || !equal(root, header.roundRoot)) return refuse(round, 'bad-signature');
  return compute(round, { do: 'hashMany', texts: drawingTexts(roll, root) }, (later, { hashes }) => {
    const cohorts = cohortsFrom(hashes, roll, cohortCount);
    const entries = members.map(({ leaf, leafBytes }) => rollEntry(round.planHash, leaf.deviceId, leafBytes));
    return isBlock(entries, { roll, cohorts }, cohort) ? then(later) : refuse(later, 'bad-signature');
  });
}

function verifyNeighbours(round: Round, seat: Seat, signedHeader: SignedText, then: (round: Round) => Step): Step {
  const { plan, enrolmentKey } = round.device;
  const authority = { task: plan.task, planHash: round.planHash, enrolmentKey };
  const neighbours = seat.neighbours.map((place) => seat.cohort.members[place]!);
  const advertised = neighbours.map((member) => signedAdvertisement(member, round.planHash));
  const credentials = neighbours.map((member) => nameCredential(signedCredentialOf(member, authority)));
  const fresh = credentials.filter(({ name }) => !isVerified(round, name));
  const signatures = [signedHeader, ...advertised, ...fresh.map(({ signed }) => signed)];
  return compute(round, { do: 'verifyMany', signatures }, (later, { valid }) =>
    valid.every(Boolean) ? then(remember(later, credentials)) : refuse(later, 'bad-signature'),
  );
}

/** A credential under the name by which a device remembers it. */
export type NamedCredential = { readonly name: string; readonly signed: SignedText };

export function nameCredential(signed: SignedText): NamedCredential {
  return { name: credentialName(signed), signed };
}

export function isVerified({ verifiedCredentials, device }: Round, name: string): boolean {
  return verifiedCredentials.has(name) || device.knownCredentials?.has(name) === true;
}

export function remember(round: Round, credentials: readonly NamedCredential[]): Round {
  const names = credentials.map(({ name }) => name);
  return { ...round, verifiedCredentials: new Set([...round.verifiedCredentials, ...names]) };
}

/** By neighbour index: one key per direction and use. */
type Channels = {
  readonly boxKeysOut: readonly Bytes[];
  readonly boxKeysIn: readonly Bytes[];
  readonly viewKeysOut: readonly Bytes[];
  readonly viewKeysIn: readonly Bytes[];
};

function agree(round: Round, seat: Seat, secrets: Secrets): Step {
  const publicKeys = seat.neighbours.map((place) => memberAt(seat.cohort, place).channelKey);
  const job = { do: 'agreeMany', secretKey: secrets.channel, publicKeys } as const;
  return compute(round, job, (later, result) => {
    const agreed = result.secrets.filter((secret) => secret !== undefined);
    if (agreed.length < publicKeys.length) return refuse(later, 'bad-signature');
    return split(later, seat, secrets, deriveChannels(seat, agreed));
  });
}

function deriveChannels({ cohort, place, neighbours }: Seat, agreed: readonly Bytes[]): Channels {
  const channels = neighbours.map((to, index) => channelKeys(agreed[index]!, cohort.ctx, { from: place, to }));
  return {
    boxKeysOut: channels.map(({ boxOut }) => boxOut),
    boxKeysIn: channels.map(({ boxIn }) => boxIn),
    viewKeysOut: channels.map(({ viewOut }) => viewOut),
    viewKeysIn: channels.map(({ viewIn }) => viewIn),
  };
}

function split(round: Round, seat: Seat, secrets: Secrets, channels: Channels): Step {
  const job = {
    do: 'split',
    secrets: [secrets.mask, secrets.selfMask],
    threshold: seat.cohort.header.threshold,
    points: seat.neighbours.map((place) => place + 1),
    randomness: hkdf(secrets.dealing, seat.cohort.ctx, utf8('polynomials'), 32),
  } as const;
  return compute(round, job, (later, { shares: [maskKeyShares, selfMaskShares] }) => {
    const pairs = seat.neighbours.map((holder, index): SharePair => {
      const salts = hkdf(secrets.dealing, seat.cohort.ctx, concat(utf8('salts'), u32(holder)), 32);
      return {
        dealer: seat.place,
        holder,
        maskKey: { share: maskKeyShares![index]!, salt: salts.slice(0, 16) },
        selfMask: { share: selfMaskShares![index]!, salt: salts.slice(16) },
      };
    });
    return seal(later, seat, secrets, channels, pairs);
  });
}

function seal(round: Round, seat: Seat, secrets: Secrets, channels: Channels, pairs: readonly SharePair[]): Step {
  const boxes = pairs.map((pair, index) => ({ key: channels.boxKeysOut[index]!, plain: encodeSharePair(pair) }));
  return compute(round, { do: 'sealMany', boxes }, (later, { sealed }) => {
    const ciphertexts = concat(...sealed);
    const shareHashes = concat(...pairs.map((pair) => hashesOf(seat.cohort.ctx, pair)));
    return deal(later, seat, secrets, channels, { ciphertexts, shareHashes });
  });
}

/** Both hashes of a pair, the mask key's first. */
export function hashesOf(ctx: Bytes, { dealer, holder, maskKey, selfMask }: SharePair): Bytes {
  return concat(
    shareHash(ctx, { dealer, holder, kind: shareKinds.maskKey }, maskKey),
    shareHash(ctx, { dealer, holder, kind: shareKinds.selfMask }, selfMask),
  );
}

type Dealt = { readonly ciphertexts: Bytes; readonly shareHashes: Bytes };

function deal(round: Round, seat: Seat, secrets: Secrets, channels: Channels, dealt: Dealt): Step {
  const signer = { ctx: seat.cohort.ctx, place: seat.place };
  const text = dealText(signer, sha256(dealt.ciphertexts), sha256(dealt.shareHashes));
  return sign(round, text, (later, signature) =>
    say(
      later,
      { name: 'deal', body: encodeDeal({ ...dealt, signature }) },
      {
        at: 'awaiting-shares',
        seat,
        secrets: { mask: secrets.mask, selfMask: secrets.selfMask },
        boxKeysIn: channels.boxKeysIn,
        viewKeysOut: channels.viewKeysOut,
        viewKeysIn: channels.viewKeysIn,
        deadline: deadlineAfter(later, later.device.plan.limits.dealMs),
      },
    ),
  );
}
