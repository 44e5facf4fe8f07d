/**
 * A coordinator that shows every device what it likes, against real devices: turn by turn, everything that it hears goes
 * into its view. It holds the plan key and whatever belongs to the devices that are its own.
 */

import { type Bytes, equal } from '../bytes.ts';
import { type CryptoProvider, sha256 } from '../crypto/index.ts';
import { invariant } from '../errors.ts';
import type { DeviceId } from '../ids.ts';
import { certifyText, maskersHash, survivorsHash } from '../secagg/context.ts';
import { type CommitteeSignature, encodeSharers, encodeShares } from '../secagg/down-messages.ts';
import type { DownMessage } from '../secagg/messages.ts';
import { assumedCorrupt } from '../secagg/parameters.ts';
import { neighboursOf } from '../secagg/roster.ts';
import { type Deal, type DealtPart, decodeDeal, decodeMaskedInput, neighbourBitmap } from '../secagg/up-messages.ts';
import {
  bitmapOf,
  cohortOf,
  type Forgery,
  forgeCertificate,
  identityOf,
  type SeenCohort,
  type SentTags,
  signWith,
} from './secagg-adversary.ts';
import { AdversaryView, type BareSum } from './secagg-adversary-view.ts';
import type { Lab } from './secagg-lab.ts';
import { beginLockstep, type Lockstep, playTurn, type Settled, sentBody, tell } from './secagg-lockstep.ts';

type Places = ReadonlySet<number>;
/** What one device is shown of a set; undefined: it is shown nothing. */
export type Choice = (device: DeviceId, seen: SeenCohort) => Places | undefined;

export type Certifying = {
  /** U2; the one of R3 unless said. */
  readonly survivors?: Choice;
  /** Whose tags go as those of a device; its own unless said, and none where undefined. */
  readonly tagger?: (device: DeviceId) => DeviceId | undefined;
  /** What becomes of the signatures that fit. */
  readonly forge?: (signatures: readonly CommitteeSignature[], seen: SeenCohort) => readonly CommitteeSignature[];
};

export type Play = {
  readonly rosterFor?: (device: DeviceId) => DownMessage;
  readonly maskers?: Choice;
  readonly survivors?: Choice;
  readonly forge?: NonNullable<Certifying['forge']>;
};

/** One device as the adversary handles it: what it was shown, and what it gave. */
type Puppet = {
  readonly settled: Settled;
  readonly seen: SeenCohort;
  readonly maskers: Places;
  readonly survivors: Places | undefined;
  readonly deal: Deal | undefined;
  readonly tags: Bytes | undefined;
};

/** The two sets that a certificate is about, as their hashes in one ctx. */
type Sets = { readonly ctx: Bytes; readonly h1: Bytes; readonly h2: Bytes };

export const everyone = (_: DeviceId, { cohort }: SeenCohort): Places => new Set(cohort.members.keys());

export class LyingCoordinator {
  readonly lab: Lab;
  readonly view: AdversaryView;
  readonly #provider: CryptoProvider;
  readonly #corrupt = new Set<DeviceId>();
  readonly #puppets: Map<DeviceId, Puppet>;
  readonly #roster: DownMessage;
  /** What honest members of the committee have signed. */
  readonly #votes: (Sets & CommitteeSignature)[] = [];

  private constructor(
    lab: Lab,
    provider: CryptoProvider,
    roster: DownMessage,
    puppets: Map<DeviceId, Puppet>,
    view: AdversaryView,
  ) {
    this.lab = lab;
    this.view = view;
    this.#provider = provider;
    this.#puppets = puppets;
    this.#roster = roster;
  }

  /**
   * Every device has advertised, and the devices named belong to the adversary.
   *
   * @param before a view of earlier rounds that goes on, and ciphers by which single devices begin
   */
  static async begin(
    lab: Lab,
    provider: CryptoProvider,
    corrupt: readonly DeviceId[] = [],
    before: { readonly view?: AdversaryView; readonly liars?: Lockstep['liars'] } = {},
  ): Promise<LyingCoordinator> {
    const { view = new AdversaryView(provider, lab.plan.dimension), liars } = before;
    const begun = await beginLockstep(provider, lab, liars);
    const advertised = await playTurn(begun);
    const roster = advertised.sentDown.get(lab.ids[0]!)![0]!;
    const nothing = { seen: cohortOf(roster), maskers: new Set<number>(), survivors: undefined };
    const fresh = { ...nothing, deal: undefined, tags: undefined };
    const puppets = new Map([...begun.devices].map(([id, settled]) => [id, { ...fresh, settled }]));
    const coordinator = new LyingCoordinator(lab, provider, roster, puppets, view);
    for (const id of corrupt) coordinator.#corruptDevice(id);
    return coordinator;
  }

  #corruptDevice(id: DeviceId): void {
    const { phase } = this.settled(id).state;
    invariant(phase.at === 'awaiting-roster', 'a device is corrupt from the start');
    this.view.corrupt(phase.secrets);
    this.#corrupt.add(id);
  }

  /** What an honest coordinator would have sent, as everybody sees it. */
  get honest(): SeenCohort {
    return cohortOf(this.#roster);
  }

  get honestRoster(): DownMessage {
    return this.#roster;
  }

  /**
   * What the protocol must never let it have: bare sums over fewer honest devices than the header that they were shown
   * promises.
   *
   * @throws invariant if the view claims a sum that is not the true one
   */
  async leaks(): Promise<readonly BareSum[]> {
    const { sums } = await this.view.knowledge();
    for (const { devices, sum } of sums) {
      invariant(String(sum) === String(this.lab.sumOf(devices)), 'a view that takes off every mask or none');
    }
    return sums.filter(({ devices }) => devices.length < this.#promisedTo(devices[0]!));
  }

  #promisedTo(device: DeviceId): number {
    const { header } = this.#puppets.get(device)!.seen;
    return header.minSurvivors - assumedCorrupt(header.devices, this.lab.plan.corruptBasisPoints);
  }

  /** Devices that gave it a masked vector. */
  get masked(): readonly DeviceId[] {
    return [...this.#puppets].filter(([, { tags }]) => tags).map(([id]) => id);
  }

  settled(device: DeviceId): Settled {
    return this.#puppets.get(device)!.settled;
  }

  /** R1a: rosters go down, deals come up. */
  async showRosters(rosterFor: (device: DeviceId) => DownMessage = () => this.#roster): Promise<void> {
    for (const [id, puppet] of this.#puppets) {
      const roster = rosterFor(id);
      const seen = cohortOf(roster);
      const next = await this.#tell(id, { ...puppet, seen }, roster);
      const body = sentBody(next.settled, 'deal');
      this.#puppets.set(id, { ...next, deal: body && decodeDeal(body, seen.header.neighbours) });
    }
  }

  /** R1b: boxes go down. @param instead whose box a holder gets as that of a dealer; its own unless said */
  async forwardShares(instead: (dealer: DeviceId, holder: DeviceId) => DeviceId = (dealer) => dealer): Promise<void> {
    for (const [id, puppet] of this.#puppets) {
      const dealt = this.#neighbours(id).map(({ device }) => this.#boxFor(id, instead(device, id)));
      const dealers = [...dealt.keys()].filter((index) => dealt[index]);
      const boxes = dealt.filter((box) => box !== undefined);
      const body = encodeShares(neighbourBitmap(dealers, dealt.length), boxes);
      this.#puppets.set(id, await this.#tell(id, puppet, { name: 'shares', body }));
    }
  }

  /** R2: U1 goes down with all evidence that there is, masked inputs come up. */
  async showMaskers(choose: Choice = everyone): Promise<void> {
    for (const [id, puppet] of this.#puppets) {
      const maskers = choose(id, puppet.seen);
      if (!maskers) continue;
      const evidence = this.#neighbours(id).flatMap(({ place, device }) => {
        const { deal } = this.#puppets.get(device)!;
        if (!deal || !maskers.has(place)) return [];
        const hashes = { ciphertextsHash: sha256(deal.ciphertexts), shareHashesHash: sha256(deal.shareHashes) };
        return [{ place, ...hashes, signature: deal.signature }];
      });
      const body = encodeSharers({ bitmap: bitmapOf(puppet.seen, maskers), evidence });
      const next = await this.#tell(id, { ...puppet, maskers }, { name: 'sharers', body });
      this.#puppets.set(id, { ...next, tags: this.#tagsIn(id, next) });
    }
  }

  /** R3: U2 goes down, the committee's signatures come up. */
  async showSurvivors(choose: Choice = everyone): Promise<void> {
    for (const [id, puppet] of this.#puppets) {
      const survivors = choose(id, puppet.seen);
      if (!survivors) continue;
      const body = bitmapOf(puppet.seen, survivors);
      const next = await this.#tell(id, { ...puppet, survivors }, { name: 'survivors', body });
      const signature = sentBody(next.settled, 'certify');
      if (signature && !this.#corrupt.has(id)) {
        this.#votes.push({ ...setsOf(next, survivors), place: next.seen.placeOf(id), signature });
      }
      this.#puppets.set(id, next);
    }
  }

  /** R4: certificates go down with every signature that fits them, shares come up. */
  async certify({
    survivors: choose = (id) => this.#puppets.get(id)!.survivors,
    tagger = (id) => id,
    forge = (signatures) => signatures,
  }: Certifying = {}): Promise<void> {
    for (const [id, puppet] of this.#puppets) {
      const survivors = choose(id, puppet.seen);
      if (!survivors) continue;
      const { seen, maskers } = puppet;
      const signatures = forge(await this.#signaturesOver(setsOf(puppet, survivors), seen), seen);
      const forgery = { place: seen.placeOf(id), maskers, survivors, signatures, tags: this.#tags(seen, tagger) };
      this.#puppets.set(id, await this.#tell(id, puppet, forgeCertificate(seen, forgery)));
    }
  }

  /** All turns with these rosters, sets and signatures. */
  async play({ rosterFor, maskers, survivors, forge }: Play = {}): Promise<void> {
    await this.showRosters(rosterFor);
    await this.forwardShares();
    await this.showMaskers(maskers);
    await this.showSurvivors(survivors);
    await this.certify(forge && { forge });
  }

  async #tell(id: DeviceId, puppet: Puppet, message: DownMessage): Promise<Puppet> {
    const { seen, maskers } = puppet;
    const settled = await tell(this.#provider, puppet.settled.state, message, this.lab.plan.openedAt);
    for (const sent of settled.sent) this.view.hear({ seen, maskers, place: seen.placeOf(id), message: sent });
    return { ...puppet, settled: { ...settled, outcome: settled.outcome ?? puppet.settled.outcome } };
  }

  /** The neighbours of a device in the ring that it was shown. */
  #neighbours(id: DeviceId): readonly { readonly place: number; readonly device: DeviceId }[] {
    const { seen } = this.#puppets.get(id)!;
    return neighboursOf(seen.cohort, seen.placeOf(id)).map((place) => {
      const device = this.lab.ids.find((other) => seen.placeOf(other) === place)!;
      return { place, device };
    });
  }

  /** What a dealer made for a holder, wherever that stands in the ring that the dealer was shown. */
  #boxFor(holder: DeviceId, dealer: DeviceId): DealtPart | undefined {
    const { deal, seen } = this.#puppets.get(dealer)!;
    if (!deal) return undefined;
    const index = neighboursOf(seen.cohort, seen.placeOf(dealer)).indexOf(seen.placeOf(holder));
    return index < 0 ? undefined : { deal, index };
  }

  #tagsIn(id: DeviceId, { settled, maskers }: Puppet): Bytes | undefined {
    const body = sentBody(settled, 'masked-input');
    const count = this.#neighbours(id).filter(({ place }) => maskers.has(place)).length;
    return body && decodeMaskedInput(body, this.lab.plan.dimension, count).tags;
  }

  /** The tags that were sent in one ctx, by the place for which they are given out; zeros stand for those left out. */
  #tags({ cohort, placeOf }: SeenCohort, tagger: NonNullable<Certifying['tagger']>): Forgery['tags'] {
    const given = new Map<number, SentTags>();
    for (const id of this.#puppets.keys()) {
      const from = tagger(id);
      const sender = from && this.#puppets.get(from);
      if (!sender?.tags || !equal(sender.seen.cohort.ctx, cohort.ctx)) continue;
      given.set(placeOf(id), { tags: sender.tags, maskers: sender.maskers, sender: placeOf(from!) });
    }
    return given;
  }

  async #signaturesOver({ ctx, h1, h2 }: Sets, { placeOf }: SeenCohort): Promise<readonly CommitteeSignature[]> {
    const signatures: CommitteeSignature[] = this.#votes.filter((vote) => equal(vote.h1, h1) && equal(vote.h2, h2));
    for (const id of [...this.#corrupt].filter((member) => placeOf(member) !== undefined)) {
      const place = placeOf(id);
      const { secretKey } = identityOf(this.lab, id);
      const signature = await signWith(this.#provider, secretKey, certifyText({ ctx, place }, h1, h2));
      signatures.push({ place, signature });
    }
    return signatures.sort((a, b) => a.place - b.place);
  }
}

function setsOf({ seen, maskers }: Puppet, survivors: Places): Sets {
  const { ctx } = seen.cohort;
  const [u1, u2] = [maskers, survivors].map((places) => bitmapOf(seen, places));
  return { ctx, h1: maskersHash(ctx, u1!), h2: survivorsHash(ctx, u2!) };
}
