/** A coordinator that would choose itself who is in a cohort of several: what it knows at the end. */

import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { bytes, concat, utf8 } from '../bytes.ts';
import { sha256 } from '../crypto/index.ts';
import { type DeviceId, deviceIdFromBytes } from '../ids.ts';
import { type Draw, drawFrom, drawRound, forgeCohort, type Listed, listAll } from '../testing/secagg-adversary-draw.ts';
import { LyingCoordinator } from '../testing/secagg-adversary-round.ts';
import { type Lab, rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import { type Settled, sentBody, startDevice, tell } from '../testing/secagg-lockstep.ts';
import { seededRandom } from '../testing/seeded-random.ts';
import { blockSize, mostOnRoll } from './assignment.ts';
import { decodeHeader, type RosterHeader } from './header.ts';
import type { DownMessage } from './messages.ts';
import { type Advertisement, decodeAdvertisement } from './roster.ts';

const provider = rememberingVerdicts(nodeCrypto());

/** Cohorts of ten: A = 1, minSurvivors = 7, t = 4. So four of a cohort open every single vector in it. */
const labOf = (cohorts: number, seed: string) => secaggLab({ provider, devices: 10 * cohorts, cohorts, seed });

const idOf = ({ leaf }: Advertisement) => deviceIdFromBytes(leaf.deviceId);
const idsOf = (members: readonly Advertisement[]) => members.map(idOf);
const bareSets = async ({ view }: LyingCoordinator) => (await view.knowledge()).sums.map(({ devices }) => devices);

/** What a device advertises in this round, for one seed of its own or another. */
async function advertise(lab: Lab, device: DeviceId, seed?: string): Promise<Advertisement> {
  const setup = lab.clients[lab.ids.indexOf(device)]!;
  const seeded = seed === undefined ? setup : { ...setup, seed: sha256(utf8(seed)) };
  return decodeAdvertisement((await startDevice(provider, seeded, lab.plan.openedAt)).sent[0]!.body);
}

const advertiseAll = (lab: Lab) => Promise.all(lab.ids.map((id) => advertise(lab, id)));

/** A round in which every device is shown a roster that it is on, and all turns are played with everybody. */
async function play(lab: Lab, rosterFor: (device: DeviceId) => DownMessage, corrupt: readonly DeviceId[]) {
  const coordinator = await LyingCoordinator.begin(lab, provider, corrupt);
  await coordinator.showRosters(rosterFor);
  await coordinator.forwardShares();
  await coordinator.showMaskers();
  await coordinator.showSurvivors();
  await coordinator.certify();
  return coordinator;
}

/** The lab as if only these devices had been asked, by name of the seed of each that has another. */
function only(lab: Lab, ids: readonly DeviceId[], seeds: ReadonlyMap<DeviceId, string> = new Map()): Lab {
  const clients = ids.map((id) => {
    const setup = lab.clients[lab.ids.indexOf(id)]!;
    const seed = seeds.get(id);
    return seed === undefined ? setup : { ...setup, seed: sha256(utf8(seed)) };
  });
  return { ...lab, ids, clients, server: { ...lab.server, invited: ids, cohort: ids.length, cohorts: 1 } };
}

describe('sybils', () => {
  /** Four of twenty: the draw leaves fewer than t of them in either cohort. */
  async function sybilRound() {
    const lab = await labOf(2, 'sybils 1');
    const sybils = lab.ids.slice(0, 4);
    const draw = drawRound(lab, await advertiseAll(lab), 2);
    const isSybil = (advertisement: Advertisement) => sybils.includes(idOf(advertisement));
    const counts = draw.blocks.map((block) => block.filter(isSybil).length);
    expect(Math.max(...counts)).toBeLessThan(4);
    return { lab, sybils, draw, isSybil, counts };
  }

  it('that are left where the draw puts them open nobody: each cohort has its own sum (the control)', async () => {
    const { lab, sybils, draw } = await sybilRound();
    const rosters = await Promise.all([0, 1].map((cohort) => forgeCohort(provider, lab, draw, cohort)));
    const cohortOf = (device: DeviceId) => draw.blocks.findIndex((block) => idsOf(block).includes(device));
    const coordinator = await play(lab, (device) => rosters[cohortOf(device)]!, sybils);
    const honest = draw.blocks.map((block) =>
      idsOf(block)
        .filter((id) => !sybils.includes(id))
        .sort(),
    );
    expect((await bareSets(coordinator)).toSorted()).toEqual(honest.toSorted());
    expect(await coordinator.leaks()).toEqual([]);
  });

  it.each([
    'moved into the victim’s block, where others make room for them',
    'put into both rosters',
  ])('%s get nothing from anybody: the roll puts them elsewhere', async (way) => {
    const { lab, sybils, draw, isSybil, counts } = await sybilRound();
    const cohort = counts[0]! <= counts[1]! ? 0 : 1;
    const [block, other] = [draw.blocks[cohort]!, draw.blocks[1 - cohort]!];
    const moved = other.filter(isSybil);
    const kept = block.filter(
      (one) => isSybil(one) || block.filter((two) => !isSybil(two)).indexOf(one) >= moved.length,
    );
    const stuffed = [...kept, ...moved];
    const displaced = block.filter((one) => !stuffed.includes(one));
    const rest = way.startsWith('moved') ? [...other.filter((one) => !isSybil(one)), ...displaced] : other;
    const first = await forgeCohort(provider, lab, draw, cohort, stuffed);
    const second = await forgeCohort(provider, lab, draw, 1 - cohort, rest);
    const playing = only(lab, [...new Set([...idsOf(stuffed), ...idsOf(rest)])]);
    const coordinator = await play(playing, (device) => (idsOf(stuffed).includes(device) ? first : second), sybils);
    expect(await coordinator.leaks()).toEqual([]);
    const fooled = coordinator.masked.filter((device) => idsOf(stuffed).includes(device) && !sybils.includes(device));
    expect(fooled).toEqual([]);
  });

  /** Entries for leaves alone would let four identities stand for as many as it takes to have four in every block. */
  it('under several leaves each are on no roll, however the leaves are chosen', async () => {
    const lab = await labOf(4, 'many leaves');
    const [sybils, honest] = [lab.ids.slice(0, 4), lab.ids.slice(4, 20)];
    const random = seededRandom('many leaves');
    const own = await Promise.all(honest.map((id) => advertise(lab, id)));
    const seeds = Array.from({ length: 8 }, (_, i) => `leaf ${i}`);
    const leaves = await Promise.all(
      sybils.flatMap((id) => seeds.map(async (seed) => ({ seed, advertisement: await advertise(lab, id, seed) }))),
    );
    // Which leaves are listed is the coordinator's choice; it looks for a block with one leaf of each identity.
    const attempt = () => {
      const listed = leaves.filter(() => random.uniform() < 0.75).slice(0, 24);
      const draw = drawRound(lab, [...own, ...listed.map(({ advertisement }) => advertisement)], 4);
      const cohort = draw.blocks.findIndex((block) => {
        const ids = idsOf(block);
        return new Set(ids).size === ids.length && sybils.every((id) => ids.includes(id));
      });
      return { draw, cohort };
    };
    let { draw, cohort } = attempt();
    for (let tries = 1; cohort < 0; tries++) {
      expect(tries).toBeLessThan(2000);
      ({ draw, cohort } = attempt());
    }
    const block = draw.blocks[cohort]!;
    const seedOf = new Map(leaves.map(({ seed, advertisement }) => [advertisement, seed]));
    const playing = only(lab, idsOf(block), new Map(block.map((one) => [idOf(one), seedOf.get(one)!])));
    const roster = await forgeCohort(provider, lab, draw, cohort);
    const coordinator = await play(playing, () => roster, sybils);
    expect(await coordinator.leaks()).toEqual([]);
    expect(coordinator.masked).toEqual([]);
  });

  /** The limit of every hash: who may draw again until it likes the outcome needs as many tries as chance asks. */
  it('whose leaves are drawn anew until chance puts enough of them together see every vector there', async () => {
    const lab = await labOf(2, 'grinding');
    const sybils = lab.ids.slice(0, 4);
    const honest = await Promise.all(lab.ids.slice(4).map((id) => advertise(lab, id)));
    const isTogether = (block: readonly Advertisement[]) => sybils.every((id) => idsOf(block).includes(id));
    const others = await Promise.all(sybils.slice(1).map((id) => advertise(lab, id)));
    let tries = 0;
    let draw: Draw;
    do {
      draw = drawRound(lab, [await advertise(lab, sybils[0]!, `try ${tries}`), ...others, ...honest], 2);
      tries++;
    } while (!draw.blocks.some(isTogether));
    // Four of twenty in one of two halves: a chance of 8.7 % each time. 100 tries in vain have 1.2e-4.
    expect(tries).toBeLessThan(100);
    const cohort = draw.blocks.findIndex(isTogether);
    const block = idsOf(draw.blocks[cohort]!);
    const roster = await forgeCohort(provider, lab, draw, cohort);
    const playing = only(lab, block, new Map([[sybils[0]!, `try ${tries - 1}`]]));
    const coordinator = await play(playing, () => roster, sybils);
    const victims = block.filter((id) => !sybils.includes(id));
    expect((await bareSets(coordinator)).toSorted()).toEqual(victims.map((id) => [id]).toSorted());
  });
});

describe('one honest device in two cohorts', () => {
  it('gives its vector to one: two rolls put it into two rosters, and it takes part in the one that it was shown', async () => {
    const lab = await labOf(4, 'two rolls');
    const victim = lab.ids[0]!;
    const everybody = await advertiseAll(lab);
    const blockIn = (draw: Draw) => draw.blocks.findIndex((block) => idsOf(block).includes(victim));
    const first = drawRound(lab, everybody, 4);
    const firstBlock = idsOf(first.blocks[blockIn(first)]!);
    // Another roll for each device that it leaves out: one whose block has hardly anybody of the first but the victim.
    const second = lab.ids
      .slice(1)
      .map((left) =>
        drawRound(
          lab,
          everybody.filter((one) => idOf(one) !== left),
          4,
        ),
      )
      .find((draw) => {
        const block = idsOf(draw.blocks[blockIn(draw)]!);
        return block.length === 10 && block.filter((id) => firstBlock.includes(id)).length <= 3;
      })!;
    const secondBlock = idsOf(second.blocks[blockIn(second)]!);
    const [one, two] = await Promise.all(
      [first, second].map((draw) => forgeCohort(provider, lab, draw, blockIn(draw))),
    );
    const playing = only(lab, [...new Set([...firstBlock, ...secondBlock])]);
    const coordinator = await play(playing, (device) => (firstBlock.includes(device) ? one! : two!), []);
    expect(await bareSets(coordinator)).toEqual([firstBlock.toSorted()]);
    expect(await coordinator.leaks()).toEqual([]);
  });

  it('answers the first roster that it is shown, and keeps the second as evidence', async () => {
    const lab = await labOf(2, 'two rosters');
    const victim = lab.ids[3]!;
    const draw = drawRound(lab, await advertiseAll(lab), 2);
    const own = draw.blocks.findIndex((block) => idsOf(block).includes(victim));
    const begun = await startDevice(provider, lab.clients[3]!, lab.plan.openedAt);
    const first = await tell(provider, begun.state, await forgeCohort(provider, lab, draw, own), lab.plan.openedAt);
    expect(sentBody(first, 'deal')).toBeDefined();
    const swapped = [...draw.blocks[1 - own]!.slice(1), decodeAdvertisement(begun.sent[0]!.body)];
    const roster = await forgeCohort(provider, lab, draw, 1 - own, swapped);
    const second = await tell(provider, first.state, roster, lab.plan.openedAt);
    expect(second.sent).toEqual([]);
    const [contradiction] = second.state.round.contradictions;
    expect(decodeHeader(contradiction!.body.slice(0, 194)).cohort).toBe(1 - own);
  });
});

describe('a roster of one of two cohorts', () => {
  type Forgery = {
    readonly draw: Draw;
    readonly own: number;
    readonly members: readonly Advertisement[];
    readonly header: Partial<RosterHeader>;
  };

  /** What a device answers to the roster of its cohort, after a change. */
  async function answerTo(change: (honest: Forgery, lab: Lab) => Partial<Forgery>): Promise<Settled> {
    const lab = await labOf(2, 'rosters');
    const draw = drawRound(lab, await advertiseAll(lab), 2);
    const own = ownIn(draw, lab);
    const honest: Forgery = { draw, own, members: draw.blocks[own]!, header: {} };
    const forged = { ...honest, ...change(honest, lab) };
    const roster = await forgeCohort(provider, lab, forged.draw, forged.own, forged.members, forged.header);
    const begun = await startDevice(provider, lab.clients[0]!, lab.plan.openedAt);
    return tell(provider, begun.state, roster, lab.plan.openedAt);
  }

  const isVictim = (advertisement: Advertisement | undefined, lab: Lab) =>
    advertisement !== undefined && idOf(advertisement) === lab.ids[0];
  const ownIn = ({ blocks }: Draw, lab: Lab) => blocks.findIndex((block) => block.some((one) => isVictim(one, lab)));
  const anotherOf = (members: readonly Advertisement[], lab: Lab) => members.find((one) => !isVictim(one, lab))!;
  const listed = ({ draw }: Forgery, lab: Lab) => listAll(lab, draw.blocks.flat());

  /** All else is as that roll has it: root, block and numbers. */
  const under = (lines: readonly Listed[], lab: Lab): Omit<Forgery, 'header'> => {
    const draw = drawFrom(lines, 2);
    const own = ownIn(draw, lab);
    return { draw, own, members: draw.blocks[own]! };
  };

  /** A roll on which one of the others has a second line, and both are drawn into the other cohort. */
  const doubled = (honest: Forgery, lab: Lab, second: (first: Listed) => Listed) => {
    const lines = listed(honest, lab);
    for (const [i, line] of lines.entries()) {
      if (isVictim(line.advertisement, lab)) continue;
      const forged = under(lines.toSpliced(i + 1, 0, second(line)), lab);
      const block = { cohort: forged.own, cohortCount: 2, roundDevices: lines.length + 1 };
      const isWhole = forged.members.length === blockSize(block);
      if (isWhole && !forged.members.includes(line.advertisement!)) return forged;
    }
    throw new Error('no such roll');
  };

  it('that is its block under the roll is taken (the control)', async () => {
    expect(sentBody(await answerTo(() => ({})), 'deal')).toBeDefined();
    expect(sentBody(await answerTo((honest, lab) => under(listed(honest, lab), lab)), 'deal')).toBeDefined();
  });

  const forgeries: { name: string; change: (honest: Forgery, lab: Lab) => Partial<Forgery>; reason?: string }[] = [
    {
      name: 'one entry twice on the roll',
      change: (honest, lab) => doubled(honest, lab, ({ entry }) => ({ entry })),
    },
    {
      name: 'two leaves of one identity on the roll',
      change: (honest, lab) =>
        doubled(honest, lab, ({ entry }) => ({ entry: concat(entry.subarray(0, 16), bytes(16).fill(255)) })),
    },
    {
      name: 'a roll in another order',
      change: (honest, lab) => under(listed(honest, lab).toReversed(), lab),
    },
    {
      name: 'the root of another roll',
      change: () => ({ header: { roundRoot: sha256(utf8('another')) } }),
    },
    {
      name: 'a roll without the device itself',
      change: (honest, lab) => {
        const victim = honest.members.find((one) => isVictim(one, lab))!;
        const others = listed(honest, lab).filter(({ advertisement }) => advertisement !== victim);
        const draw = drawFrom([...others, { entry: bytes(32).fill(255) }], 2);
        const own = draw.blocks.findIndex((block) => block.length === 9);
        return { draw, own, members: [...draw.blocks[own]!, victim] };
      },
    },
    {
      name: 'a member that no roll has',
      change: (honest, lab) => {
        const left = anotherOf(honest.draw.blocks[1 - honest.own]!, lab);
        const lines = listed(honest, lab).filter(({ advertisement }) => advertisement !== left);
        const forged = under([...lines, { entry: bytes(32).fill(255) }], lab);
        const kept = forged.members.filter((one) => one !== anotherOf(forged.members, lab));
        return { ...forged, members: [...(forged.members.length === 10 ? kept : forged.members), left] };
      },
    },
    {
      name: 'another leaf of a member',
      change: (honest, lab) => {
        const lines = listed(honest, lab);
        const drawn = lines.map((line, i) => {
          const forged = under(lines.with(i, { ...line, entry: concat(line.entry.subarray(0, 16), bytes(16)) }), lab);
          return { line, forged };
        });
        const together = ({ line, forged }: (typeof drawn)[number]) =>
          !isVictim(line.advertisement, lab) && forged.members.includes(line.advertisement!);
        return drawn.find(together)!.forged;
      },
    },
    {
      name: 'a member of the other cohort',
      change: ({ members, draw, own }, lab) => ({
        members: members.map((one) => (one === anotherOf(members, lab) ? draw.blocks[1 - own]![0]! : one)),
      }),
    },
    { name: 'the other cohort’s number', change: ({ own }) => ({ header: { cohort: 1 - own } }) },
    {
      name: 'a block of another size',
      change: ({ members }, lab) => ({ members: members.filter((one) => one !== anotherOf(members, lab)) }),
      reason: 'parameters-too-weak',
    },
    { name: 'a cohort beyond the last', change: () => ({ header: { cohort: 2 } }), reason: 'parameters-too-weak' },
  ];
  it.each(forgeries)('with $name is refused, and nothing is dealt', async ({ change, reason = 'bad-signature' }) => {
    const settled = await answerTo(change);
    expect(settled.outcome).toMatchObject({ kind: 'refused', reason });
    expect(settled.sent.map(({ name }) => name)).toEqual(['withdraw']);
  });

  it.each([
    { name: 'as one of no cohorts', header: { cohortCount: 0 } },
    { name: 'with fewer in the round than on the roll', header: { roundDevices: 19 } },
    { name: 'with more in the round than on the roll', header: { roundDevices: 21 } },
    { name: 'as the only cohort', header: { cohortCount: 1, cohort: 0 } },
  ])('$name is not taken', async ({ header }) => {
    const settled = await answerTo(() => ({ header }));
    expect(settled.outcome).toMatchObject({ kind: expect.stringMatching(/refused|ended/) });
    expect(settled.sent.map(({ name }) => name)).toEqual(['withdraw']);
  });

  it('of more devices than a roll may hold is refused before the roll is read', async () => {
    const count = mostOnRoll + 1;
    const settled = await answerTo(({ draw }) => {
      const roll = Array.from({ length: count }, (_, i) => sha256(utf8(String(i))));
      return { draw: { ...draw, roll }, header: { cohortCount: Math.ceil(count / 10) } };
    });
    expect(settled.outcome).toMatchObject({ kind: 'ended', by: 'device', detail: expect.stringContaining('roll') });
  });
});
