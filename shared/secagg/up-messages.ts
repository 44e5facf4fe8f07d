/** Bodies of what a device sends, turn by turn. Every length follows from the cohort, so nothing is read that does not fit. */

import { type Bytes, bytes, concat, isZero } from '../bytes.ts';
import { ChoraleError } from '../errors.ts';
import { wordsToBytes } from '../vectors.ts';
import { type SaltedShare, type ShareKind, shareKinds, viewTagBytes } from './context.ts';
import type { MaskedVector } from './masks.ts';
import { hashBytes, revealBytes, sealedBytes, signatureBytes } from './messages.ts';
import { Reader } from './reader.ts';
import { decodeBitmap, encodeBitmap } from './survivors.ts';

/** R1a: for every neighbour, in ascending place, a sealed pair of shares and the hash of each share. */
export type Deal = {
  /** 120 bytes per neighbour. */
  readonly ciphertexts: Bytes;
  /** 64 bytes per neighbour: the mask key's share, then the self-mask's. */
  readonly shareHashes: Bytes;
  readonly signature: Bytes;
};

export function encodeDeal({ ciphertexts, shareHashes, signature }: Deal): Bytes {
  return concat(ciphertexts, shareHashes, signature);
}

/** @throws ChoraleError `invalid-input` */
export function decodeDeal(body: Uint8Array, neighbours: number): Deal {
  const reader = new Reader(body, 'deal');
  const deal = {
    ciphertexts: reader.take(sealedBytes * neighbours),
    shareHashes: reader.take(2 * hashBytes * neighbours),
    signature: reader.take(signatureBytes),
  };
  reader.end();
  return deal;
}

/** What a deal holds for the neighbour at one index. */
export type DealtPart = { readonly deal: Omit<Deal, 'signature'>; readonly index: number };

export const dealtBytes = sealedBytes + 2 * hashBytes;

/** Writes the sealed pair of shares and both hashes. */
export function writeDealt({ deal, index }: DealtPart, into: Bytes, at: number): void {
  into.set(deal.ciphertexts.subarray(sealedBytes * index, sealedBytes * (index + 1)), at);
  into.set(deal.shareHashes.subarray(2 * hashBytes * index, 2 * hashBytes * (index + 1)), at + sealedBytes);
}

/** The hash that a deal holds of one share for the neighbour at one index. */
export function dealtHash({ shareHashes }: Pick<Deal, 'shareHashes'>, index: number, kind: ShareKind): Bytes {
  const offset = hashBytes * (2 * index + kind - 1);
  return shareHashes.slice(offset, offset + hashBytes);
}

/** R1b: the neighbours, by index, whose shares open and match their hashes. */
export type Acknowledgement = { readonly good: ReadonlySet<number>; readonly bitmap: Bytes; readonly signature: Bytes };

export function encodeAcknowledgement({ bitmap, signature }: Omit<Acknowledgement, 'good'>): Bytes {
  return concat(bitmap, signature);
}

/** @throws ChoraleError `invalid-input` */
export function decodeAcknowledgement(body: Uint8Array, neighbours: number): Acknowledgement {
  const reader = new Reader(body, 'acknowledgement');
  const bitmap = reader.take(Math.ceil(neighbours / 8));
  const good = decodeBitmap(bitmap, neighbours);
  if (!good) throw reader.malformed('its padding is not zero');
  const signature = reader.take(signatureBytes);
  reader.end();
  return { good, bitmap, signature };
}

/** A bitmap over neighbour indices. */
export function neighbourBitmap(indices: Iterable<number>, neighbours: number): Bytes {
  return encodeBitmap(indices, neighbours);
}

/** R2, as it is signed and sent: y little-endian, one view tag per masking neighbour in ascending place. */
export type MaskedInput = { readonly vector: Bytes; readonly tags: Bytes; readonly signature: Bytes };

/** y as it travels. Takes nothing but a masked vector: any other would show this device's data. */
export function encodeMaskedVector(vector: MaskedVector): Bytes {
  return wordsToBytes(vector);
}

export function encodeMaskedInput({ vector, tags, signature }: MaskedInput): Bytes {
  return concat(vector, tags, signature);
}

/** @param maskers how many neighbours the device masked with @throws ChoraleError `invalid-input` */
export function decodeMaskedInput(body: Uint8Array, dimension: number, maskers: number): MaskedInput {
  const reader = new Reader(body, 'masked input');
  const input = {
    vector: reader.take(4 * dimension),
    tags: reader.take(viewTagBytes * maskers),
    signature: reader.take(signatureBytes),
  };
  reader.end();
  return input;
}

/** R3: the body is the signature over (U1, U2). @throws ChoraleError `invalid-input` */
export function decodeCertification(body: Uint8Array): Bytes {
  const reader = new Reader(body, 'certification');
  const signature = reader.take(signatureBytes);
  reader.end();
  return signature;
}

/** R4, about one masking neighbour. */
export type Reveal =
  | { readonly about: 'nothing' }
  | ({ readonly about: 'mask-key' | 'self-mask' } & SaltedShare)
  /** Its view tag is missing or false: it masked under another U1, or lies. */
  | { readonly about: 'false-tag' }
  /** Its share was refused at R1b, so there is nothing to reveal. */
  | { readonly about: 'bad-share' };

type Subject = Reveal['about'];

/** In the order of their numbers on the wire. */
const subjects: readonly Subject[] = ['nothing', 'mask-key', 'self-mask', 'false-tag', 'bad-share'];

/** `encoded` has one entry of 49 bytes per masking neighbour, in ascending place: the many are read one by one, when needed. */
export type Unmasking = { readonly encoded: Bytes; readonly signature: Bytes };

export function encodeReveals(reveals: readonly Reveal[]): Bytes {
  return concat(...reveals.map(encodeReveal));
}

export function encodeUnmasking({ encoded, signature }: Unmasking): Bytes {
  return concat(encoded, signature);
}

/** @param maskers how many neighbours the device masked with @throws ChoraleError `invalid-input` */
export function decodeUnmasking(body: Uint8Array, maskers: number): Unmasking {
  const reader = new Reader(body, 'unmasking');
  const encoded = reader.take(revealBytes * maskers);
  const signature = reader.take(signatureBytes);
  reader.end();
  for (let index = 0; index < maskers; index++) {
    if (!isReveal(encoded, index)) throw reader.malformed('an entry of no known kind');
  }
  return { encoded, signature };
}

/** What an unmasking says about the neighbour at one index. */
export function subjectAt({ encoded }: Pick<Unmasking, 'encoded'>, index: number): Subject {
  return subjects[encoded[revealBytes * index]!]!; // Decoding has refused all other numbers.
}

/** The same with the share, if there is one, in the unmasking's own memory. */
export function revealAt(unmasking: Pick<Unmasking, 'encoded'>, index: number): Reveal {
  const about = subjectAt(unmasking, index);
  if (!holdsShare(about)) return { about };
  const from = revealBytes * index + 1;
  const { encoded } = unmasking;
  return { about, share: encoded.subarray(from, from + 32), salt: encoded.subarray(from + 32, from + 48) };
}

function holdsShare(about: Subject): about is 'mask-key' | 'self-mask' {
  return about === 'mask-key' || about === 'self-mask';
}

function isReveal(encoded: Bytes, index: number): boolean {
  const from = revealBytes * index;
  const about = subjects[encoded[from]!];
  return about !== undefined && (holdsShare(about) || isZero(encoded.subarray(from + 1, from + revealBytes)));
}

function encodeReveal(reveal: Reveal): Bytes {
  const kind = Uint8Array.of(subjects.indexOf(reveal.about));
  if ('share' in reveal) return concat(kind, reveal.share, reveal.salt);
  return concat(kind, bytes(revealBytes - 1));
}

/** The plain text of one sealed pair of shares. */
export type SharePair = {
  readonly dealer: number;
  readonly holder: number;
  readonly maskKey: SaltedShare;
  readonly selfMask: SaltedShare;
};

export function encodeSharePair({ dealer, holder, maskKey, selfMask }: SharePair): Bytes {
  const places = bytes(8);
  const view = new DataView(places.buffer);
  view.setUint32(0, dealer);
  view.setUint32(4, holder);
  return concat(places, maskKey.share, maskKey.salt, selfMask.share, selfMask.salt);
}

/** @returns undefined where the text is not a pair of shares */
export function decodeSharePair(plain: Uint8Array): SharePair | undefined {
  const reader = new Reader(plain, 'share pair');
  try {
    const pair = {
      dealer: reader.u32(),
      holder: reader.u32(),
      maskKey: { share: reader.take(32), salt: reader.take(16) },
      selfMask: { share: reader.take(32), salt: reader.take(16) },
    };
    reader.end();
    return pair;
  } catch (error) {
    if (error instanceof ChoraleError) return undefined;
    throw error;
  }
}

/** The share of one kind in a pair. */
export function shareOf(pair: SharePair, kind: ShareKind): SaltedShare {
  return kind === shareKinds.maskKey ? pair.maskKey : pair.selfMask;
}
