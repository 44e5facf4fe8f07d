/** A coordinator that forges rosters, headers, signatures and tags: which secrets and sums it holds at the end. */

import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { type Bytes, bytes, equal, utf8 } from '../bytes.ts';
import { type CryptoProvider, hkdf } from '../crypto/index.ts';
import type { EncodedVector } from '../encoding/encoded-vector.ts';
import { type DeviceId, deviceIdFromBytes } from '../ids.ts';
import { cohortOf, forgeRoster, identityOf, inOrder, type SeenCohort, signWith } from '../testing/secagg-adversary.ts';
import { everyone, LyingCoordinator, type Play } from '../testing/secagg-adversary-round.ts';
import type { CorruptSecrets } from '../testing/secagg-adversary-view.ts';
import { type Lab, perform, rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import { advertiseText, commitment } from './context.ts';
import { credentialText, deviceIdOf, encodeCredential } from './credential.ts';
import type { CommitteeSignature } from './down-messages.ts';
import type { RosterHeader } from './header.ts';
import { type Advertisement, encodeLeaf, neighboursOf, planHashOf } from './roster.ts';

const provider = rememberingVerdicts(nodeCrypto());

/** Ten devices: A = 1, D = 3, minSurvivors = 7, complete graph, t = 4, committee of all, T = 6; so 6 honest at least. */
const complete = (seed: string) => secaggLab({ provider, devices: 10, seed });
const bareSets = async ({ view }: LyingCoordinator) => (await view.knowledge()).sums.map(({ devices }) => devices);

const without = (places: ReadonlySet<number>, out: number) => new Set([...places].filter((place) => place !== out));

/** Nobody masked, no secret of an honest device is open, and nothing is bare. */
async function expectNothing(coordinator: LyingCoordinator, honest: readonly DeviceId[]): Promise<void> {
  expect(coordinator.masked).toEqual([]);
  expect(await bareSets(coordinator)).toEqual([]);
  const { secretsOf } = await coordinator.view.knowledge();
  for (const device of honest) expect(secretsOf(device)).toEqual({ selfMask: false, maskKey: false });
}

describe('signatures that are not the committee’s', () => {
  const flipped = (signature: Bytes) => signature.map((byte, i) => (i === 40 ? byte ^ 1 : byte));
  const forgeries: { name: string; forge: NonNullable<Play['forge']> }[] = [
    {
      name: 'forged in the name of others',
      forge: (signatures, { cohort }) => [
        ...signatures,
        ...absent(signatures, cohort.members.length).map((place) => ({
          place,
          signature: flipped(signatures[0]!.signature),
        })),
      ],
    },
    {
      name: 'given out under other places',
      forge: (signatures, { cohort }) => [
        ...signatures,
        ...absent(signatures, cohort.members.length).map((place) => ({ place, signature: signatures[0]!.signature })),
      ],
    },
    // Of the first half enough have signed; to the second one signature is wanting.
    {
      name: 'counted twice',
      forge: (signatures) => [...signatures, ...signatures].slice(0, Math.max(6, signatures.length)),
    },
  ];
  const absent = (signatures: readonly CommitteeSignature[], count: number) =>
    [...Array(count).keys()].filter((place) => signatures.every((vote) => vote.place !== place));
  const inPlace = (signatures: readonly CommitteeSignature[]) => signatures.toSorted((a, b) => a.place - b.place);

  /** Each half of the committee signs a U2 of its own, in one of which the victim is missing; forgeries are to fill up. */
  it.each(forgeries)('$name do not open both secrets of a device', async ({ forge }) => {
    const lab = await complete('forged votes');
    const victim = lab.ids[7]!;
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    await coordinator.play({
      survivors: (device, seen) =>
        lab.ids.indexOf(device) < 6 ? everyone(device, seen) : without(everyone(device, seen), seen.placeOf(victim)),
      forge: (signatures, seen) => inPlace(forge(signatures, seen)),
    });
    expect(await coordinator.leaks()).toEqual([]);
    const { secretsOf } = await coordinator.view.knowledge();
    expect(secretsOf(victim)).not.toEqual({ selfMask: true, maskKey: true });
  });
});

describe('tags of two devices that are exchanged', () => {
  it('open neither of the two, and so no sum', async () => {
    const lab = await complete('exchanged tags');
    const [a, b, other] = [lab.ids[6]!, lab.ids[7]!, lab.ids[8]!];
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    await coordinator.showRosters();
    await coordinator.forwardShares();
    await coordinator.showMaskers();
    await coordinator.showSurvivors();
    await coordinator.certify({ tagger: (device) => (device === a ? b : device === b ? a : device) });
    const { secretsOf } = await coordinator.view.knowledge();
    for (const device of [a, b]) expect(secretsOf(device)).toEqual({ selfMask: false, maskKey: false });
    expect(secretsOf(other)).toEqual({ selfMask: true, maskKey: false });
    expect(await bareSets(coordinator)).toEqual([]);
  });
});

describe('a header too weak, shown to everybody', () => {
  /** What each would give, if a device took it, to a coordinator with one device of its own. */
  const cases: { name: string; header: Partial<RosterHeader>; survivors?: NonNullable<Play['survivors']> }[] = [
    { name: 't = 1: the secrets of everybody, from the shares of its own device', header: { threshold: 1 } },
    {
      name: 'T = 5: a certificate for either half of the committee',
      header: { committeeThreshold: 5 },
      survivors: (device, seen) =>
        seen.placeOf(device) % 2 === 0 ? everyone(device, seen) : without(everyone(device, seen), 1),
    },
    {
      name: 'minSurvivors = 2: the sum of one device and its own',
      header: { minSurvivors: 2 },
      survivors: () => new Set([0, 1]),
    },
    { name: 'four neighbours: a ring that dropouts cut', header: { neighbours: 4, windowSurvivors: 1, threshold: 2 } },
  ];
  it.each(cases)('gives nothing ($name)', async ({ header, survivors }) => {
    const lab = await complete('weak header');
    const own = lab.ids[0]!;
    const coordinator = await LyingCoordinator.begin(lab, provider, [own]);
    const { honest } = coordinator;
    const weak = await forgeRoster(provider, lab, honest.advertisements, { ...honest.header, ...header });
    await coordinator.play({ rosterFor: () => weak, ...(survivors && { survivors }) });
    await expectNothing(coordinator, lab.ids.slice(1));
  });
});

describe('two headers on one roster', () => {
  it('give no vector under either', async () => {
    const lab = await complete('two headers');
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    const { honest } = coordinator;
    const [first, second] = await Promise.all(
      [4, 5].map((threshold) => forgeRoster(provider, lab, honest.advertisements, { ...honest.header, threshold })),
    );
    await coordinator.play({ rosterFor: (device) => (lab.ids.indexOf(device) % 2 === 0 ? first! : second!) });
    await expectNothing(coordinator, lab.ids.slice(1));
  });
});

/** An entry changed by its own device, which signs again. */
async function resigned(entry: Advertisement, lab: Lab, leaf: Partial<Advertisement['leaf']>): Promise<Advertisement> {
  const changed = { ...entry.leaf, ...leaf };
  const leafBytes = encodeLeaf(changed);
  const { secretKey } = identityOf(lab, deviceIdFromBytes(entry.leaf.deviceId));
  const signature = await signWith(provider, secretKey, advertiseText(planHashOf(lab.planBytes), leafBytes));
  return { ...entry, leaf: changed, leafBytes, signature };
}

const deviceOf = ({ leaf }: Advertisement) => deviceIdFromBytes(leaf.deviceId);

function rosterOf(lab: Lab, { header }: SeenCohort, entries: readonly Advertisement[]) {
  const { advertisements, rosterRoot } = inOrder(entries);
  return forgeRoster(provider, lab, advertisements, { ...header, rosterRoot });
}

describe('a device of the adversary’s own, with keys of its choice in a roster that everybody is shown,', () => {
  type Keys = Pick<Advertisement['leaf'], 'channelKey' | 'maskKey'>;
  const cases: { name: string; keys: (own: Keys, victim: Keys) => Keys }[] = [
    { name: 'the mask key of another', keys: (own, { maskKey }) => ({ ...own, maskKey }) },
    { name: 'the channel key of another', keys: (own, { channelKey }) => ({ ...own, channelKey }) },
    { name: 'a mask key of small order', keys: (own) => ({ ...own, maskKey: bytes(32) }) },
    { name: 'a channel key of small order', keys: (own) => ({ ...own, channelKey: bytes(32) }) },
  ];
  it.each(cases)('$name, gets nothing', async ({ keys }) => {
    const lab = await complete('leaves');
    const [own, victim] = [lab.ids[9]!, lab.ids[4]!];
    const { honest } = await LyingCoordinator.begin(lab, provider);
    const leafOf = (device: DeviceId) => honest.advertisements.find((entry) => deviceOf(entry) === device)!.leaf;
    const chosen = keys(leafOf(own), leafOf(victim));
    const entries = await Promise.all(
      honest.advertisements.map((entry) => (deviceOf(entry) === own ? resigned(entry, lab, chosen) : entry)),
    );
    const roster = await rosterOf(lab, honest, entries);
    const liars = new Map([[own, claiming(leafOf(own), chosen)]]);
    const coordinator = await LyingCoordinator.begin(lab, provider, [own], { liars });
    await coordinator.play({ rosterFor: () => roster });
    await expectNothing(coordinator, lab.ids.slice(0, 9));
  });

  /** Ciphers by which a real machine believes that its keys are others. */
  const claiming = (own: Keys, chosen: Keys): CryptoProvider => ({
    name: 'claiming',
    async perform(job) {
      const result = await provider.perform(job);
      if (result.did !== 'publicKeys') return result;
      const swap = (key: Bytes) =>
        equal(key, own.channelKey) ? chosen.channelKey : equal(key, own.maskKey) ? chosen.maskKey : key;
      return { ...result, agreement: result.agreement.map(swap) };
    },
  });
});

describe('a roster of invented neighbours', () => {
  type Invention = { readonly entry: Advertisement; readonly secrets: CorruptSecrets };

  const derive = (label: string) => hkdf(utf8('invented'), bytes(0), utf8(label), 32);

  /** A leaf whose keys the adversary has, signed as well as it can. */
  async function invent(lab: Lab, entry: Advertisement, isNewcomer: boolean): Promise<Invention> {
    const name = deviceOf(entry);
    const [channel, mask, selfMask, own] = ['channel', 'mask', 'self', 'own'].map((part) => derive(`${name} ${part}`));
    const keys = await perform(provider, { do: 'publicKeys', agreement: [channel!, mask!], signing: [own!] });
    const identityKey = keys.signing[0]!;
    const deviceId = deviceIdOf(lab.plan.task, identityKey);
    const leaf = {
      ...entry.leaf,
      ...(isNewcomer ? { deviceId, identityKey } : {}),
      channelKey: keys.agreement[0]!,
      maskKey: keys.agreement[1]!,
      commitment: commitment(selfMask!),
    };
    const leafBytes = encodeLeaf(leaf);
    const signature = await signWith(provider, own!, advertiseText(planHashOf(lab.planBytes), leafBytes));
    const text = credentialText({ task: lab.plan.task, deviceId, identityKey }, 19_000);
    // It holds the plan key, but not the enrolment authority's.
    const invented = encodeCredential({ day: 19_000, signature: await signWith(provider, lab.planSecretKey, text) });
    const credential = isNewcomer ? invented : entry.credential;
    const secrets = { channel: channel!, mask: mask!, selfMask: selfMask! };
    return { entry: { ...entry, leaf, leafBytes, signature, credential }, secrets };
  }

  it.each([
    { name: 'under the identities of enrolled devices', isNewcomer: false },
    { name: 'under identities that nobody has enrolled', isNewcomer: true },
  ])('$name gets no share of the only real device in it', async ({ isNewcomer }) => {
    const lab = await complete('invented');
    const victim = lab.ids[3]!;
    const coordinator = await LyingCoordinator.begin(lab, provider);
    const { honest } = coordinator;
    const entries: Advertisement[] = [];
    for (const entry of honest.advertisements) {
      if (deviceOf(entry) === victim) entries.push(entry);
      else {
        const invention = await invent(lab, entry, isNewcomer);
        coordinator.view.corrupt(invention.secrets);
        entries.push(invention.entry);
      }
    }
    const roster = await rosterOf(lab, honest, entries);
    // The others are shown the truth, and stand by themselves.
    await coordinator.showRosters((device) => (device === victim ? roster : coordinator.honestRoster));
    const { secretsOf } = await coordinator.view.knowledge();
    expect(secretsOf(victim)).toEqual({ selfMask: false, maskKey: false });
  });

  /** On a sparse graph most devices are not its neighbours, and verify nothing of it. */
  it.each([
    { name: 'counted in', isCountedIn: true },
    { name: 'left out', isCountedIn: false },
  ])('of which most devices see one from afar leaves no sum bare, with those who refuse it $name', async (how) => {
    const weak = { sigma: 10, eta: 5, corruptBasisPoints: 200, dropoutBasisPoints: 3000 };
    const lab = await secaggLab({ provider, devices: 64, seed: 'from afar', plan: weak });
    const coordinator = await LyingCoordinator.begin(lab, provider);
    const { honest } = coordinator;
    const replaced = honest.advertisements.find((entry) => deviceOf(entry) === lab.ids[0])!;
    const { entry, secrets } = await invent(lab, replaced, false);
    coordinator.view.corrupt(secrets);
    const entries = honest.advertisements.map((other) => (other === replaced ? entry : other));
    const roster = await rosterOf(lab, honest, entries);
    const seen = cohortOf(roster);
    const beside = neighboursOf(seen.cohort, seen.placeOf(lab.ids[0]!));
    const chosen = new Set(
      [...seen.cohort.members.keys()].filter((place) => how.isCountedIn || !beside.includes(place)),
    );
    expect(chosen.size).toBeGreaterThanOrEqual(seen.header.minSurvivors);
    await coordinator.play({ rosterFor: () => roster, maskers: () => chosen, survivors: () => chosen });
    const dealt = lab.ids.filter((id) => coordinator.settled(id).outcome?.kind !== 'refused');
    expect(dealt.every((id) => !beside.includes(seen.placeOf(id)))).toBe(true);
    expect(await bareSets(coordinator)).toEqual([]);
  });
});

describe('a device that could be made to give two vectors in one round', () => {
  /** What claims, first messages and fresh secrets are there for: the same masks on two vectors leave their difference. */
  it('would show their difference: the view notices, and in no round of one vector each', async () => {
    const lab = await complete('twice');
    const victim = lab.ids[5]!;
    const first = await LyingCoordinator.begin(lab, provider);
    await first.play();
    expect((await first.view.knowledge()).reused).toEqual([]);

    const other = lab.vectorOf(victim).map((word) => word + 1) as EncodedVector;
    const clients = lab.clients.map((setup) =>
      deviceIdFromBytes(setup.identity.deviceId) === victim ? { ...setup, encode: () => other } : setup,
    );
    const second = await LyingCoordinator.begin({ ...lab, clients }, provider, [], { view: first.view });
    await second.play();
    expect((await second.view.knowledge()).reused).toEqual([victim]);
  });

  it('has drawn other secrets after a restart, and refuses the roster of its life before', async () => {
    const lab = await complete('restarted');
    const victim = lab.ids[5]!;
    const before = await LyingCoordinator.begin(lab, provider);
    const clients = lab.clients.map((setup) =>
      deviceIdFromBytes(setup.identity.deviceId) === victim ? { ...setup, seed: derive('another life') } : setup,
    );
    const after = await LyingCoordinator.begin({ ...lab, clients }, provider, [], { view: before.view });
    await after.play({ rosterFor: () => before.honestRoster });
    expect(after.masked).not.toContain(victim);
    expect((await after.view.knowledge()).reused).toEqual([]);
    expect((await bareSets(after)).flat()).not.toContain(victim);
  });

  const derive = (label: string) => hkdf(utf8('restarted'), bytes(0), utf8(label), 32);
});
