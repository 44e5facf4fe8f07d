/** A coordinator that lies about plans and rosters, or has filled a roster: which sums it holds bare at the end. */

import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { bytes } from '../bytes.ts';
import type { EncodedVector } from '../encoding/encoded-vector.ts';
import { type DeviceId, deviceIdFromBytes } from '../ids.ts';
import { cohortOf, forgeRoster, inOrder, type SeenCohort } from '../testing/secagg-adversary.ts';
import { everyone, LyingCoordinator } from '../testing/secagg-adversary-round.ts';
import { type Lab, rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import { startDevice } from '../testing/secagg-lockstep.ts';
import type { RosterHeader } from './header.ts';
import type { DownMessage } from './messages.ts';
import { type Advertisement, decodeAdvertisement, neighboursOf, planHashOf } from './roster.ts';

const provider = rememberingVerdicts(nodeCrypto());
const complete = (seed: string) => secaggLab({ provider, devices: 10, seed });
const bareSets = async ({ view }: LyingCoordinator) => (await view.knowledge()).sums.map(({ devices }) => devices);

/** What a device advertises, as often as it is asked. */
async function advertisementOf(lab: Lab, device: DeviceId): Promise<Advertisement> {
  const { sent } = await startDevice(provider, lab.clients[lab.ids.indexOf(device)]!, lab.plan.openedAt);
  return decodeAdvertisement(sent[0]!.body);
}

/** A roster of some devices under honest numbers, signed. */
async function rosterOf(lab: Lab, devices: readonly DeviceId[], numbers: RosterHeader): Promise<DownMessage> {
  const entries = await Promise.all(devices.map((device) => advertisementOf(lab, device)));
  const { advertisements, rosterRoot } = inOrder(entries);
  return forgeRoster(provider, lab, advertisements, { ...numbers, rosterRoot });
}

describe('one device shown another model', () => {
  it('masks with nobody: it refuses the others, and they refuse it', async () => {
    const common = await complete('other model');
    const other = await secaggLab({
      provider,
      devices: 10,
      seed: 'other model',
      plan: { broadcastHash: bytes(32).fill(1) },
    });
    const victim = common.ids[6]!;
    const lab: Lab = { ...common, clients: common.clients.with(6, other.clients[6]!) };
    const numbers = (await LyingCoordinator.begin(common, provider)).honest.header;
    const [usual, special] = await Promise.all(
      [common, other].map(({ planBytes }) => rosterOf(lab, lab.ids, { ...numbers, planHash: planHashOf(planBytes) })),
    );
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    await coordinator.showRosters((device) => (device === victim ? special! : usual!));
    await coordinator.forwardShares();
    await coordinator.showMaskers();
    await coordinator.showSurvivors();
    await coordinator.certify();
    expect(coordinator.masked).toEqual([]);
    expect(await bareSets(coordinator)).toEqual([]);
  });

  it('is left with the others out of the sum: what they give says nothing about it', async () => {
    const common = await complete('other model');
    const victim = common.ids[6]!;
    const lab: Lab = { ...common, clients: common.clients.filter((_, i) => i !== 6) };
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    await coordinator.play();
    expect((await bareSets(coordinator)).flat()).not.toContain(victim);
    expect(await coordinator.leaks()).toEqual([]);
  });
});

describe('two rosters that overlap', () => {
  /** k = 12, t = 2, s = 1 at n = 48, where nobody is corrupt and 14 may drop out. */
  const plan = { sigma: 3, eta: 5, corruptBasisPoints: 0, dropoutBasisPoints: 3000 };

  /**
   * The victim's neighbours but two are shown a second roster, under which they are declared dropped, so that the mask
   * keys that they share with the victim are opened; the last two drop out of the first one and open its self-mask.
   */
  it('do not unmask with the keys of one what was masked under the other', async () => {
    const lab = await secaggLab({ provider, devices: 86, seed: 'overlap', plan });
    const victim = lab.ids[0]!;
    const numbers = (await LyingCoordinator.begin({ ...lab, clients: lab.clients.slice(0, 48) }, provider)).honest
      .header;
    expect(numbers).toMatchObject({ devices: 48, neighbours: 12, threshold: 2, windowSurvivors: 1 });
    const first = await rosterOf(lab, lab.ids.slice(0, 48), numbers);
    const ring = cohortOf(first);
    const deviceAt = (place: number) => lab.ids.find((id) => ring.placeOf(id) === place)!;
    const beside = neighboursOf(ring.cohort, ring.placeOf(victim)).map(deviceAt);
    const [holders, lent] = [beside.slice(0, 2), beside.slice(2)];
    const second = await rosterOf(lab, [...lent, ...lab.ids.slice(48)], numbers);

    const isSecond = (device: DeviceId) => lent.includes(device) || lab.ids.indexOf(device) >= 48;
    const coordinator = await LyingCoordinator.begin(lab, provider);
    await coordinator.showRosters((device) => (isSecond(device) ? second : first));
    await coordinator.forwardShares();
    await coordinator.showMaskers();
    const survivors = (device: DeviceId, seen: SeenCohort) => {
      const gone = (isSecond(device) ? lent : holders).map(seen.placeOf);
      return new Set([...everyone(device, seen)].filter((place) => !gone.includes(place)));
    };
    await coordinator.showSurvivors(survivors);
    await coordinator.certify();
    expect(await coordinator.leaks()).toEqual([]);
    expect(coordinator.masked).not.toContain(victim);
  });
});

describe('a roster with devices of the coordinator’s own', () => {
  it.each([0, 1])('as many as the plan assumes (A = 1, here %i) leaves every honest device hidden', async (count) => {
    const lab = await complete('sybils');
    const coordinator = await LyingCoordinator.begin(lab, provider, lab.ids.slice(0, count));
    await coordinator.play();
    expect(await bareSets(coordinator)).toEqual([lab.ids.slice(count).sort()]);
  });

  it('up to one below the threshold leaves honest devices one sum, smaller than promised', async () => {
    const lab = await complete('sybils');
    const coordinator = await LyingCoordinator.begin(lab, provider, lab.ids.slice(0, 3));
    await coordinator.play();
    expect(await bareSets(coordinator)).toEqual([lab.ids.slice(3).sort()]);
  });

  /** The limit of the protocol: beyond γ only credentials, their age and the limits on enrolment stand in the way. */
  it('as many as the threshold sees every single vector: no check can notice, because every message is honest', async () => {
    const lab = await complete('sybils');
    const coordinator = await LyingCoordinator.begin(lab, provider, lab.ids.slice(0, 4));
    expect(coordinator.honest.header.threshold).toBe(4);
    await coordinator.play();
    const honest = lab.ids.slice(4);
    expect((await bareSets(coordinator)).toSorted()).toEqual(honest.map((id) => [id]).toSorted());
    expect(await coordinator.leaks()).toHaveLength(honest.length);
  });
});

describe('two rounds whose cohorts differ by one device', () => {
  /** The limit of exact sums: only noise, minimal cohorts and the ledger's count of rounds bound what a difference tells. */
  it('give that device’s vector, if nobody adds noise and all answer the same question twice', async () => {
    const lab = await complete('differencing');
    const victim = lab.ids[9]!;
    const rounds: LyingCoordinator[] = [];
    for (const clients of [lab.clients, lab.clients.slice(0, 9)]) {
      const coordinator = await LyingCoordinator.begin({ ...lab, clients }, provider);
      await coordinator.play();
      rounds.push(coordinator);
    }
    const [more, less] = await Promise.all(
      rounds.map(async (round) => {
        expect(await round.leaks()).toEqual([]);
        return (await round.view.knowledge()).sums[0]!.sum;
      }),
    );
    expect(more!.map((word, i) => word - less![i]!)).toEqual(lab.vectorOf(victim));
  });
});

describe('a free-rider', () => {
  it('that gives zeros takes part unnoticed, changes nothing in the sum, and learns no more than any member', async () => {
    const honest = await complete('free-rider');
    const rider = honest.ids[2]!;
    const clients = honest.clients.map((setup) =>
      deviceIdFromBytes(setup.identity.deviceId) === rider
        ? { ...setup, encode: () => new Uint32Array(honest.plan.dimension) as EncodedVector }
        : setup,
    );
    const coordinator = await LyingCoordinator.begin({ ...honest, clients }, provider, [rider]);
    await coordinator.play();
    expect(coordinator.settled(rider).outcome).toBeUndefined();
    expect(coordinator.masked).toContain(rider);
    expect(await coordinator.leaks()).toEqual([]);
    const [{ devices, sum }] = (await coordinator.view.knowledge()).sums as [{ devices: DeviceId[]; sum: Uint32Array }];
    expect(devices).not.toContain(rider);
    expect(sum).toEqual(honest.sumOf(honest.ids.filter((id) => id !== rider)));
  });
});
