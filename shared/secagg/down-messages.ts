/** Bodies of what the coordinator sends. A device knows its cohort's size, so every decoder is bounded. */

import { type Bytes, bytes, concat, u32 } from '../bytes.ts';
import { mostOnRoll, type Roll, rollEntryBytes } from './assignment.ts';
import { viewTagBytes } from './context.ts';
import { decodeHeader, headerBytes, type RosterHeader } from './header.ts';
import { hashBytes, sealedBytes, signatureBytes } from './messages.ts';
import { Reader } from './reader.ts';
import { advertisementBytes, maxCohort } from './roster.ts';
import { decodeBitmap } from './survivors.ts';
import { type DealtPart, dealtBytes, writeDealt } from './up-messages.ts';

/** The signed header, the roll of a round of several cohorts, and every advertisement, ascending by device id. */
export type RosterMessage = {
  readonly header: Bytes;
  readonly headerSignature: Bytes;
  /** Everybody in the round (N); empty where there is one cohort. */
  readonly roll: Roll;
  /** 276 bytes each. */
  readonly advertisements: readonly Bytes[];
};

/** At most 283 kB for 1024 devices, and 524 kB for a roll of 16,384. */
export function encodeRoster({ header, headerSignature, roll, advertisements }: RosterMessage): Bytes {
  return concat(header, headerSignature, ...roll, ...advertisements);
}

/** @throws ChoraleError `invalid-input` */
export function decodeRoster(body: Uint8Array): RosterMessage {
  const reader = new Reader(body, 'roster');
  const header = reader.take(headerBytes);
  const headerSignature = reader.take(signatureBytes);
  const roll = readRoll(reader, decodeHeader(header));
  const count = Math.floor(reader.rest / advertisementBytes);
  if (count > maxCohort) throw reader.malformed('it is too long');
  const advertisements = reader.list(count, () => reader.take(advertisementBytes));
  reader.end();
  return { header, headerSignature, roll, advertisements };
}

function readRoll(reader: Reader, { cohortCount, roundDevices }: RosterHeader): Roll {
  if (cohortCount === 1) return [];
  if (roundDevices > mostOnRoll) throw reader.malformed('its roll is too long');
  return reader.list(roundDevices, () => reader.take(rollEntryBytes));
}

/** What one neighbour dealt to this device. */
export type DealtShares = { readonly sealed: Bytes; readonly maskKeyHash: Bytes; readonly selfMaskHash: Bytes };

/** By neighbour index: what the neighbours that dealt have dealt to this device. */
export type SharesMessage = ReadonlyMap<number, DealtShares>;

/** Bitmap of the neighbours that dealt ‖ per dealer in ascending place: 120 sealed bytes and two hashes. */
export function encodeShares(dealers: Bytes, dealt: readonly DealtPart[]): Bytes {
  const body = bytes(dealers.length + dealtBytes * dealt.length);
  body.set(dealers);
  dealt.forEach((part, i) => {
    writeDealt(part, body, dealers.length + dealtBytes * i);
  });
  return body;
}

/** @throws ChoraleError `invalid-input` */
export function decodeShares(body: Uint8Array, neighbours: number): SharesMessage {
  const reader = new Reader(body, 'shares');
  const dealers = readBitmap(reader, neighbours);
  const shares = new Map<number, DealtShares>();
  for (const index of dealers) {
    shares.set(index, {
      sealed: reader.take(sealedBytes),
      maskKeyHash: reader.take(hashBytes),
      selfMaskHash: reader.take(hashBytes),
    });
  }
  reader.end();
  return shares;
}

/** Proof that a neighbour dealt under this very ctx, although its box did not open: its signature and what it covers. */
export type DealEvidence = {
  readonly place: number;
  readonly ciphertextsHash: Bytes;
  readonly shareHashesHash: Bytes;
  readonly signature: Bytes;
};

/** U1 and, for the dealers in it that this device refused, their evidence in ascending place. */
export type SharersMessage = {
  readonly maskers: ReadonlySet<number>;
  readonly bitmap: Bytes;
  readonly evidence: readonly DealEvidence[];
};

const evidenceBytes = 4 + 2 * hashBytes + signatureBytes;

export function encodeSharers({ bitmap, evidence }: Omit<SharersMessage, 'maskers'>): Bytes {
  return concat(
    bitmap,
    ...evidence.flatMap((deal) => [u32(deal.place), deal.ciphertextsHash, deal.shareHashesHash, deal.signature]),
  );
}

/** @throws ChoraleError `invalid-input` */
export function decodeSharers(body: Uint8Array, devices: number, neighbours: number): SharersMessage {
  const reader = new Reader(body, 'sharers');
  const bitmap = reader.take(Math.ceil(devices / 8));
  const maskers = checkedBitmap(reader, bitmap, devices);
  const count = Math.floor(reader.rest / evidenceBytes);
  if (count > neighbours) throw reader.malformed('it has more evidence than neighbours');
  const evidence = reader.list(count, () => ({
    place: reader.u32(),
    ciphertextsHash: reader.take(hashBytes),
    shareHashesHash: reader.take(hashBytes),
    signature: reader.take(signatureBytes),
  }));
  reader.end();
  return { maskers, bitmap, evidence };
}

/** The body is U2, a bitmap over places. @throws ChoraleError `invalid-input` */
export function decodeSurvivors(body: Uint8Array, devices: number): ReadonlySet<number> {
  const reader = new Reader(body, 'survivors');
  const survivors = readBitmap(reader, devices);
  reader.end();
  return survivors;
}

export type CommitteeSignature = { readonly place: number; readonly signature: Bytes };

/** U1, U2, every committee signature there is, and for this device the tag of each surviving neighbour. */
export type CertificateMessage = {
  readonly maskersBitmap: Bytes;
  readonly survivorsBitmap: Bytes;
  readonly survivors: ReadonlySet<number>;
  /** By strictly ascending place. */
  readonly signatures: readonly CommitteeSignature[];
  /** In ascending place of the neighbours in U2. */
  readonly tags: readonly Bytes[];
};

/** The part that is the same for everyone; a device's own tags follow it. */
export function encodeCertificateHead(certificate: Omit<CertificateMessage, 'survivors' | 'tags'>): Bytes {
  const { maskersBitmap, survivorsBitmap, signatures } = certificate;
  return concat(
    maskersBitmap,
    survivorsBitmap,
    u32(signatures.length),
    ...signatures.flatMap(({ place, signature }) => [u32(place), signature]),
  );
}

export function encodeCertificate({ tags, ...head }: Omit<CertificateMessage, 'survivors'>): Bytes {
  return concat(encodeCertificateHead(head), ...tags);
}

/** @throws ChoraleError `invalid-input`, also where one place signs twice */
export function decodeCertificate(body: Uint8Array, devices: number, neighbours: number): CertificateMessage {
  const reader = new Reader(body, 'certificate');
  const maskersBitmap = reader.take(Math.ceil(devices / 8));
  const survivorsBitmap = reader.take(Math.ceil(devices / 8));
  const survivors = checkedBitmap(reader, survivorsBitmap, devices);
  const count = reader.u32();
  if (count > devices) throw reader.malformed('it has more signatures than devices');
  const signatures = reader.list(count, () => ({ place: reader.u32(), signature: reader.take(signatureBytes) }));
  if (!isAscending(signatures)) throw reader.malformed('its signatures are not in order of distinct places');
  const tagCount = Math.floor(reader.rest / viewTagBytes);
  if (tagCount > neighbours) throw reader.malformed('it has more tags than neighbours');
  const tags = reader.list(tagCount, () => reader.take(viewTagBytes));
  reader.end();
  return { maskersBitmap, survivorsBitmap, survivors, signatures, tags };
}

/** How a round ended, in the coordinator's words. */
export type OutcomeMessage =
  | { readonly isCommitted: true; readonly survivors: number; readonly isIncluded: boolean }
  | { readonly isCommitted: false };

/** u8 committed ‖ u32 survivors ‖ u8 included */
export function encodeOutcome(outcome: OutcomeMessage): Bytes {
  if (!outcome.isCommitted) return concat(Uint8Array.of(0), u32(0), Uint8Array.of(0));
  return concat(Uint8Array.of(1), u32(outcome.survivors), Uint8Array.of(outcome.isIncluded ? 1 : 0));
}

/** @throws ChoraleError `invalid-input` */
export function decodeOutcome(body: Uint8Array): OutcomeMessage {
  const reader = new Reader(body, 'outcome');
  const isCommitted = readFlag(reader);
  const survivors = reader.u32();
  const isIncluded = readFlag(reader);
  reader.end();
  if (isCommitted) return { isCommitted, survivors, isIncluded };
  if (survivors !== 0 || isIncluded) throw reader.malformed('an abandoned round has no survivors');
  return { isCommitted };
}

function readFlag(reader: Reader): boolean {
  const flag = reader.u8();
  if (flag > 1) throw reader.malformed('a flag is neither 0 nor 1');
  return flag === 1;
}

function readBitmap(reader: Reader, length: number): ReadonlySet<number> {
  return checkedBitmap(reader, reader.take(Math.ceil(length / 8)), length);
}

function checkedBitmap(reader: Reader, bitmap: Bytes, length: number): ReadonlySet<number> {
  const places = decodeBitmap(bitmap, length);
  if (!places) throw reader.malformed('the padding of a bitmap is not zero');
  return places;
}

function isAscending(signatures: readonly CommitteeSignature[]): boolean {
  return signatures.every(({ place }, i) => i === 0 || place > signatures[i - 1]!.place);
}
