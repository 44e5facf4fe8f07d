/** A coordinator that lies about who masks and who survives: what counts is which sums it holds bare at the end. */

import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import type { Bytes } from '../bytes.ts';
import type { CryptoProvider } from '../crypto/index.ts';
import type { DeviceId } from '../ids.ts';
import type { SeenCohort } from '../testing/secagg-adversary.ts';
import { everyone, LyingCoordinator } from '../testing/secagg-adversary-round.ts';
import { rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import { beginLockstep, playToEnd, sentBody } from '../testing/secagg-lockstep.ts';
import { neighboursOf } from './roster.ts';
import { weakestWindow } from './survivors.ts';
import { decodeAcknowledgement } from './up-messages.ts';

const provider = rememberingVerdicts(nodeCrypto());

/** Ten devices: A = 1, D = 3, minSurvivors = 7, complete graph, t = 4, committee of all, T = 6; so 6 honest at least. */
const complete = (seed: string) => secaggLab({ provider, devices: 10, seed });

/** Weak enough to be sparse with few devices: k = 18, t = 3, s = 2 at n = 64, where 19 may drop out and 1 is corrupt. */
const weak = { sigma: 10, eta: 5, corruptBasisPoints: 200, dropoutBasisPoints: 3000 };
const sparse = (seed: string, devices = 64) => secaggLab({ provider, devices, seed, plan: weak });

const without = (places: ReadonlySet<number>, out: readonly number[]) =>
  new Set([...places].filter((place) => !out.includes(place)));
const everyoneBut =
  (...out: readonly DeviceId[]) =>
  (device: DeviceId, seen: SeenCohort) =>
    without(everyone(device, seen), out.map(seen.placeOf));
const bareSets = async ({ view }: LyingCoordinator) => (await view.knowledge()).sums.map(({ devices }) => devices);

describe('a coordinator that keeps to the protocol', () => {
  it.each([
    { corrupt: 0, name: 'the sum of all' },
    { corrupt: 1, name: 'the sum of all who are not its own' },
  ])('with $corrupt devices of its own holds $name, and no part of it', async ({ corrupt }) => {
    const lab = await complete('honest');
    const own = lab.ids.slice(0, corrupt);
    const coordinator = await LyingCoordinator.begin(lab, provider, own);
    await coordinator.play();
    expect(await bareSets(coordinator)).toEqual([lab.ids.slice(corrupt).sort()]);
    expect(await coordinator.leaks()).toEqual([]);
  });

  it('holds the same on a sparse graph with dropouts', async () => {
    const lab = await sparse('honest');
    const dropped = lab.ids.slice(1, 15);
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    await coordinator.play({ survivors: everyoneBut(...dropped) });
    expect(await bareSets(coordinator)).toEqual([lab.ids.slice(15).sort()]);
    const { secretsOf } = await coordinator.view.knowledge();
    expect(secretsOf(dropped[0]!)).toEqual({ selfMask: false, maskKey: true });
    expect(secretsOf(lab.ids[20]!)).toEqual({ selfMask: true, maskKey: false });
  });
});

describe('a U1 of one device’s own', () => {
  it('with nobody else in it gets no vector', async () => {
    const lab = await complete('alone');
    const victim = lab.ids[3]!;
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    await coordinator.play({
      maskers: (device, seen) => (device === victim ? new Set([seen.placeOf(victim)]) : everyone(device, seen)),
    });
    expect(await coordinator.leaks()).toEqual([]);
    expect(coordinator.masked).not.toContain(victim);
  });

  /** The victim masks with so few neighbours that all of them may drop out; the others mask with everyone. */
  it('that holds, of its neighbours, only devices that are then declared dropped does not open it', async () => {
    const lab = await sparse('filled windows');
    const victim = lab.ids[5]!;
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    const { honest } = coordinator;
    const { neighbours, windowSurvivors, devices } = honest.header;
    const place = honest.placeOf(victim);
    const beside = [...Array(neighbours / 2).keys()].map((i) => i + 1);
    // In each of the two windows beside the victim, every fourth device: enough for every window, and few enough to drop.
    const kept = beside
      .filter((i) => i % 4 === 1)
      .flatMap((i) => [(place + i) % devices, (place - i + devices) % devices]);
    const own = without(
      everyone(victim, honest),
      neighboursOf(honest.cohort, place).filter((other) => !kept.includes(other)),
    );
    expect(weakestWindow(own, devices, neighbours)).toBeGreaterThanOrEqual(windowSurvivors);
    await coordinator.play({
      maskers: (device, seen) => (device === victim ? own : everyone(device, seen)),
      survivors: (device, seen) => without(everyone(device, seen), kept),
    });
    expect(coordinator.masked).toContain(victim);
    expect(await coordinator.leaks()).toEqual([]);
    const { secretsOf } = await coordinator.view.knowledge();
    // All that hides the victim is its self-mask, which nobody opens without a tag for the U1 that he knows.
    for (const other of kept) {
      const device = lab.ids.find((id) => honest.placeOf(id) === other)!;
      expect(device === lab.ids[0] || secretsOf(device).maskKey).toBe(true);
    }
    expect(secretsOf(victim)).toEqual({ selfMask: false, maskKey: false });
  });
});

describe('dropouts chosen to cut the graph', () => {
  /** All neighbours of one device: fewer than may drop out, and with the mask keys of all opened nothing hides it. */
  it.each([
    ['R2', 64],
    ['R3', 100],
  ] as const)('at %s, with n = %i, give no sum at all', async (turn, devices) => {
    const lab = await sparse('cut', devices);
    const victim = lab.ids[5]!;
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    const { honest } = coordinator;
    const cut = without(everyone(victim, honest), neighboursOf(honest.cohort, honest.placeOf(victim)));
    expect(cut.size).toBeGreaterThanOrEqual(honest.header.minSurvivors);
    await coordinator.play({ maskers: turn === 'R2' ? () => cut : everyone, survivors: () => cut });
    expect(await coordinator.leaks()).toEqual([]);
    expect(await bareSets(coordinator)).toEqual([]);
  });
});

describe('two survivor sets', () => {
  it('shown to the two halves of the committee give no sum of the devices in which they differ', async () => {
    const lab = await complete('halves');
    const victim = lab.ids[7]!;
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    const isFirst = (device: DeviceId) => lab.ids.indexOf(device) < 6;
    await coordinator.play({
      survivors: (device, seen) => (isFirst(device) ? everyone(device, seen) : everyoneBut(victim)(device, seen)),
    });
    expect(await coordinator.leaks()).toEqual([]);
    const revealed = lab.ids.filter((id) => sentBody(coordinator.settled(id), 'unmask'));
    // Five honest signatures and a corrupt one make T = 6 for the first set, so the second cannot have them.
    expect(revealed).toEqual(lab.ids.filter(isFirst));
    const { secretsOf } = await coordinator.view.knowledge();
    for (const id of lab.ids.slice(1)) expect(secretsOf(id)).toMatchObject({ maskKey: false });
  });

  it('one after the other, with the first certificate taken back, open no second secret', async () => {
    const lab = await complete('second certificate');
    const victim = lab.ids[7]!;
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    await coordinator.play();
    await coordinator.showSurvivors(everyoneBut(victim));
    await coordinator.certify({ survivors: everyoneBut(victim) });
    expect(await coordinator.leaks()).toEqual([]);
    const { secretsOf } = await coordinator.view.knowledge();
    expect(secretsOf(victim)).toEqual({ selfMask: true, maskKey: false });
  });

  it('of which the smaller is too small open nothing', async () => {
    const lab = await complete('too small');
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    const gone = lab.ids.slice(6);
    await coordinator.play({ survivors: everyoneBut(...gone) });
    expect(await coordinator.leaks()).toEqual([]);
    expect(await bareSets(coordinator)).toEqual([]);
  });
});

describe('a device that is not in U1', () => {
  it('cannot be put into U2, whoever signs for it', async () => {
    const lab = await complete('outside');
    const victim = lab.ids[7]!;
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    await coordinator.play({
      maskers: (device, seen) => (device === victim ? everyone(device, seen) : everyoneBut(victim)(device, seen)),
    });
    expect(coordinator.masked).toContain(victim);
    expect(await coordinator.leaks()).toEqual([]);
    expect(await bareSets(coordinator)).toEqual([]);
  });
});

describe('a masked input that comes late', () => {
  it('stays masked, although the mask key of its sender is opened', async () => {
    const lab = await complete('late');
    const late = lab.ids[7]!;
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    await coordinator.play({ survivors: everyoneBut(late) });
    expect(await coordinator.leaks()).toEqual([]);
    const { secretsOf } = await coordinator.view.knowledge();
    expect(coordinator.masked).toContain(late);
    expect(secretsOf(late)).toEqual({ selfMask: false, maskKey: true });
    expect(await bareSets(coordinator)).toEqual([lab.ids.filter((id, i) => i > 0 && id !== late).sort()]);
  });
});

describe('boxes exchanged on their way', () => {
  it('are refused: a holder takes no share that was made for another or by another', async () => {
    const lab = await complete('exchanged');
    const [holder, a, b] = lab.ids as [DeviceId, DeviceId, DeviceId];
    const coordinator = await LyingCoordinator.begin(lab, provider);
    await coordinator.showRosters();
    await coordinator.forwardShares((dealer, to) =>
      to !== holder ? dealer : dealer === a ? b : dealer === b ? a : dealer,
    );
    const { honest } = coordinator;
    const refused = neighboursOf(honest.cohort, honest.placeOf(holder)).filter(
      (_, index) => !decodeAcknowledgement(sentBody(coordinator.settled(holder), 'acknowledge')!, 9).good.has(index),
    );
    expect(refused).toEqual([a, b].map(honest.placeOf).sort((x, y) => x - y));
    expect(await coordinator.leaks()).toEqual([]);
  });

  it('or doubled: one neighbour cannot be made to hold the share of two', async () => {
    const lab = await complete('doubled');
    const [holder, a, b] = lab.ids as [DeviceId, DeviceId, DeviceId];
    const coordinator = await LyingCoordinator.begin(lab, provider);
    await coordinator.showRosters();
    await coordinator.forwardShares((dealer, to) => (to === holder && dealer === a ? b : dealer));
    const { good } = decodeAcknowledgement(sentBody(coordinator.settled(holder), 'acknowledge')!, 9);
    expect(good.size).toBe(8);
  });
});

describe('tags that are missing', () => {
  it('open nobody, and the holder says so', async () => {
    const lab = await complete('no tags');
    const coordinator = await LyingCoordinator.begin(lab, provider, [lab.ids[0]!]);
    await coordinator.showRosters();
    await coordinator.forwardShares();
    await coordinator.showMaskers();
    await coordinator.showSurvivors();
    await coordinator.certify({ tagger: (device) => (device === lab.ids[7] ? undefined : device) });
    const { secretsOf } = await coordinator.view.knowledge();
    expect(secretsOf(lab.ids[7]!)).toEqual({ selfMask: false, maskKey: false });
    expect(secretsOf(lab.ids[6]!)).toEqual({ selfMask: true, maskKey: false });
    expect(await bareSets(coordinator)).toEqual([]);
  });
});

describe('a dealer', () => {
  it('whose boxes hold other shares than it signed is refused by those who got them, and left out', async () => {
    const lab = await complete('other shares');
    const dealer = lab.ids[3]!;
    const liar: CryptoProvider = {
      name: 'lying',
      perform: (job) =>
        provider.perform(
          job.do !== 'sealMany'
            ? job
            : { ...job, boxes: job.boxes.map((box, i) => (i < 2 ? { ...box, plain: flipped(box.plain) } : box)) },
        ),
    };
    const { outcome } = await playToEnd(await beginLockstep(provider, lab, new Map([[dealer, liar]])));
    expect(outcome).toMatchObject({ kind: 'committed', funnel: { acknowledged: 10, masked: 9 } });
    expect(outcome?.kind === 'committed' && outcome.survivors).not.toContain(dealer);
  });

  /** Changes the share of the mask key. */
  const flipped = (plain: Bytes) => plain.map((byte, i) => (i === 8 ? byte ^ 1 : byte));
});
