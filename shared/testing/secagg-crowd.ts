/**
 * Honest devices without their machines: who holds the secrets of a whole cohort can write what each member would say,
 * at a fraction of the cost. All that the coordinator or a member with a real machine can look at is genuine: keys,
 * signatures, shares and their hashes, masks, sums. What only the crowd itself would look at is left out: boxes and view
 * tags between its members are zeros, and masks that cancel between two of its survivors are not added.
 */

import { type Bytes, bytes, concat, utf8 } from '../bytes.ts';
import type { CryptoProvider } from '../crypto/index.ts';
import { hkdf, sha256 } from '../crypto/index.ts';
import { invariant } from '../errors.ts';
import { type DeviceId, deviceIdFromBytes } from '../ids.ts';
import type { ClientSetup } from '../secagg/client.ts';
import {
  acknowledgeText,
  advertiseText,
  boxKey,
  certifyText,
  commitment,
  dealText,
  maskedInputText,
  maskersHash,
  maskSalt,
  type SaltedShare,
  shareKinds,
  shareText,
  survivorsHash,
  unmaskText,
  viewKey,
  viewTag,
  viewTagBytes,
} from '../secagg/context.ts';
import { decodeCertificate, decodeRoster, decodeSharers, decodeShares } from '../secagg/down-messages.ts';
import { decodeHeader } from '../secagg/header.ts';
import { maskedVector, maskJob } from '../secagg/masks.ts';
import { type DownMessage, sealedBytes, type UpMessage } from '../secagg/messages.ts';
import {
  type Cohort,
  decodeAdvertisement,
  encodeAdvertisement,
  encodeLeaf,
  formCohort,
  memberAt,
  neighboursOf,
  planHashOf,
} from '../secagg/roster.ts';
import { indexIn } from '../secagg/server/knowledge.ts';
import {
  decodeSharePair,
  encodeAcknowledgement,
  encodeDeal,
  encodeMaskedInput,
  encodeMaskedVector,
  encodeReveals,
  encodeSharePair,
  encodeUnmasking,
  neighbourBitmap,
  type Reveal,
  type SharePair,
} from '../secagg/up-messages.ts';
import { type Lab, perform } from './secagg-lab.ts';

export type CrowdOptions = {
  readonly lab: Lab;
  readonly provider: CryptoProvider;
  /** Members that run real machines and are not of the crowd. */
  readonly real?: ReadonlySet<DeviceId>;
  /** Members of the crowd that will be gone before they send their masked input: masks with them do not cancel. */
  readonly leaving?: ReadonlySet<DeviceId>;
};

/** One device as the coordinator meets it. */
export type CrowdMember = {
  readonly id: DeviceId;
  advertise(): Promise<UpMessage>;
  /** @returns the answer of an honest device; undefined where it has nothing to say */
  hear(message: DownMessage): Promise<UpMessage | undefined>;
};

/** The members of a lab's cohort, but for those with real machines. */
export function secaggCrowd({ lab, provider, real = new Set(), leaving = new Set() }: CrowdOptions): CrowdMember[] {
  const crowd: Crowd = { lab, provider, real, leaving, planHash: planHashOf(lab.planBytes), members: new Map() };
  return lab.clients
    .filter(({ identity }) => !real.has(deviceIdFromBytes(identity.deviceId)))
    .map((setup) => {
      const member = new Member(crowd, setup);
      crowd.members.set(member.id, member);
      return member;
    });
}

/** What the members share. */
type Crowd = Required<CrowdOptions> & {
  readonly planHash: Bytes;
  readonly members: Map<DeviceId, Member>;
  seating?: Seating;
};

type Seating = {
  readonly cohort: Cohort;
  /** By place. */
  readonly ids: readonly DeviceId[];
  readonly neighbourhoods: readonly (readonly number[])[];
};

/** Salts keep shares from being guessed by their hashes; here nobody guesses. */
const salt = bytes(16);

class Member implements CrowdMember {
  readonly id: DeviceId;
  readonly #crowd: Crowd;
  readonly #setup: ClientSetup;
  readonly #secrets: { readonly channel: Bytes; readonly mask: Bytes; readonly selfMask: Bytes };
  #place = -1;
  #h1 = bytes(0);
  #maskers: readonly number[] = [];
  /** What it dealt, by neighbour index. */
  #dealt: readonly SharePair[] = [];
  /** What real devices dealt to it, and the X25519 secrets of their channels, by place. */
  readonly #opened = new Map<number, SharePair>();
  readonly #channels = new Map<number, Bytes>();

  constructor(crowd: Crowd, setup: ClientSetup) {
    this.id = deviceIdFromBytes(setup.identity.deviceId);
    this.#crowd = crowd;
    this.#setup = setup;
    const derive = (name: string) => hkdf(setup.seed, bytes(0), utf8(`crowd ${name}`), 32);
    this.#secrets = { channel: derive('channel'), mask: derive('mask'), selfMask: derive('self-mask') };
  }

  async advertise(): Promise<UpMessage> {
    const { identity, credential } = this.#setup;
    const secrets = [this.#secrets.channel, this.#secrets.mask];
    const keys = await perform(this.#crowd.provider, { do: 'publicKeys', agreement: secrets, signing: [] });
    const leafBytes = encodeLeaf({
      deviceId: identity.deviceId,
      identityKey: identity.publicKey,
      channelKey: keys.agreement[0]!,
      maskKey: keys.agreement[1]!,
      commitment: commitment(this.#secrets.selfMask),
    });
    const signature = await this.#sign(advertiseText(this.#crowd.planHash, leafBytes));
    return { name: 'advertise', body: encodeAdvertisement({ leafBytes, signature, credential }) };
  }

  async hear({ name, body }: DownMessage): Promise<UpMessage | undefined> {
    switch (name) {
      case 'roster':
        return this.#deal(body);
      case 'shares':
        return this.#acknowledge(body);
      case 'sharers':
        return this.#contribute(body);
      case 'survivors':
        return this.#certify(body);
      case 'certificate':
        return this.#unmask(body);
      case 'outcome':
        return undefined;
    }
  }

  async #deal(roster: Bytes): Promise<UpMessage> {
    this.#crowd.seating ??= seat(roster, this.#crowd.planHash);
    this.#place = this.#seating.ids.indexOf(this.id);
    const { shares } = await perform(this.#crowd.provider, {
      do: 'split',
      secrets: [this.#secrets.mask, this.#secrets.selfMask],
      threshold: this.#seating.cohort.header.threshold,
      points: this.#neighbours.map((holder) => holder + 1),
      randomness: sha256(this.#setup.seed),
    });
    this.#dealt = this.#neighbours.map((holder, index) => ({
      dealer: this.#place,
      holder,
      maskKey: { share: shares[0]![index]!, salt },
      selfMask: { share: shares[1]![index]!, salt },
    }));
    const ciphertexts = concat(...(await Promise.all(this.#dealt.map((pair) => this.#seal(pair)))));
    const shareHashes = concat(...(await this.#hashShares()));
    const [ciphertextsHash, hashesHash] = await this.#hash([ciphertexts, shareHashes]);
    const signature = await this.#sign(dealText(this.#signer, ciphertextsHash!, hashesHash!));
    return { name: 'deal', body: encodeDeal({ ciphertexts, shareHashes, signature }) };
  }

  async #seal(pair: SharePair): Promise<Bytes> {
    if (!this.#isReal(pair.holder)) return bytes(sealedBytes);
    const key = boxKey(await this.#channelTo(pair.holder), this.#ctx, { from: pair.dealer, to: pair.holder });
    const boxes = [{ key, plain: encodeSharePair(pair) }];
    return (await perform(this.#crowd.provider, { do: 'sealMany', boxes })).sealed[0]!;
  }

  #hashShares(): Promise<readonly Bytes[]> {
    const texts = this.#dealt.flatMap(({ dealer, holder, maskKey, selfMask }) => [
      shareText(this.#ctx, { dealer, holder, kind: shareKinds.maskKey }, maskKey),
      shareText(this.#ctx, { dealer, holder, kind: shareKinds.selfMask }, selfMask),
    ]);
    return this.#hash(texts);
  }

  async #acknowledge(shares: Bytes): Promise<UpMessage> {
    for (const [index, { sealed }] of decodeShares(shares, this.#neighbours.length)) {
      const dealer = this.#neighbours[index]!;
      if (this.#isReal(dealer)) await this.#open(dealer, sealed);
    }
    const bitmap = neighbourBitmap(this.#neighbours.keys(), this.#neighbours.length);
    const signature = await this.#sign(acknowledgeText(this.#signer, bitmap));
    return { name: 'acknowledge', body: encodeAcknowledgement({ bitmap, signature }) };
  }

  async #open(dealer: number, sealed: Bytes): Promise<void> {
    const key = boxKey(await this.#channelTo(dealer), this.#ctx, { from: dealer, to: this.#place });
    const { opened } = await perform(this.#crowd.provider, { do: 'openMany', boxes: [{ key, sealed }] });
    const pair = opened[0] && decodeSharePair(opened[0]);
    invariant(pair, 'a real device sealed a box that does not open');
    this.#opened.set(dealer, pair);
  }

  async #contribute(sharers: Bytes): Promise<UpMessage> {
    const { devices, neighbours } = this.#seating.cohort.header;
    const { maskers, bitmap } = decodeSharers(sharers, devices, neighbours);
    this.#maskers = this.#neighbours.filter((place) => maskers.has(place));
    this.#h1 = maskersHash(this.#ctx, bitmap);
    const job = maskJob({
      vector: this.#setup.encode(0n),
      salt: maskSalt(this.#ctx, this.#h1),
      place: this.#place,
      maskSecret: this.#secrets.mask,
      selfMaskSeed: this.#secrets.selfMask,
      maskers: this.#maskers
        .filter((place) => this.#isReal(place) || this.#crowd.leaving.has(this.#seating.ids[place]!))
        .map((place) => ({ place, maskKey: memberAt(this.#seating.cohort, place).maskKey })),
    });
    const vector = encodeMaskedVector(maskedVector(await perform(this.#crowd.provider, job)));
    const tags = concat(...(await Promise.all(this.#maskers.map((place) => this.#tagFor(place)))));
    const [vectorHash, tagsHash] = await this.#hash([vector, tags]);
    const signature = await this.#sign(maskedInputText(this.#signer, this.#h1, vectorHash!, tagsHash!));
    return { name: 'masked-input', body: encodeMaskedInput({ vector, tags, signature }) };
  }

  async #tagFor(to: number): Promise<Bytes> {
    if (!this.#isReal(to)) return bytes(viewTagBytes);
    const direction = { from: this.#place, to };
    return viewTag(viewKey(await this.#channelTo(to), this.#ctx, direction), this.#ctx, direction, this.#h1);
  }

  async #certify(survivors: Bytes): Promise<UpMessage | undefined> {
    if (!this.#seating.cohort.committee.has(this.#place)) return undefined;
    const text = certifyText(this.#signer, this.#h1, survivorsHash(this.#ctx, survivors));
    return { name: 'certify', body: await this.#sign(text) };
  }

  async #unmask(certificate: Bytes): Promise<UpMessage> {
    const { devices, neighbours } = this.#seating.cohort.header;
    const { survivors, survivorsBitmap } = decodeCertificate(certificate, devices, neighbours);
    const encoded = encodeReveals(
      this.#maskers.map((dealer): Reveal => {
        const { maskKey, selfMask } = this.#shareOf(dealer);
        return survivors.has(dealer) ? reveal('self-mask', selfMask) : reveal('mask-key', maskKey);
      }),
    );
    const [hash] = await this.#hash([encoded]);
    const text = unmaskText(this.#signer, this.#h1, survivorsHash(this.#ctx, survivorsBitmap), hash!);
    return { name: 'unmask', body: encodeUnmasking({ encoded, signature: await this.#sign(text) }) };
  }

  /** What a dealer gave this member: among themselves the members know without opening. */
  #shareOf(dealer: number): SharePair {
    const { ids, neighbourhoods } = this.#seating;
    const member = this.#crowd.members.get(ids[dealer]!);
    if (!member) return this.#opened.get(dealer)!;
    return member.#dealt[indexIn(neighbourhoods[dealer]!, this.#place)]!;
  }

  async #channelTo(place: number): Promise<Bytes> {
    const known = this.#channels.get(place);
    if (known) return known;
    const publicKeys = [memberAt(this.#seating.cohort, place).channelKey];
    const job = { do: 'agreeMany', secretKey: this.#secrets.channel, publicKeys } as const;
    const [secret] = (await perform(this.#crowd.provider, job)).secrets;
    invariant(secret, 'a real device has an unacceptable channel key');
    this.#channels.set(place, secret);
    return secret;
  }

  #isReal(place: number): boolean {
    return this.#crowd.real.has(this.#seating.ids[place]!);
  }

  async #hash(texts: readonly Bytes[]): Promise<readonly Bytes[]> {
    return (await perform(this.#crowd.provider, { do: 'hashMany', texts })).hashes;
  }

  async #sign(text: Bytes): Promise<Bytes> {
    const { secretKey } = this.#setup.identity;
    return (await perform(this.#crowd.provider, { do: 'signMany', secretKey, messages: [text] })).signatures[0]!;
  }

  get #seating(): Seating {
    invariant(this.#crowd.seating, 'a turn before the roster');
    return this.#crowd.seating;
  }

  get #ctx(): Bytes {
    return this.#seating.cohort.ctx;
  }

  get #signer() {
    return { ctx: this.#ctx, place: this.#place };
  }

  get #neighbours(): readonly number[] {
    return this.#seating.neighbourhoods[this.#place]!;
  }
}

function seat(roster: Bytes, planHash: Bytes): Seating {
  const { header, advertisements } = decodeRoster(roster);
  const cohort = formCohort(decodeHeader(header), header, planHash, advertisements.map(decodeAdvertisement));
  return {
    cohort,
    ids: cohort.members.map(({ leaf }) => deviceIdFromBytes(leaf.deviceId)),
    neighbourhoods: cohort.members.map((_, place) => neighboursOf(cohort, place)),
  };
}

function reveal(about: 'self-mask' | 'mask-key', { share, salt }: SaltedShare): Reveal {
  return { about, share, salt };
}
