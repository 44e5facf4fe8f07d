/** A coordinator that lies, and what it gets to see: it holds every key but those of honest devices' rounds. */

import { type Bytes, compare } from '../bytes.ts';
import type { CryptoProvider } from '../crypto/index.ts';
import { type DeviceId, deviceIdFromBytes } from '../ids.ts';
import type { Roll } from '../secagg/assignment.ts';
import type { ClientSetup } from '../secagg/client.ts';
import { viewTagBytes } from '../secagg/context.ts';
import { type CommitteeSignature, decodeRoster, encodeCertificate, encodeRoster } from '../secagg/down-messages.ts';
import { decodeHeader, encodeHeader, headerText, type RosterHeader } from '../secagg/header.ts';
import type { DownMessage } from '../secagg/messages.ts';
import {
  type Advertisement,
  type Cohort,
  decodeAdvertisement,
  encodeAdvertisement,
  formCohort,
  neighboursOf,
  rosterRoot,
} from '../secagg/roster.ts';
import { encodeBitmap } from '../secagg/survivors.ts';
import { decodeUnmasking, subjectAt } from '../secagg/up-messages.ts';
import { type Lab, perform } from './secagg-lab.ts';

/** A text signed with somebody's Ed25519 key. */
export async function signWith(provider: CryptoProvider, secretKey: Bytes, text: Bytes): Promise<Bytes> {
  return (await perform(provider, { do: 'signMany', secretKey, messages: [text] })).signatures[0]!;
}

/** A roster under the plan key's own signature, with any header, any entries and any roll. */
export async function forgeRoster(
  provider: CryptoProvider,
  lab: Lab,
  advertisements: readonly Advertisement[],
  header: RosterHeader,
  roll: Roll = [],
): Promise<DownMessage> {
  const bytes = encodeHeader(header);
  const headerSignature = await signWith(provider, lab.planSecretKey, headerText(bytes));
  const entries = advertisements.map(encodeAdvertisement);
  return { name: 'roster', body: encodeRoster({ header: bytes, headerSignature, roll, advertisements: entries }) };
}

/** Entries as an honest coordinator would order them, and the root over them. */
export function inOrder(advertisements: readonly Advertisement[]) {
  const sorted = advertisements.toSorted((a, b) => compare(a.leaf.deviceId, b.leaf.deviceId));
  return { advertisements: sorted, rosterRoot: rosterRoot(sorted) };
}

/** A cohort as everybody sees it who has its roster message. */
export type SeenCohort = {
  readonly cohort: Cohort;
  readonly placeOf: (device: DeviceId) => number;
  readonly header: RosterHeader;
  readonly advertisements: readonly Advertisement[];
  readonly roll: Roll;
};

export function cohortOf({ body }: DownMessage): SeenCohort {
  const message = decodeRoster(body);
  const header = decodeHeader(message.header);
  const advertisements = message.advertisements.map(decodeAdvertisement);
  const cohort = formCohort(header, message.header, header.planHash, advertisements);
  const places = new Map(cohort.members.map(({ leaf }, place) => [deviceIdFromBytes(leaf.deviceId), place]));
  return { cohort, header, advertisements, roll: message.roll, placeOf: (device) => places.get(device)! };
}

export function bitmapOf({ cohort }: SeenCohort, places: Iterable<number>): Bytes {
  return encodeBitmap(places, cohort.members.length);
}

export type Forgery = {
  readonly place: number;
  readonly maskers: ReadonlySet<number>;
  readonly survivors: ReadonlySet<number>;
  readonly signatures: readonly CommitteeSignature[];
  /** By place: the masked input whose tags are given out as those of this place. */
  readonly tags: ReadonlyMap<number, SentTags>;
};

/** Tags as one masked input carried them, with the U1 under which it was sent. */
export type SentTags = {
  readonly tags: Bytes;
  readonly maskers: ReadonlySet<number>;
  /** Who made them, if not the place under which they are given out. */
  readonly sender?: number;
};

/** A certificate for one place, from whatever the adversary has. */
export function forgeCertificate(seen: SeenCohort, forgery: Forgery): DownMessage {
  const { place, maskers, survivors, signatures, tags } = forgery;
  const neighbours = neighboursOf(seen.cohort, place).filter((other) => survivors.has(other));
  const body = encodeCertificate({
    maskersBitmap: bitmapOf(seen, maskers),
    survivorsBitmap: bitmapOf(seen, survivors),
    signatures,
    tags: neighbours.map((other) => tagFor(seen, tags.get(other), other, place)),
  });
  return { name: 'certificate', body };
}

function tagFor({ cohort }: SeenCohort, sent: SentTags | undefined, from: number, to: number): Bytes {
  const masking = neighboursOf(cohort, sent?.sender ?? from).filter((other) => sent?.maskers.has(other));
  const index = masking.indexOf(to);
  if (!sent || index < 0) return new Uint8Array(viewTagBytes);
  return sent.tags.slice(viewTagBytes * index, viewTagBytes * (index + 1));
}

/** How many shares of each secret of a device the adversary has been given. */
export type View = { readonly maskKey: number; readonly selfMask: number };

/** @param unmaskings R4 bodies by the place of their sender, with the U1 that the sender masked under */
export function viewOf(
  { cohort }: SeenCohort,
  place: number,
  unmaskings: Iterable<{ readonly holder: number; readonly maskers: ReadonlySet<number>; readonly body: Bytes }>,
): View {
  let maskKey = 0;
  let selfMask = 0;
  for (const { holder, maskers, body } of unmaskings) {
    const neighbours = neighboursOf(cohort, holder).filter((other) => maskers.has(other));
    const index = neighbours.indexOf(place);
    if (index < 0) continue;
    const about = subjectAt(decodeUnmasking(body, neighbours.length), index);
    if (about === 'mask-key') maskKey++;
    if (about === 'self-mask') selfMask++;
  }
  return { maskKey, selfMask };
}

/** What of a device's setup its owner would never show. */
export function identityOf(lab: Lab, device: DeviceId): ClientSetup['identity'] {
  return lab.clients[lab.ids.indexOf(device)]!.identity;
}
