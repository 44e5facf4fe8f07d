/** Roster: who is in a cohort. Every device gets the whole of it and rebuilds ring and committee for itself. */

import { type Bytes, compare, concat, equal } from '../bytes.ts';
import { isAgreementKey, isSigningKey, type SignedText, sha256 } from '../crypto/index.ts';
import type { TaskId } from '../ids.ts';
import { advertiseText, contextOf } from './context.ts';
import { credentialBytes, deviceIdsIn, signedCredential } from './credential.ts';
import type { GuardReason } from './floors.ts';
import { committeePlaces, neighbourPlaces, ringOrder } from './graph.ts';
import type { RosterHeader } from './header.ts';
import { leafHash, merkleRoot } from './merkle.ts';
import { signatureBytes } from './messages.ts';
import { Reader } from './reader.ts';
import { weakestWindow } from './survivors.ts';

export const leafBytes = 144;
/** leaf ‖ signature ‖ credential */
export const advertisementBytes = leafBytes + signatureBytes + credentialBytes;
/** Bounds what a decoder reads; larger rounds are several cohorts. */
export const maxCohort = 1024;

/** What a device says of itself at R0. */
export type Leaf = {
  /** 16 bytes. */
  readonly deviceId: Bytes;
  /** Ed25519 public key. */
  readonly identityKey: Bytes;
  /** X25519 public keys: C opens boxes, M makes masks. Two, because a dropout's M is opened and its boxes must not be. */
  readonly channelKey: Bytes;
  readonly maskKey: Bytes;
  /** H(b) */
  readonly commitment: Bytes;
};

export function encodeLeaf({ deviceId, identityKey, channelKey, maskKey, commitment }: Leaf): Bytes {
  return concat(deviceId, identityKey, channelKey, maskKey, commitment);
}

/** A leaf with the device's signature and the enrolment authority's. */
export type Advertisement = {
  readonly leaf: Leaf;
  readonly leafBytes: Bytes;
  readonly signature: Bytes;
  /** u32 day ‖ signature */
  readonly credential: Bytes;
};

export function encodeAdvertisement(advertisement: Omit<Advertisement, 'leaf'>): Bytes {
  return concat(advertisement.leafBytes, advertisement.signature, advertisement.credential);
}

/** @throws ChoraleError `invalid-input` unless there are 276 bytes */
export function decodeAdvertisement(body: Uint8Array): Advertisement {
  const reader = new Reader(body, 'advertisement');
  const leaf = {
    deviceId: reader.take(16),
    identityKey: reader.take(32),
    channelKey: reader.take(32),
    maskKey: reader.take(32),
    commitment: reader.take(32),
  };
  const advertisement = {
    leaf,
    leafBytes: encodeLeaf(leaf),
    signature: reader.take(signatureBytes),
    credential: reader.take(credentialBytes),
  };
  reader.end();
  return advertisement;
}

/** Whether every id follows from its identity and all keys are of the kind that every provider accepts. */
export function areSoundLeaves(leaves: readonly Leaf[], task: TaskId): boolean {
  const idOf = deviceIdsIn(task);
  return leaves.every(
    ({ deviceId, identityKey, channelKey, maskKey }) =>
      equal(deviceId, idOf(identityKey)) &&
      isSigningKey(identityKey) &&
      isAgreementKey(channelKey) &&
      isAgreementKey(maskKey),
  );
}

/** Under what an advertisement must have been signed. */
export type Authority = { readonly task: TaskId; readonly planHash: Bytes; readonly enrolmentKey: Bytes };

export function signedAdvertisement({ leaf, leafBytes, signature }: Advertisement, planHash: Bytes): SignedText {
  return { publicKey: leaf.identityKey, message: advertiseText(planHash, leafBytes), signature };
}

export function signedCredentialOf({ leaf, credential }: Advertisement, authority: Authority): SignedText {
  const { deviceId, identityKey } = leaf;
  return signedCredential({ task: authority.task, deviceId, identityKey }, credential, authority.enrolmentKey);
}

/** The root that the header names: over the leaves, ascending by id. */
export function rosterRoot(advertisements: readonly Advertisement[]): Bytes {
  return merkleRoot(advertisements.map((advertisement) => leafHash(advertisement.leafBytes)));
}

/** Whether the list is one that honest devices may run under this header: one bad entry refuses the whole. */
export function inspectRoster(
  header: RosterHeader,
  advertisements: readonly Advertisement[],
  { task, planHash }: Pick<Authority, 'task' | 'planHash'>,
): GuardReason | undefined {
  const leaves = advertisements.map(({ leaf }) => leaf);
  const isWhole =
    equal(header.planHash, planHash) &&
    header.devices === leaves.length &&
    leaves.every((leaf, i) => i === 0 || compare(leaves[i - 1]!.deviceId, leaf.deviceId) < 0) &&
    areDistinct(leaves.map((leaf) => leaf.identityKey)) &&
    areDistinct(leaves.flatMap((leaf) => [leaf.channelKey, leaf.maskKey])) &&
    areSoundLeaves(leaves, task) &&
    equal(header.rosterRoot, rosterRoot(advertisements));
  return isWhole ? undefined : 'bad-signature';
}

function areDistinct(keys: readonly Bytes[]): boolean {
  const sorted = keys.toSorted(compare);
  return sorted.every((key, i) => i === 0 || compare(sorted[i - 1]!, key) !== 0);
}

/** A roster in ring order under its header: what both sides compute for themselves. */
export type Cohort = {
  readonly header: RosterHeader;
  readonly ctx: Bytes;
  /** By place. */
  readonly members: readonly Advertisement[];
  /** Places of the committee, ascending. */
  readonly committee: ReadonlySet<number>;
};

/** @param headerText the 194 bytes of H @param advertisements ascending by id, as many as the header says */
export function formCohort(
  header: RosterHeader,
  headerText: Bytes,
  planHash: Bytes,
  advertisements: readonly Advertisement[],
): Cohort {
  const ctx = contextOf(planHash, headerText);
  const ids = advertisements.map(({ leaf }) => leaf.deviceId);
  const ring = ringOrder(ids, ctx);
  return {
    header,
    ctx,
    members: ring.places.map((index) => advertisements[index]!),
    committee: new Set(committeePlaces(ids, ring, ctx, header.committee)),
  };
}

/** N(i): ascending places. */
export function neighboursOf({ header }: Cohort, place: number): readonly number[] {
  return neighbourPlaces(place, header.devices, header.neighbours);
}

export function memberAt({ members }: Cohort, place: number): Leaf {
  return members[place]!.leaf;
}

/** Enough devices, and in every window of a sparse graph: the rule for U1 and for U2. */
export function areEnough({ header }: Cohort, places: ReadonlySet<number>): boolean {
  if (places.size < header.minSurvivors) return false;
  if (header.windowSurvivors === 0) return true;
  return weakestWindow(places, header.devices, header.neighbours) >= header.windowSurvivors;
}

/** H(D) */
export function planHashOf(plan: Uint8Array): Bytes {
  return sha256(plan);
}
