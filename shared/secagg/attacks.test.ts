/** A lying coordinator against real devices: what matters is what it can compute at the end. */

import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { type Bytes, bytes, equal } from '../bytes.ts';
import { sha256 } from '../crypto/index.ts';
import { type DeviceId, deviceIdFromBytes } from '../ids.ts';
import {
  bitmapOf,
  cohortOf,
  type Forgery,
  forgeCertificate,
  forgeRoster,
  identityOf,
  inOrder,
  type SeenCohort,
  signWith,
  viewOf,
} from '../testing/secagg-adversary.ts';
import { type Lab, labPlan, rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import {
  beginLockstep,
  type Lockstep,
  playTurn,
  type Settled,
  sentBody,
  startDevice,
  type TurnOptions,
  tell,
} from '../testing/secagg-lockstep.ts';
import { advertiseText, certifyText, maskersHash, survivorsHash } from './context.ts';
import { type CommitteeSignature, encodeSharers, encodeShares } from './down-messages.ts';
import type { DeviceFloors } from './floors.ts';
import { decodeHeader, type RosterHeader } from './header.ts';
import type { DownMessage } from './messages.ts';
import {
  type Advertisement,
  advertisementBytes,
  decodeAdvertisement,
  encodeLeaf,
  memberAt,
  neighboursOf,
  planHashOf,
  rosterRoot,
} from './roster.ts';
import { weakestWindow } from './survivors.ts';
import { type Deal, decodeDeal, decodeMaskedInput, neighbourBitmap } from './up-messages.ts';

const provider = rememberingVerdicts(nodeCrypto());

/** L of Ed25519. */
const groupOrder = 2n ** 252n + 27_742_317_777_372_353_535_851_937_790_883_648_493n;

/** Ten devices: A = 1, D = 3, minSurvivors = 7, complete graph, t = 4, committee of all, T = 6. */
const makeLab = (seed: string) => secaggLab({ provider, devices: 10, seed });

type Stage = { readonly lab: Lab; readonly lockstep: Lockstep; readonly seen: SeenCohort };

/** Everyone has its masked input ready; the adversary may change what `sharers` says. */
async function untilMasked(lab: Lab, tamperDown?: (seen: SeenCohort) => TurnOptions['tamperDown']): Promise<Stage> {
  const advertised = await playTurn(await beginLockstep(provider, lab));
  const seen = cohortOf(advertised.sentDown.get(lab.ids[0]!)![0]!);
  const dealt = await playTurn(advertised);
  const tamper = tamperDown?.(seen);
  return { lab, seen, lockstep: await playTurn(dealt, tamper ? { tamperDown: tamper } : {}) };
}

const all = (seen: SeenCohort): ReadonlySet<number> => new Set(seen.cohort.members.keys());
const without = (places: ReadonlySet<number>, ...out: readonly number[]) =>
  new Set([...places].filter((place) => !out.includes(place)));

/** R3 and R4 in the adversary's hands: each device is shown a U1, and all the same U2. */
async function certifyAndUnmask(
  { lab, lockstep, seen }: Stage,
  survivors: ReadonlySet<number>,
  maskersOf: (place: number) => ReadonlySet<number>,
) {
  const now = lockstep.now;
  const after = new Map<number, Settled>();
  const signatures: CommitteeSignature[] = [];
  for (const id of lab.ids) {
    const told = await tell(provider, stateOf(lockstep, id), u2(seen, survivors), now);
    after.set(seen.placeOf(id), told);
    const signature = sentBody(told, 'certify');
    if (signature) signatures.push({ place: seen.placeOf(id), signature });
  }
  signatures.sort((a, b) => a.place - b.place);
  const tags = tagsOf({ lab, lockstep, seen }, maskersOf);
  const unmaskings = [];
  for (const [place, { state }] of after) {
    const maskers = maskersOf(place);
    const certificate = forgeCertificate(seen, { place, maskers, survivors, signatures, tags });
    const told = await tell(provider, state, certificate, now);
    after.set(place, told);
    const body = sentBody(told, 'unmask');
    if (body) unmaskings.push({ holder: place, maskers, body });
  }
  return { after, unmaskings, signatures };
}

function u2(seen: SeenCohort, survivors: ReadonlySet<number>): DownMessage {
  return { name: 'survivors', body: bitmapOf(seen, survivors) };
}

function stateOf(lockstep: Lockstep, id: DeviceId) {
  return lockstep.devices.get(id)!.state;
}

/** The view tags that devices sent at R2, by place. */
function tagsOf({ lab, lockstep, seen }: Stage, maskersOf: (place: number) => ReadonlySet<number>) {
  return new Map(
    lab.ids.flatMap((id) => {
      const body = sentBody(lockstep.devices.get(id), 'masked-input');
      if (!body) return [];
      const place = seen.placeOf(id);
      const maskers = maskersOf(place);
      const count = neighboursOf(seen.cohort, place).filter((other) => maskers.has(other)).length;
      return [[place, { maskers, tags: decodeMaskedInput(body, lab.plan.dimension, count).tags }]];
    }),
  );
}

/** Valid signatures of the whole committee, as if every member were the adversary's. */
async function signaturesOfAll({ lab, seen }: Stage, maskers: ReadonlySet<number>, survivors: ReadonlySet<number>) {
  const { ctx } = seen.cohort;
  const h1 = maskersHash(ctx, bitmapOf(seen, maskers));
  const h2 = survivorsHash(ctx, bitmapOf(seen, survivors));
  const signatures: CommitteeSignature[] = [];
  for (const id of lab.ids) {
    const place = seen.placeOf(id);
    const signature = await signWith(provider, identityOf(lab, id).secretKey, certifyText({ ctx, place }, h1, h2));
    signatures.push({ place, signature });
  }
  return signatures.sort((a, b) => a.place - b.place);
}

describe('an honest coordinator (the control)', () => {
  it('is given every self-mask and no mask key', async () => {
    const stage = await untilMasked(await makeLab('control'));
    const everyone = all(stage.seen);
    const { unmaskings } = await certifyAndUnmask(stage, everyone, () => everyone);
    for (const place of everyone) {
      expect(viewOf(stage.seen, place, unmaskings)).toEqual({ maskKey: 0, selfMask: 9 });
    }
  });
});

describe('a U1 of its own for one device', () => {
  it('does not open the device: nobody reveals a share of its self-mask', async () => {
    const lab = await makeLab('own U1');
    const victim = lab.ids[4]!;
    const stage = await untilMasked(lab, (seen) => {
      const others = without(all(seen), seen.placeOf(lab.ids[7]!));
      return (device, message) =>
        device === victim && message.name === 'sharers'
          ? { name: 'sharers', body: encodeSharers({ bitmap: bitmapOf(seen, others), evidence: [] }) }
          : message;
    });
    const place = stage.seen.placeOf(victim);
    const own = without(all(stage.seen), stage.seen.placeOf(lab.ids[7]!));
    expect(sentBody(stage.lockstep.devices.get(victim), 'masked-input')).toBeDefined();

    const everyone = all(stage.seen);
    const maskersOf = (other: number) => (other === place ? own : everyone);
    const { unmaskings } = await certifyAndUnmask(stage, everyone, maskersOf);

    const byOthers = unmaskings.filter(({ holder }) => holder !== place);
    expect(byOthers).toHaveLength(9);
    expect(viewOf(stage.seen, place, byOthers)).toEqual({ maskKey: 0, selfMask: 0 });
    // The others masked under one U1 and are opened: the victim alone is not.
    const other = stage.seen.placeOf(lab.ids[0]!);
    expect(viewOf(stage.seen, other, byOthers).selfMask).toBe(8);
  });

  it.each([
    { name: 'of itself alone', keep: 1 },
    { name: 'below minSurvivors', keep: 6 },
  ])('is refused when it is $name', async ({ keep }) => {
    const lab = await makeLab('tiny U1');
    const victim = lab.ids[4]!;
    const { lockstep } = await untilMasked(lab, (seen) => {
      const kept = [victim, ...lab.ids.filter((id) => id !== victim)].slice(0, keep).map(seen.placeOf);
      return (device, message) =>
        device === victim && message.name === 'sharers'
          ? { name: 'sharers', body: encodeSharers({ bitmap: bitmapOf(seen, kept), evidence: [] }) }
          : message;
    });
    expect(lockstep.devices.get(victim)?.outcome).toMatchObject({ kind: 'refused', reason: 'survivors-too-few' });
    expect(sentBody(lockstep.devices.get(victim), 'masked-input')).toBeUndefined();
  });

  it('does not make a device mask twice', async () => {
    const { lab, lockstep, seen } = await untilMasked(await makeLab('second U1'));
    const victim = lab.ids[4]!;
    const bitmap = bitmapOf(seen, without(all(seen), seen.placeOf(lab.ids[7]!)));
    const second: DownMessage = { name: 'sharers', body: encodeSharers({ bitmap, evidence: [] }) };
    const told = await tell(provider, stateOf(lockstep, victim), second, lockstep.now);
    expect(told.sent).toEqual([]);
    expect(told.state.round.contradictions).toEqual([second]);
  });
});

describe('both secrets of one device', () => {
  it('are not revealed by a second certificate, even if the whole committee signed it', async () => {
    const stage = await untilMasked(await makeLab('both secrets'));
    const { lab, seen, lockstep } = stage;
    const everyone = all(seen);
    const victim = seen.placeOf(lab.ids[2]!);
    const { after, unmaskings } = await certifyAndUnmask(stage, everyone, () => everyone);
    expect(viewOf(seen, victim, unmaskings)).toEqual({ maskKey: 0, selfMask: 9 });

    const survivors = without(everyone, victim);
    const signatures = await signaturesOfAll(stage, everyone, survivors);
    const tags = tagsOf(stage, () => everyone);
    const further = [];
    for (const [place, { state }] of after) {
      const second = forgeCertificate(seen, { place, maskers: everyone, survivors, signatures, tags });
      const told = await tell(provider, state, second, lockstep.now);
      const body = sentBody(told, 'unmask');
      if (body) further.push({ holder: place, maskers: everyone, body });
      expect(told.state.round.contradictions).toEqual([second]);
    }
    expect(viewOf(seen, victim, [...unmaskings, ...further])).toEqual({ maskKey: 0, selfMask: 9 });
  });

  it('are not revealed by a device that accepted another U2 at R3', async () => {
    const stage = await untilMasked(await makeLab('other U2'));
    const { lab, seen, lockstep } = stage;
    const everyone = all(seen);
    const holder = lab.ids[1]!;
    const certified = await tell(provider, stateOf(lockstep, holder), u2(seen, everyone), lockstep.now);
    expect(sentBody(certified, 'certify')).toBeDefined();
    const survivors = without(everyone, seen.placeOf(lab.ids[2]!));
    const forgery = {
      place: seen.placeOf(holder),
      maskers: everyone,
      survivors,
      signatures: await signaturesOfAll(stage, everyone, survivors),
      tags: tagsOf(stage, () => everyone),
    };
    const told = await tell(provider, certified.state, forgeCertificate(seen, forgery), lockstep.now);
    expect(told.outcome).toMatchObject({ kind: 'refused' });
    expect(sentBody(told, 'unmask')).toBeUndefined();
    // Unless it had accepted the other set, the certificate is good: the device must not refuse for another reason.
    const fresh = await tell(provider, stateOf(lockstep, holder), forgeCertificate(seen, forgery), lockstep.now);
    expect(sentBody(fresh, 'unmask')).toBeDefined();
  });

  it('are not certified twice: a device signs one U2', async () => {
    const { lab, lockstep, seen } = await untilMasked(await makeLab('two U2'));
    const member = lab.ids[1]!;
    const first = await tell(provider, stateOf(lockstep, member), u2(seen, all(seen)), lockstep.now);
    const second = u2(seen, without(all(seen), seen.placeOf(lab.ids[2]!)));
    const told = await tell(provider, first.state, second, lockstep.now);
    expect(told.sent).toEqual([]);
    expect(told.state.round.contradictions).toEqual([second]);
  });
});

describe('a certificate', () => {
  type Change = (signatures: CommitteeSignature[]) => CommitteeSignature[];
  const cases: { name: string; change: Change; isGood: boolean }[] = [
    { name: 'with T signatures', change: (all) => all.slice(0, 6), isGood: true },
    { name: 'with T − 1 signatures', change: (all) => all.slice(0, 5), isGood: false },
    {
      name: 'with a forged signature among T',
      change: (all) => all.slice(0, 6).map((vote, i) => (i === 3 ? { ...vote, signature: bytes(64) } : vote)),
      isGood: false,
    },
    {
      name: 'with forged signatures before T good ones',
      change: (all) => all.map((vote, i) => (i < 4 ? { ...vote, signature: bytes(64) } : vote)),
      isGood: true,
    },
    {
      name: 'with forged signatures before T − 1 good ones',
      change: (all) => all.map((vote, i) => (i < 5 ? { ...vote, signature: bytes(64) } : vote)),
      isGood: false,
    },
    {
      name: 'with one signature under another place',
      change: (all) => [...all.slice(0, 5), { place: all[5]!.place, signature: all[0]!.signature }],
      isGood: false,
    },
    {
      name: 'with one place twice',
      change: (all) => [...all.slice(0, 5), all[4]!],
      isGood: false,
    },
  ];
  it.each(cases)('$name opens secrets: $isGood', async ({ change, isGood }) => {
    const stage = await untilMasked(await makeLab('committee'));
    const { lab, seen, lockstep } = stage;
    const everyone = all(seen);
    const signatures = change(await signaturesOfAll(stage, everyone, everyone));
    const tags = tagsOf(stage, () => everyone);
    const place = seen.placeOf(lab.ids[0]!);
    const certificate = forgeCertificate(seen, { place, maskers: everyone, survivors: everyone, signatures, tags });
    const told = await tell(provider, stateOf(lockstep, lab.ids[0]!), certificate, lockstep.now);
    expect(sentBody(told, 'unmask') !== undefined).toBe(isGood);
    expect(told.records.some(({ kind }) => kind === 'revealed')).toBe(isGood);
  });

  it('for a U2 that is too small or no part of U1 opens nothing', async () => {
    const lab = await makeLab('bad U2');
    const outsider = lab.ids[9]!;
    const stage = await untilMasked(
      lab,
      (seen) => (_, message) =>
        message.name === 'sharers'
          ? {
              name: 'sharers',
              body: encodeSharers({ bitmap: bitmapOf(seen, without(all(seen), seen.placeOf(outsider))), evidence: [] }),
            }
          : message,
    );
    const { seen, lockstep } = stage;
    const maskers = without(all(seen), seen.placeOf(outsider));
    const holder = lab.ids[0]!;
    const place = seen.placeOf(holder);
    const tags = tagsOf(stage, () => maskers);
    const small = new Set([...maskers].slice(0, 6));
    for (const survivors of [all(seen), small]) {
      const signatures = await signaturesOfAll(stage, maskers, survivors);
      const certificate = forgeCertificate(seen, { place, maskers, survivors, signatures, tags });
      for (const message of [u2(seen, survivors), certificate]) {
        const told = await tell(provider, stateOf(lockstep, holder), message, lockstep.now);
        expect(told.outcome).toMatchObject({ kind: 'refused', reason: 'survivors-too-few' });
        expect(told.sent.map(({ name }) => name)).toEqual(['withdraw']);
      }
    }
  });

  it('with the tags of two devices exchanged opens neither of them', async () => {
    const stage = await untilMasked(await makeLab('swapped tags'));
    const { lab, seen, lockstep } = stage;
    const everyone = all(seen);
    const place = seen.placeOf(lab.ids[0]!);
    const [a, b, other] = [1, 2, 3].map((i) => seen.placeOf(lab.ids[i]!));
    const honest = tagsOf(stage, () => everyone);
    const tags = new Map(honest).set(a!, honest.get(b!)!).set(b!, honest.get(a!)!);
    const signatures = await signaturesOfAll(stage, everyone, everyone);
    const certificate = forgeCertificate(seen, { place, maskers: everyone, survivors: everyone, signatures, tags });
    const told = await tell(provider, stateOf(lockstep, lab.ids[0]!), certificate, lockstep.now);
    const unmaskings = [{ holder: place, maskers: everyone, body: sentBody(told, 'unmask')! }];
    expect(viewOf(seen, a!, unmaskings)).toEqual({ maskKey: 0, selfMask: 0 });
    expect(viewOf(seen, b!, unmaskings)).toEqual({ maskKey: 0, selfMask: 0 });
    expect(viewOf(seen, other!, unmaskings)).toEqual({ maskKey: 0, selfMask: 1 });
  });
});

describe('a certificate of a committee that is not everybody', () => {
  const devices = 100;

  it.each([
    { with: 'enough, and others from outside', missing: 0, selfMask: 1 },
    { with: 'too few, filled up from outside', missing: 1, selfMask: 0 },
  ])('with $with opens $selfMask', async ({ missing, selfMask }) => {
    const stage = await untilMasked(await secaggLab({ provider, devices, seed: 'outsiders' }));
    const { lab, seen } = stage;
    const { committee, header } = seen.cohort;
    expect(committee.size).toBeLessThan(devices);
    const everyone = all(seen);
    const signed = await signaturesOfAll(stage, everyone, everyone);
    const members = signed.filter(({ place }) => committee.has(place)).slice(missing, header.committeeThreshold);
    const outsiders = signed.filter(({ place }) => !committee.has(place));
    const signatures = [...members, ...outsiders].sort((a, b) => a.place - b.place);
    expect(signatures.length).toBeGreaterThan(header.committeeThreshold);
    expect(await openedBy(stage, lab.ids[0]!, { maskers: everyone, survivors: everyone, signatures })).toEqual({
      maskKey: 0,
      selfMask,
    });
  });

  it.each([
    { by: 'one that somebody enrolled (the control)', isForged: false, selfMask: 1 },
    { by: 'one that nobody enrolled', isForged: true, selfMask: 0 },
  ])('with the signature of $by among T opens $selfMask', async ({ isForged, selfMask }) => {
    const plan = { sigma: 10, eta: 10, corruptBasisPoints: 200, dropoutBasisPoints: 2000 };
    const lab = await secaggLab({ provider, devices: 48, seed: 'invented', plan });
    const holder = lab.ids[0]!;
    const begun = await beginLockstep(provider, lab);
    const seen = cohortOf((await playTurn(begun)).sentDown.get(holder)![0]!);
    const { committee, header } = seen.cohort;
    const around = new Set([seen.placeOf(holder), ...neighboursOf(seen.cohort, seen.placeOf(holder))]);
    const stranger = [...committee].find((place) => !around.has(place))!;
    // A holder has verified its neighbours when it deals; of whom it never heard, it learns at R4 only.
    const identity = memberAt(seen.cohort, stranger).identityKey;
    const invented = seen.advertisements.map((entry) =>
      isForged && equal(entry.leaf.identityKey, identity)
        ? { ...entry, credential: bytes(entry.credential.length) }
        : entry,
    );
    const roster = await forgeRoster(provider, lab, invented, header);
    const advertised = await playTurn(begun, {
      tamperDown: (device, message) => (device === holder && message.name === 'roster' ? roster : message),
    });
    const stage = { lab, seen, lockstep: await playTurn(await playTurn(advertised)) };
    const everyone = all(seen);
    const signed = await signaturesOfAll(stage, everyone, everyone);
    const others = signed.filter(({ place }) => committee.has(place) && place !== stranger);
    const signatures = [
      ...others.slice(0, header.committeeThreshold - 1),
      ...signed.filter(({ place }) => place === stranger),
    ].sort((a, b) => a.place - b.place);
    expect(signatures).toHaveLength(header.committeeThreshold);
    expect(await openedBy(stage, holder, { maskers: everyone, survivors: everyone, signatures })).toEqual({
      maskKey: 0,
      selfMask,
    });
  });

  /** What one holder gives away about a neighbour that survived. */
  async function openedBy(
    stage: Stage,
    holder: DeviceId,
    forgery: Pick<Forgery, 'maskers' | 'survivors' | 'signatures'>,
  ) {
    const { seen, lockstep } = stage;
    const place = seen.placeOf(holder);
    const tags = tagsOf(stage, () => forgery.maskers);
    const certificate = forgeCertificate(seen, { ...forgery, place, tags });
    const told = await tell(provider, stateOf(lockstep, holder), certificate, lockstep.now);
    const body = sentBody(told, 'unmask');
    const victim = neighboursOf(seen.cohort, place)[0]!;
    return viewOf(seen, victim, body ? [{ holder: place, maskers: forgery.maskers, body }] : []);
  }
});

describe('dropouts chosen to cut the ring', () => {
  it('are noticed by their windows at R2, R3 and R4', async () => {
    // Sparse at low strength: windows of k/2 places.
    const plan = { sigma: 10, eta: 10, corruptBasisPoints: 200, dropoutBasisPoints: 2000 };
    const lab = await secaggLab({ provider, devices: 48, seed: 'windows', plan });
    const stage = await untilMasked(lab);
    const { seen, lockstep } = stage;
    const { neighbours, windowSurvivors, minSurvivors } = seen.header;
    expect(windowSurvivors).toBeGreaterThan(0);
    // One window keeps one survivor too few; everybody else survives.
    const gap = Array.from({ length: neighbours / 2 - windowSurvivors + 1 }, (_, i) => i);
    const cut = without(all(seen), ...gap);
    expect(cut.size).toBeGreaterThanOrEqual(minSurvivors);
    expect(weakestWindow(cut, 48, neighbours)).toBe(windowSurvivors - 1);
    const control = without(all(seen), ...gap.slice(1));

    const victim = lab.ids.find((id) => cut.has(seen.placeOf(id)))!;
    const certify = await tell(provider, stateOf(lockstep, victim), u2(seen, cut), lockstep.now);
    expect(certify.outcome).toMatchObject({ kind: 'refused', reason: 'survivors-too-few' });
    const spread = await tell(provider, stateOf(lockstep, victim), u2(seen, control), lockstep.now);
    expect(spread.outcome).toBeUndefined();

    const atR2 = await untilMasked(
      lab,
      (cohort) => (device, message) =>
        device === victim && message.name === 'sharers'
          ? { name: 'sharers', body: encodeSharers({ bitmap: bitmapOf(cohort, cut), evidence: [] }) }
          : message,
    );
    expect(atR2.lockstep.devices.get(victim)?.outcome).toMatchObject({ reason: 'survivors-too-few' });

    const everyone = all(seen);
    const forgery = {
      place: seen.placeOf(victim),
      maskers: everyone,
      survivors: cut,
      signatures: await signaturesOfAll(stage, everyone, cut),
      tags: tagsOf(stage, () => everyone),
    };
    const atR4 = await tell(provider, stateOf(lockstep, victim), forgeCertificate(seen, forgery), lockstep.now);
    expect(atR4.sent.map(({ name }) => name)).toEqual(['withdraw']);
  });
});

describe('two headers on one roster', () => {
  /** R1 in the adversary's hands: every device is shown the header of its half. */
  async function splitCohort() {
    const lab = await makeLab('two headers');
    const begun = await beginLockstep(provider, lab);
    const advertised = await playTurn(begun);
    const honest = cohortOf(advertised.sentDown.get(lab.ids[0]!)![0]!);
    const roster = (threshold: number) =>
      forgeRoster(provider, lab, honest.advertisements, { ...honest.header, threshold });
    const rosters = [await roster(4), await roster(5)];
    const cohorts = rosters.map(cohortOf);
    const half = (id: DeviceId) => (lab.ids.indexOf(id) < 5 ? 0 : 1);
    const now = begun.now;
    const devices = new Map<DeviceId, Settled>();
    for (const [id, { state }] of begun.devices) {
      devices.set(id, await tell(provider, state, rosters[half(id)]!, now));
    }
    const deals = new Map<DeviceId, Deal>(lab.ids.map((id) => [id, decodeDeal(sentBody(devices.get(id), 'deal')!, 9)]));
    return { lab, cohorts, half, devices, deals, now };
  }

  it('give no masked input: a mask key opened under one cannot unmask under the other', async () => {
    const { lab, cohorts, half, devices, deals, now } = await splitCohort();
    for (const id of lab.ids) {
      const seen = cohorts[half(id)]!;
      const neighbours = neighboursOf(seen.cohort, seen.placeOf(id));
      const idAt = (place: number) => lab.ids.find((other) => seen.placeOf(other) === place)!;
      // What each neighbour dealt to this device, wherever it stands in the neighbour's own ring.
      const dealt = neighbours.map((place) => {
        const dealer = idAt(place);
        const theirs = cohorts[half(dealer)]!;
        const index = neighboursOf(theirs.cohort, theirs.placeOf(dealer)).indexOf(theirs.placeOf(id));
        return { deal: deals.get(dealer)!, index };
      });
      const shares: DownMessage = {
        name: 'shares',
        body: encodeShares(neighbourBitmap(neighbours.keys(), neighbours.length), dealt),
      };
      const acknowledged = await tell(provider, devices.get(id)!.state, shares, now);
      expect(sentBody(acknowledged, 'acknowledge')).toBeDefined();
      // Evidence for everyone, as the dealers really signed it.
      const evidence = neighbours.map((place) => {
        const deal = deals.get(idAt(place))!;
        return {
          place,
          ciphertextsHash: sha256(deal.ciphertexts),
          shareHashesHash: sha256(deal.shareHashes),
          signature: deal.signature,
        };
      });
      const sharers: DownMessage = {
        name: 'sharers',
        body: encodeSharers({ bitmap: bitmapOf(seen, all(seen)), evidence }),
      };
      const told = await tell(provider, acknowledged.state, sharers, now);
      expect(told.outcome).toMatchObject({ kind: 'refused', reason: 'bad-signature' });
      expect(told.sent.map(({ name }) => name)).toEqual(['withdraw']);
    }
  });

  it('are shown to the app when one device sees both', async () => {
    const lab = await makeLab('second header');
    const advertised = await playTurn(await beginLockstep(provider, lab));
    const victim = lab.ids[0]!;
    const honest = cohortOf(advertised.sentDown.get(victim)![0]!);
    const second = await forgeRoster(provider, lab, honest.advertisements, { ...honest.header, threshold: 5 });
    const told = await tell(provider, stateOf(advertised, victim), second, advertised.now);
    expect(told.sent).toEqual([]);
    const [contradiction] = told.state.round.contradictions;
    expect(decodeHeader(contradiction!.body.slice(0, 194)).threshold).toBe(5);
  });
});

describe('a roster', () => {
  /** The answer of one device to a roster that the adversary made of ten honest advertisements. */
  async function answerTo(
    change: (honest: SeenCohort, lab: Lab) => Promise<DownMessage> | DownMessage,
    options: { readonly floors?: Partial<DeviceFloors>; readonly afterMs?: number } = {},
  ): Promise<Settled> {
    const lab = await secaggLab({ provider, devices: 10, seed: 'rosters', ...options });
    const begun = await beginLockstep(provider, lab);
    const advertised = await playTurn(begun, { tamperDown: () => undefined });
    const honest = await honestRoster(lab, begun);
    expect(advertised.outcome).toBeUndefined();
    const message = await change(honest, lab);
    return tell(provider, begun.devices.get(lab.ids[0]!)!.state, message, begun.now + (options.afterMs ?? 0));
  }

  async function honestRoster(lab: Lab, begun: Lockstep): Promise<SeenCohort> {
    const advertised = await playTurn(begun);
    return cohortOf(advertised.sentDown.get(lab.ids[0]!)![0]!);
  }

  const withHeader = (change: Partial<RosterHeader>) => (honest: SeenCohort, lab: Lab) =>
    forgeRoster(provider, lab, honest.advertisements, { ...honest.header, ...change });

  const expectRefused = (settled: Settled, reason?: string) => {
    expect(settled.outcome).toMatchObject({ kind: 'refused', ...(reason ? { reason } : {}) });
    expect(settled.sent.map(({ name }) => name)).toEqual(['withdraw']);
  };

  it('with good numbers is taken (the control)', async () => {
    expect(sentBody(await answerTo(withHeader({})), 'deal')).toBeDefined();
    expect(sentBody(await answerTo(withHeader({}), { afterMs: 60_000 }), 'deal')).toBeDefined();
  });

  it.each([
    { name: 't within the reach of the corrupt', header: { threshold: 1 }, reason: 'parameters-too-weak' },
    { name: 'fewer neighbours', header: { neighbours: 8 }, reason: 'parameters-too-weak' },
    {
      name: 'a sparse graph of no strength',
      header: { neighbours: 4, windowSurvivors: 1 },
      reason: 'parameters-too-weak',
    },
    { name: 'windows in a complete graph', header: { windowSurvivors: 1 }, reason: 'parameters-too-weak' },
    { name: 'a committee that two sets could win', header: { committeeThreshold: 5 }, reason: 'parameters-too-weak' },
    {
      name: 'a committee of its choice',
      header: { committee: 1, committeeThreshold: 1 },
      reason: 'parameters-too-weak',
    },
    { name: 'fewer survivors', header: { minSurvivors: 6 }, reason: 'survivors-too-few' },
    {
      name: 'a round of more devices than its one cohort',
      header: { roundDevices: 11 },
      reason: 'parameters-too-weak',
    },
    { name: 'a root that one cohort has not', header: { roundRoot: bytes(32).fill(1) }, reason: 'parameters-too-weak' },
    { name: 'noise that the plan does not know', header: { noiseVariance: 100n }, reason: 'noise-too-weak' },
    { name: 'more devices than it lists', header: { devices: 11 }, reason: 'bad-signature' },
    { name: 'another plan', header: { planHash: bytes(32) }, reason: 'bad-signature' },
    { name: 'another root', header: { rosterRoot: bytes(32) }, reason: 'bad-signature' },
  ])('with $name is refused, and nothing is dealt', async ({ header, reason }) => {
    expectRefused(await answerTo(withHeader(header)), reason);
  });

  it.each([
    { name: 'cohort', floors: { minCohort: 11 }, reason: 'cohort-too-small' },
    { name: 'a whole round', floors: { minRoundDevices: 11 }, reason: 'cohort-too-small' },
    { name: 'honest devices', floors: { minHonest: 7 }, reason: 'survivors-too-few' },
  ])('below the device’s own floor of $name is refused', async ({ floors, reason }) => {
    expectRefused(await answerTo(withHeader({}), { floors }), reason);
  });

  it('that took more than a minute is refused', async () => {
    expectRefused(await answerTo(withHeader({}), { afterMs: 60_001 }), 'stale-round');
  });

  it('under a header that the plan key did not sign is refused', async () => {
    const settled = await answerTo((honest, lab) =>
      forgeRoster(provider, { ...lab, planSecretKey: lab.enrolmentSecretKey }, honest.advertisements, honest.header),
    );
    expectRefused(settled, 'bad-signature');
  });

  /** A device of the adversary's: its leaf may be anything, and is signed and credentialed. */
  async function colluder(
    entry: Advertisement,
    lab: Lab,
    leaf: Partial<Advertisement['leaf']>,
  ): Promise<Advertisement> {
    const leafBytes = encodeLeaf({ ...entry.leaf, ...leaf });
    const { secretKey } = identityOf(lab, deviceIdFromBytes(entry.leaf.deviceId));
    const signature = await signWith(provider, secretKey, advertiseText(planHashOf(lab.planBytes), leafBytes));
    return { ...entry, leaf: { ...entry.leaf, ...leaf }, leafBytes, signature };
  }
  /** The last entry that is not the device's own. */
  const lastOther = (entries: readonly Advertisement[], lab: Lab) =>
    entries.findLastIndex((entry) => !isOwn(entry, lab));
  const isOwn = ({ leaf }: Advertisement, lab: Lab) => deviceIdFromBytes(leaf.deviceId) === lab.ids[0];

  const leaves: { name: string; leaf: (victim: Advertisement['leaf']) => Partial<Advertisement['leaf']> }[] = [
    { name: 'one mask key twice', leaf: ({ maskKey }) => ({ maskKey }) },
    { name: 'one channel key twice', leaf: ({ channelKey }) => ({ channelKey }) },
    { name: 'a channel key that is another’s mask key', leaf: ({ maskKey }) => ({ channelKey: maskKey }) },
    { name: 'a small-order mask key', leaf: () => ({ maskKey: bytes(32) }) },
    { name: 'a mask key that is not canonical', leaf: () => ({ maskKey: bytes(32).fill(255) }) },
    { name: 'a small-order channel key', leaf: () => ({ channelKey: bytes(32) }) },
    { name: 'an id of its own choice', leaf: () => ({ deviceId: bytes(16).fill(254) }) },
  ];
  it.each(leaves)('with $name is refused whole, although it is signed', async ({ leaf }) => {
    const settled = await answerTo(async (honest, lab) => {
      const index = lastOther(honest.advertisements, lab);
      const victim = honest.advertisements[index === 0 ? 1 : 0]!;
      const forged = await colluder(honest.advertisements[index]!, lab, leaf(victim.leaf));
      const { advertisements, rosterRoot: root } = inOrder(honest.advertisements.with(index, forged));
      return forgeRoster(provider, lab, advertisements, { ...honest.header, rosterRoot: root });
    });
    expectRefused(settled, 'bad-signature');
  });

  type Entries = readonly Advertisement[];
  const cases: { name: string; change: (entries: Entries, lab: Lab) => Entries }[] = [
    {
      name: 'one device twice',
      change: (entries, lab) => entries.with(lastOther(entries, lab), entries[lastOther(entries, lab) - 1]!),
    },
    { name: 'another order', change: (entries) => entries.toReversed() },
    {
      name: 'a leaf that its device did not sign',
      change: (entries, lab) => replace(entries, lab, (entry) => changed(entry, { commitment: bytes(32).fill(1) })),
    },
    {
      name: 'a signature that is S + L of a good one',
      change: (entries, lab) => replace(entries, lab, (entry) => ({ ...entry, signature: plusOrder(entry.signature) })),
    },
    {
      name: 'a credential of another day',
      change: (entries, lab) =>
        replace(entries, lab, (entry) => ({
          ...entry,
          credential: entry.credential.map((b, i) => b ^ (i === 3 ? 1 : 0)),
        })),
    },
    {
      name: 'another leaf of the device itself',
      change: (entries, lab) =>
        entries.map((entry) => (isOwn(entry, lab) ? changed(entry, { commitment: bytes(32).fill(1) }) : entry)),
    },
    {
      name: 'everyone but the device itself',
      change: (entries, lab) => entries.filter((entry) => !isOwn(entry, lab)),
    },
  ];
  /** The same point and S + L: a second signature for lax verifiers. */
  const plusOrder = (signature: Bytes): Bytes => {
    let carry = 0;
    return signature.map((byte, i) => {
      if (i < 32) return byte;
      carry = byte + Number((groupOrder >> BigInt(8 * (i - 32))) & 255n) + (carry >> 8);
      return carry & 255;
    });
  };
  const changed = (entry: Advertisement, leaf: Partial<Advertisement['leaf']>): Advertisement => {
    const next = { ...entry.leaf, ...leaf };
    return { ...entry, leaf: next, leafBytes: encodeLeaf(next) };
  };
  const replace = (entries: Entries, lab: Lab, change: (entry: Advertisement) => Advertisement): Entries =>
    entries.with(lastOther(entries, lab), change(entries[lastOther(entries, lab)]!));
  it.each(cases)('with $name is refused whole, and nothing is dealt', async ({ change }) => {
    const settled = await answerTo((honest, lab) => {
      const entries = change(honest.advertisements, lab);
      const numbers = { devices: entries.length, roundDevices: entries.length };
      const complete = entries.length < 10 ? { neighbours: 8, committee: 9, minSurvivors: 7 } : {};
      const header = { ...honest.header, ...numbers, ...complete, rosterRoot: rosterRoot(entries) };
      return forgeRoster(provider, lab, entries, header);
    });
    expectRefused(settled, 'bad-signature');
  });
});

describe('a plan', () => {
  it.each([
    { name: 'fewer assumed corrupt', floors: { minCorruptBasisPoints: 1001 }, reason: 'parameters-too-weak' },
    { name: 'more dropouts', floors: { maxDropoutBasisPoints: 2999 }, reason: 'parameters-too-weak' },
    { name: 'less statistical security', floors: { minSigma: 41 }, reason: 'parameters-too-weak' },
    { name: 'no noise', floors: { mechanisms: ['distributed'] as const }, reason: 'noise-too-weak' },
  ])('with $name than the device accepts is not even claimed', async ({ floors, reason }) => {
    const lab = await secaggLab({ provider, devices: 3, seed: 'weak plan', floors });
    const settled = await startDevice(provider, lab.clients[0]!, lab.plan.openedAt);
    expect(settled.outcome).toMatchObject({ kind: 'refused', reason });
    expect(settled.records).toEqual([]);
    expect(settled.sent).toEqual([]);
  });
});

describe('masks under another plan', () => {
  it('share no seed: the same roster with another model gives another context', async () => {
    const honest = await makeLab('two models');
    const other = await secaggLab({
      provider,
      devices: 10,
      seed: 'two models',
      plan: { broadcastHash: bytes(32).fill(1) },
    });
    const rosters: Bytes[] = [];
    for (const lab of [honest, other]) {
      const advertised = await playTurn(await beginLockstep(provider, lab));
      rosters.push(advertised.sentDown.get(lab.ids[0]!)![0]!.body);
    }
    const [first, second] = [honest, other].map((_, i) => cohortOf({ name: 'roster', body: rosters[i]! }));
    expect(honest.ids).toEqual(other.ids);
    expect(first!.cohort.ctx).not.toEqual(second!.cohort.ctx);
    // The roster of one is refused by a device of the other.
    const device = await startDevice(provider, honest.clients[0]!, labPlan.openedAt);
    const told = await tell(provider, device.state, { name: 'roster', body: rosters[1]! }, labPlan.openedAt);
    expect(told.outcome).toMatchObject({ kind: 'refused', reason: 'bad-signature' });
    expect(decodeAdvertisement(rosters[0]!.slice(-advertisementBytes)).leaf).toBeDefined();
  });
});
