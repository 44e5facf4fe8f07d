/** Rounds of several cohorts: each has its own sum, its own turns and its own end. */

import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../adapters/node-crypto.ts';
import { bytes } from '../bytes.ts';
import type { DeviceId } from '../ids.ts';
import { cohortOf } from '../testing/secagg-adversary.ts';
import { type Lab, rememberingVerdicts, secaggLab } from '../testing/secagg-lab.ts';
import { beginLockstep, playTurn } from '../testing/secagg-lockstep.ts';
import { type Fate, type LoopbackReport, type Packet, promptly, runLoopback } from '../testing/secagg-loopback.ts';
import { type SeededRandom, seededRandom } from '../testing/seeded-random.ts';
import { decodeHeader, type RosterHeader } from './header.ts';
import { type CohortOutcome, headerFor, type ServerEffect, startServer, stepServer, stopServer } from './server.ts';

const provider = rememberingVerdicts(nodeCrypto());

const labOf = (devices: number, cohorts: number, seed: string, plan: Partial<Lab['plan']> = {}) =>
  secaggLab({ provider, devices, cohorts, seed, plan });

/** Who was sent which roster, by number of the cohort. */
function rostersIn({ packets }: LoopbackReport): readonly DeviceId[][] {
  const rosters: DeviceId[][] = [];
  for (const { way, name, device, body } of packets) {
    if (way !== 'down' || name !== 'roster') continue;
    const { cohort } = decodeHeader(body.slice(0, 194));
    rosters[cohort] = [...(rosters[cohort] ?? []), device];
  }
  return rosters;
}

function cohortsIn({ ending }: LoopbackReport): readonly CohortOutcome[] {
  if (ending.kind !== 'formed') throw new Error(`no cohort formed: ${ending.reason}`);
  return ending.cohorts;
}

/** Every cohort gave the exact sum of survivors of its own, or nothing, and told each of its members so. */
function expectSound(lab: Lab, report: LoopbackReport, note: string): void {
  const rosters = rostersIn(report);
  cohortsIn(report).forEach((outcome, cohort) => {
    const where = `${note}, cohort ${cohort}`;
    const survivors = outcome.kind === 'committed' ? outcome.survivors : [];
    if (outcome.kind === 'committed') {
      expect(outcome.sum, where).toEqual(lab.sumOf(survivors));
      expect(rosters[cohort], where).toEqual(expect.arrayContaining([...survivors]));
      expect(decodeHeader(outcome.transcript.header).cohort, where).toBe(cohort);
    } else expect(outcome.reason, where).toMatch(/^too-few-/);
    expect(outcome.named, where).toEqual([]);
    for (const device of rosters[cohort] ?? []) {
      const told = report.devices.get(device)?.outcome;
      if (told?.kind !== 'completed' || outcome.kind !== 'committed') continue;
      expect(told, where).toMatchObject({ survivors: survivors.length, isIncluded: survivors.includes(device) });
    }
  });
}

/** Some of the devices are gone at a message of their own each. */
function leavingAt(turns: ReadonlyMap<DeviceId, string>): (packet: Packet) => Fate {
  return ({ way, device, name }) => (way === 'up' && turns.get(device) === name ? { do: 'crash' } : promptly);
}

describe('every cohort', () => {
  it.each([
    { cohorts: 2, devices: 9 },
    { cohorts: 3, devices: 15 },
    { cohorts: 4, devices: 22 },
    { cohorts: 5, devices: 35 },
  ])('of $cohorts gives the exact sum of its own survivors, or ends alone', async ({ cohorts, devices }) => {
    const kinds = { committed: 0, abandoned: 0 };
    for (let trial = 0; trial < 8; trial++) {
      const seed = `${cohorts} cohorts ${trial}`;
      const lab = await labOf(devices, cohorts, seed);
      const random = seededRandom(seed);
      const names = ['deal', 'acknowledge', 'masked-input', 'certify', 'unmask'];
      const leaving = lab.ids.filter(() => random.uniform() < 0.3).map((id) => [id, drawFrom(names, random)] as const);
      const report = await runLoopback({ ...lab, provider, seed, fateOf: leavingAt(new Map(leaving)) });
      expectSound(lab, report, seed);
      const outcomes = cohortsIn(report);
      expect(outcomes, seed).toHaveLength(cohorts);
      for (const { kind } of outcomes) kinds[kind]++;
      // Who stays in a cohort with enough others is in its sum.
      const stayed = lab.ids.filter((id) => !leaving.some(([gone]) => gone === id));
      const summed = outcomes.flatMap((outcome) => (outcome.kind === 'committed' ? outcome.survivors : []));
      const lost = rostersIn(report).flatMap((ids, i) => (outcomes[i]!.kind === 'abandoned' ? ids : []));
      expect([...summed, ...lost], seed).toEqual(expect.arrayContaining(stayed));
    }
    expect(kinds.committed).toBeGreaterThan(0);
    expect(kinds.abandoned).toBeGreaterThan(0);
  });

  it('gives its sum or ends cleanly when messages are late, doubled, reordered or lost', async () => {
    let committed = 0;
    for (let trial = 0; trial < 6; trial++) {
      const seed = `storm ${trial}`;
      const lab = await labOf(18, 3, seed);
      const report = await runLoopback({ ...lab, provider, seed, fateOf: (_, random) => storm(random) });
      if (report.ending.kind === 'abandoned') continue;
      expectSound(lab, report, seed);
      committed += report.ending.cohorts.filter(({ kind }) => kind === 'committed').length;
    }
    expect(committed).toBeGreaterThan(3);
  });

  it('runs sparse and large beside the others', async () => {
    const lab = await labOf(131, 2, 'sparse', { corruptBasisPoints: 100, dropoutBasisPoints: 1000, sigma: 10, eta: 8 });
    const report = await runLoopback({ ...lab, provider, seed: 'sparse' });
    const outcomes = cohortsIn(report);
    expectSound(lab, report, 'sparse');
    expect(outcomes.map((outcome) => outcome.kind === 'committed' && outcome.parameters)).toMatchObject([
      { devices: 66, isComplete: false },
      { devices: 65, isComplete: false },
    ]);
  });
});

function drawFrom<T>(items: readonly T[], random: SeededRandom): T {
  return items[Math.floor(items.length * random.uniform())]!;
}

function storm(random: SeededRandom): Fate {
  const draw = random.uniform();
  if (draw < 0.01) return { do: 'deliver', afterMs: [] };
  if (draw < 0.015) return { do: 'disconnect', forMs: Math.floor(20_000 * random.uniform()) };
  return { do: 'deliver', afterMs: draw < 0.1 ? [0, 900] : [Math.floor(3000 * random.uniform())] };
}

describe('a cohort whose members leave', () => {
  it('ends by itself and at once: the others go on, and the round is over with the last', async () => {
    const lab = await labOf(18, 3, 'one ends');
    const doomed = rostersIn(await runLoopback({ ...lab, provider, seed: 1 }))[1]!;
    const gone = new Map(doomed.slice(0, 3).map((device) => [device, 'deal']));
    const report = await runLoopback({ ...lab, provider, seed: 1, fateOf: leavingAt(gone) });
    expectSound(lab, report, 'one ends');
    expect(report.ending).toMatchObject({
      kind: 'formed',
      cohorts: [{ kind: 'committed' }, { kind: 'abandoned', reason: 'too-few-survivors', turn: 'deal' }, {}],
      funnel: { invited: 18, advertised: 18, dealt: 15, masked: 12, unmasked: 12 },
      droppedByTurn: { advertise: 0, deal: 3, acknowledge: 0 },
    });
    expect(cohortsIn(report)[1]).toMatchObject({ funnel: { invited: 6, advertised: 6, dealt: 3, masked: 0 } });
    const left = doomed.slice(3).map((device) => report.devices.get(device)?.outcome);
    expect(left).toMatchObject(doomed.slice(3).map(() => ({ kind: 'ended', by: 'coordinator' })));
  });

  it('keeps nobody waiting but its own: a silent device costs its own cohort the turn’s limit', async () => {
    const lab = await labOf(18, 3, 'silent');
    const rosters = rostersIn(await runLoopback({ ...lab, provider, seed: 1 }));
    const silence = new Map([
      [rosters[1]![0]!, 'deal'],
      [rosters[2]![0]!, 'masked-input'],
    ]);
    const done = new Map<number, number>();
    const numberOf = new Map<DeviceId, number>();
    const fateOf = ({ way, device, name, body, now }: Packet): Fate => {
      if (name === 'roster') numberOf.set(device, decodeHeader(body.slice(0, 194)).cohort);
      if (name === 'outcome') done.set(numberOf.get(device)!, now - lab.plan.openedAt);
      return way === 'up' && silence.get(device) === name ? { do: 'deliver', afterMs: [] } : promptly;
    };
    const report = await runLoopback({ ...lab, provider, seed: 1, fateOf });
    const { dealMs, maskedInputMs } = lab.plan.limits;
    expect(Object.fromEntries(done)).toEqual({ 0: 0, 1: dealMs, 2: maskedInputMs });
    expect(cohortsIn(report)).toMatchObject([
      { kind: 'committed', droppedByTurn: { deal: 0, 'masked-input': 0 } },
      { kind: 'committed', droppedByTurn: { deal: 1, 'masked-input': 0 } },
      { kind: 'committed', droppedByTurn: { deal: 0, 'masked-input': 1 } },
    ]);
  });
});

describe('a round whose sums are of use only together', () => {
  /** One of three cohorts loses half of its members at their deal. */
  async function withOneFailed(leastCohorts: number) {
    const plain = await labOf(18, 3, 'together');
    const lab = { ...plain, server: { ...plain.server, leastCohorts } };
    const doomed = rostersIn(await runLoopback({ ...lab, provider, seed: 1 }))[1]!;
    const gone = new Map(doomed.slice(0, 3).map((device) => [device, 'deal']));
    const fateOf = (packet: Packet): Fate => {
      const fate = leavingAt(gone)(packet);
      // Or the others would be through before the doomed ones are missed.
      return fate === promptly && packet.name === 'acknowledge' ? { do: 'deliver', afterMs: [2000] } : fate;
    };
    return runLoopback({ ...lab, provider, seed: 1, fateOf });
  }

  it('ends as soon as too few cohorts are left, before anybody gives a vector', async () => {
    const report = await withOneFailed(3);
    expect(report.ending).toMatchObject({
      cohorts: [
        { kind: 'abandoned', reason: 'too-few-cohorts' },
        { kind: 'abandoned', reason: 'too-few-survivors', turn: 'deal' },
        { kind: 'abandoned', reason: 'too-few-cohorts' },
      ],
      funnel: { masked: 0 },
    });
    const stayed = [...report.devices.values()].filter(({ outcome }) => outcome !== undefined);
    expect(stayed.map(({ outcome }) => outcome)).toMatchObject(
      stayed.map(() => ({ kind: 'ended', by: 'coordinator' })),
    );
    expect(stayed).toHaveLength(15);
  });

  it('goes on while enough of them are', async () => {
    expect((await withOneFailed(2)).ending).toMatchObject({
      cohorts: [{ kind: 'committed' }, { kind: 'abandoned', reason: 'too-few-survivors' }, { kind: 'committed' }],
    });
  });

  it('does not begin where fewer come together', async () => {
    const lab = await labOf(11, 3, 'few', { minDevices: 4 });
    const report = await runLoopback({ ...lab, server: { ...lab.server, cohort: 8, leastCohorts: 3 }, provider });
    expect(report.ending).toMatchObject({ kind: 'abandoned', reason: 'too-few-devices', turn: 'advertise' });
    expect(rostersIn(report)).toEqual([]);
  });
});

describe('cohorts', () => {
  const sizes = (report: LoopbackReport) => rostersIn(report).map(({ length }) => length);

  it('close when all have their devices, and who comes later is told that the round is full', async () => {
    const lab = await labOf(20, 3, 'full');
    const report = await runLoopback({ ...lab, server: { ...lab.server, cohort: 6 }, provider });
    expect(sizes(report)).toEqual([6, 6, 6]);
    const late = [...report.devices.values()].filter(({ refusals }) => refusals.length > 0);
    expect(late.map(({ refusals }) => refusals)).toMatchObject([[{ code: 'round-full' }], [{ code: 'round-full' }]]);
  });

  it.each([
    { devices: 12, minDevices: 4, maxDevices: 20, form: [4, 4, 4] },
    { devices: 11, minDevices: 4, maxDevices: 20, form: [6, 5] },
    { devices: 7, minDevices: 4, maxDevices: 20, form: [7] },
    { devices: 11, minDevices: 6, maxDevices: 8, form: [8] },
  ])('are fewer where only $devices come and each needs $minDevices: $form', async (round) => {
    const { devices, minDevices, maxDevices, form } = round;
    const lab = await labOf(devices, 3, 'few', { minDevices, maxDevices });
    const report = await runLoopback({ ...lab, server: { ...lab.server, cohort: 8 }, provider });
    expectSound(lab, report, 'few');
    expect(sizes(report)).toEqual(form);
    expect(report.ending.funnel.advertised).toBe(form.reduce((sum, size) => sum + size));
    // For whom there is no room is told at once, so that it waits for nothing.
    const members = new Set(rostersIn(report).flat());
    const outside = [...report.devices].filter(([id]) => !members.has(id)).map(([, { outcome }]) => outcome);
    expect(outside).toMatchObject(outside.map(() => ({ kind: 'ended', by: 'coordinator' })));
    expect(outside).toHaveLength(devices - members.size);
  });

  it('are none where too few come for one', async () => {
    const lab = await labOf(5, 2, 'none', { minDevices: 6 });
    const report = await runLoopback({ ...lab, provider });
    expect(report.ending).toMatchObject({ kind: 'abandoned', reason: 'too-few-devices', turn: 'advertise' });
  });
});

describe('the machine of several cohorts', () => {
  async function formed(lab: Lab) {
    const begun = await beginLockstep(provider, lab);
    return { begun, dealing: await playTurn(begun) };
  }

  it('gives every job a number of its own, and orders one wake: the earliest that is due', async () => {
    const lab = await labOf(18, 3, 'ids');
    const begun = await beginLockstep(provider, lab);
    const now = lab.plan.openedAt;
    const ids: number[] = [];
    let [state, effects] = startServer(lab.server, now);
    const run = async (step: readonly [typeof state, readonly ServerEffect[]]) => {
      state = step[0];
      effects = [...step[1]];
      for (const effect of step[1]) {
        if (effect.do !== 'compute') continue;
        ids.push(effect.id);
        await run(
          stepServer(state, { on: 'computed', id: effect.id, result: await provider.perform(effect.job), now }),
        );
      }
    };
    for (const [from, { sent }] of begun.devices) {
      await run(stepServer(state, { on: 'message', from, message: sent[0]!, now: now + 10 }));
    }
    expect(effects.filter((effect) => effect.do === 'wake')).toEqual([{ do: 'wake', at: now + 10_000 }]);
    // Nobody deals: at the deadline all three cohorts order a job in one step.
    const [, together] = stepServer(state, { on: 'wake', now: now + 10_000 });
    const jobs = together.flatMap((effect) => (effect.do === 'compute' ? [effect.id] : []));
    expect(jobs).toHaveLength(3);
    expect(new Set([...ids, ...jobs]).size).toBe(ids.length + 3);
  });

  it('knows under which header a device runs, as long as its cohort does', async () => {
    const lab = await labOf(12, 2, 'headers');
    const { begun, dealing } = await formed(lab);
    expect(headerFor(begun.server, lab.ids[0]!)).toBeUndefined();
    const headers = lab.ids.map((id) => headerFor(dealing.server, id)) as RosterHeader[];
    lab.ids.forEach((id, i) => {
      expect(headers[i]).toEqual(cohortOf(dealing.sentDown.get(id)![0]!).header);
    });
    expect(headers.map(({ cohort }) => cohort).sort()).toEqual([...Array(6).fill(0), ...Array(6).fill(1)]);
    expect(headerFor(dealing.server, 'AAAAAAAAAAAAAAAAAAAAAA' as DeviceId)).toBeUndefined();
    expect(headerFor(stopServer(dealing.server)[0], lab.ids[0]!)).toBeUndefined();
  });

  it('ends once, when the last cohort does, also when it is stopped', async () => {
    const lab = await labOf(12, 2, 'stopped');
    const { dealing } = await formed(lab);
    const [stopped, effects] = stopServer(dealing.server);
    const stop = { kind: 'abandoned', reason: 'stopped', turn: 'deal' };
    expect(effects.at(-1)).toMatchObject({ do: 'finish', outcome: { kind: 'formed', cohorts: [stop, stop] } });
    expect(effects.filter((effect) => effect.do === 'send')).toHaveLength(12);
    expect(stopServer(stopped)[1]).toEqual([]);
    expect(stepServer(stopped, { on: 'wake', now: dealing.now + 1e9 })[1]).toEqual([]);
  });

  it('answers who is in no cohort', async () => {
    const lab = await labOf(11, 2, 'outside', { minDevices: 4, maxDevices: 4 });
    const { begun, dealing } = await formed({ ...lab, server: { ...lab.server, cohort: 5 } });
    const now = dealing.now;
    // Ten advertised and eight have a place; the last one came when rosters were closed.
    const roomless = lab.ids.filter((id) => dealing.devices.get(id)!.outcome?.kind === 'ended');
    expect(roomless).toHaveLength(2);
    const say = (from: DeviceId, name: 'advertise' | 'deal' | 'resume' | 'withdraw', body = bytes(0)) => {
      const [, effects] = stepServer(dealing.server, { on: 'message', from, message: { name, body }, now });
      return effects.map((effect) =>
        effect.do === 'answer' ? (effect.reply.ok ? 'ok' : effect.reply.code) : effect.do,
      );
    };
    const [late, none] = [lab.ids[10]!, roomless[0]!];
    expect(say(late, 'advertise', begun.devices.get(late)!.sent[0]!.body)).toEqual(['round-full']);
    expect(say(late, 'deal')).toEqual(['wrong-turn']);
    expect(say(late, 'resume')).toEqual(['ok']);
    expect(say(late, 'withdraw')).toEqual(['ok']);
    expect(say(none, 'deal')).toEqual(['round-over']);
    expect(say(none, 'resume')).toEqual(['ok', 'send']);
  });
});
