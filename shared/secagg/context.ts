/**
 * What a cohort agrees on before anything secret is derived, and every label under which keys, hashes and signatures are
 * made. `ctx` binds the signed plan (and with it the model) and the signed roster header: devices that were shown
 * different ones derive keys that do not match, so their masks do not cancel and their shares do not open
 * (against Pasquini, Francati, Ateniese, CCS 2022).
 */

import { type Bytes, bytes, concat, tag, u32, writeU32 } from '../bytes.ts';
import { hkdf, hkdfMany, hmacSha256, sha256 } from '../crypto/index.ts';
import { leafHash } from './merkle.ts';

const label = (name: string): Bytes => tag(`chorale/secagg/${name}/v1`);

const labels = {
  entry: label('entry'),
  assign: label('assign'),
  ctx: label('ctx'),
  u1: label('u1'),
  u2: label('u2'),
  commitment: label('commit-b'),
  box: label('box'),
  viewKey: label('view-key'),
  view: label('view'),
  share: label('share'),
  mask: label('mask'),
  self: label('self'),
  advertise: label('advertise'),
  deal: label('deal'),
  acknowledge: label('acknowledge'),
  masked: label('masked'),
  certify: label('certify'),
  unmask: label('unmask'),
};

/** Either half of an entry. */
export const entryHalfBytes = 16;

/**
 * A device on the roll of a round of several cohorts: half of it follows from the identity, so that nobody is there
 * twice, and half from the leaf, so that the roll is fresh. Other cohorts learn no more of a device that they do not know.
 */
export function rollEntry(planHash: Bytes, deviceId: Bytes, leaf: Bytes): Bytes {
  const identity = sha256(labels.entry, planHash, deviceId).subarray(0, entryHalfBytes);
  return concat(identity, leafHash(leaf).subarray(0, entryHalfBytes));
}

/** Hashed, it says where an entry stands in the order in which cohorts are cut off. */
export function assignmentText(roundRoot: Bytes, entry: Bytes): Bytes {
  return concat(labels.assign, roundRoot, entry);
}

/** @param planHash H(D) @param header the 194 bytes of H */
export function contextOf(planHash: Bytes, header: Bytes): Bytes {
  return sha256(labels.ctx, planHash, sha256(header));
}

/** h1: names the devices that mask with each other. */
export function maskersHash(ctx: Bytes, maskers: Bytes): Bytes {
  return sha256(labels.u1, ctx, maskers);
}

/** h2: names the devices whose vectors are in the sum. */
export function survivorsHash(ctx: Bytes, survivors: Bytes): Bytes {
  return sha256(labels.u2, ctx, survivors);
}

/** H(b), advertised before anyone holds a share of b. */
export function commitment(selfMaskSeed: Bytes): Bytes {
  return sha256(labels.commitment, selfMaskSeed);
}

/** A label and two places, in one piece of memory: rounds need tens of thousands. */
function withPlaces(label: Bytes, first: number, second: number): Bytes {
  const text = bytes(label.length + 8);
  text.set(label);
  writeU32(text, label.length, first);
  writeU32(text, label.length + 4, second);
  return text;
}

/** A direction between two ring places. */
export type Direction = { readonly from: number; readonly to: number };

/** All keys of a channel, as `boxKey` and `viewKey` give them. */
export type ChannelKeys = {
  readonly boxOut: Bytes;
  readonly boxIn: Bytes;
  readonly viewOut: Bytes;
  readonly viewIn: Bytes;
};

/** @param secret X25519 of the two channel keys */
export function channelKeys(secret: Bytes, ctx: Bytes, { from, to }: Direction): ChannelKeys {
  const infos = [labels.box, labels.viewKey].flatMap((label) => [
    withPlaces(label, from, to),
    withPlaces(label, to, from),
  ]);
  const [boxOut, boxIn, viewOut, viewIn] = hkdfMany(secret, ctx, infos, 32);
  return { boxOut: boxOut!, boxIn: boxIn!, viewOut: viewOut!, viewIn: viewIn! };
}

/** Key of the one box that `from` seals for `to` in this round. @param secret X25519 of the two channel keys */
export function boxKey(secret: Bytes, ctx: Bytes, { from, to }: Direction): Bytes {
  return hkdf(secret, ctx, withPlaces(labels.box, from, to), 32);
}

/** Key under which `from` shows `to` which U1 it masked with. @param secret X25519 of the two channel keys */
export function viewKey(secret: Bytes, ctx: Bytes, { from, to }: Direction): Bytes {
  return hkdf(secret, ctx, withPlaces(labels.viewKey, from, to), 32);
}

export const viewTagBytes = 16;

/** Only who masked under the U1 of `h1` makes it, and only `to` can check it. */
export function viewTag(key: Bytes, ctx: Bytes, { from, to }: Direction, h1: Bytes): Bytes {
  return hmacSha256(key, labels.view, ctx, u32(from), u32(to), h1).slice(0, viewTagBytes);
}

/** Kinds of secret that a dealer shares: its mask key or its self-mask seed. */
export const shareKinds = { maskKey: 1, selfMask: 2 } as const;
export type ShareKind = (typeof shareKinds)[keyof typeof shareKinds];

/** One share of one secret as dealer and holder know it, blinded by a salt. */
export type SaltedShare = { readonly share: Bytes; readonly salt: Bytes };

/** Whose share of which secret. */
export type ShareSubject = { readonly dealer: number; readonly holder: number; readonly kind: ShareKind };

/** The dealer signs its hash, so that a holder can neither be cheated nor lie later. */
export function shareText(ctx: Bytes, { dealer, holder, kind }: ShareSubject, { share, salt }: SaltedShare): Bytes {
  return concat(labels.share, ctx, u32(dealer), u32(holder), Uint8Array.of(kind), share, salt);
}

export type HeldShare = { readonly holder: number } & SaltedShare;

/** The same for many shares of one secret, in one buffer: a large round has more texts than there is time to allocate. */
export function shareTexts(
  ctx: Bytes,
  { dealer, kind }: Omit<ShareSubject, 'holder'>,
  shares: readonly HeldShare[],
): readonly Bytes[] {
  const before = concat(labels.share, ctx, u32(dealer));
  const length = before.length + 4 + 1 + 32 + 16;
  const texts = bytes(length * shares.length);
  return shares.map(({ holder, share, salt }, i) => {
    const text = texts.subarray(length * i, length * (i + 1));
    text.set(before);
    writeU32(text, before.length, holder);
    text[before.length + 4] = kind;
    text.set(share, before.length + 5);
    text.set(salt, before.length + 37);
    return text;
  });
}

export function shareHash(ctx: Bytes, subject: ShareSubject, salted: SaltedShare): Bytes {
  return sha256(shareText(ctx, subject, salted));
}

/** Salt of every mask seed: masks under another plan, roster or U1 share nothing. */
export function maskSalt(ctx: Bytes, h1: Bytes): Bytes {
  return sha256(ctx, h1);
}

export function pairMaskInfo(a: number, b: number): Bytes {
  return withPlaces(labels.mask, Math.min(a, b), Math.max(a, b));
}

export function selfMaskInfo(place: number): Bytes {
  return concat(labels.self, u32(place));
}

export function advertiseText(planHash: Bytes, leaf: Bytes): Bytes {
  return concat(labels.advertise, planHash, leaf);
}

/** Who signs, and in which cohort. */
export type Signer = { readonly ctx: Bytes; readonly place: number };

export function dealText(signer: Signer, ciphertextsHash: Bytes, shareHashesHash: Bytes): Bytes {
  return signed(labels.deal, signer, ciphertextsHash, shareHashesHash);
}

export function acknowledgeText(signer: Signer, goodDealers: Bytes): Bytes {
  return signed(labels.acknowledge, signer, goodDealers);
}

export function maskedInputText(signer: Signer, h1: Bytes, vectorHash: Bytes, tagsHash: Bytes): Bytes {
  return signed(labels.masked, signer, h1, vectorHash, tagsHash);
}

export function certifyText(signer: Signer, h1: Bytes, h2: Bytes): Bytes {
  return signed(labels.certify, signer, h1, h2);
}

export function unmaskText(signer: Signer, h1: Bytes, h2: Bytes, revealsHash: Bytes): Bytes {
  return signed(labels.unmask, signer, h1, h2, revealsHash);
}

function signed(purpose: Bytes, { ctx, place }: Signer, ...fields: readonly Bytes[]): Bytes {
  return concat(purpose, ctx, u32(place), ...fields);
}
