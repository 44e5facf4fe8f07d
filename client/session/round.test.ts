import { addModulo, type Bytes, hex, type Packet, type Random, type TaskId } from '@chorale/shared';
import { MemoryDisk, nodeCrypto } from '@chorale/shared/adapters/node';
import { builtIn, drawnArm } from '@chorale/shared/algorithms';
import { hkdf } from '@chorale/shared/crypto';
import type { Trainer } from '@chorale/shared/models';
import { decodePlanKeyCertificate, encodePlanKeyCertificate, planKeyText, planText } from '@chorale/shared/secagg';
import {
  loopbackNetwork,
  type SeededRandom,
  seededRandom,
  type VirtualClock,
  virtualClock,
} from '@chorale/shared/testing';
import { encodePlanBundle, type PlanBundle } from '@chorale/shared/wire';
import { describe, expect, it } from 'vitest';
import { consentedExamples } from '../behavior/examples.ts';
import type { ChoraleOptions } from '../node.ts';
import { keysOf, pairs, type Singer, type Stage, singer } from '../testing/choir.ts';
import { FakeCoordinator } from '../testing/fake-coordinator.ts';
import { contributionFor, encodeContribution } from './contribution.ts';
import { readQuestion } from './question.ts';
import { roundRandomness } from './round-randomness.ts';

const seed = 'rounds';
const count = 10;

type Hall = Stage & {
  readonly clock: VirtualClock;
  readonly random: SeededRandom;
  readonly network: ReturnType<typeof loopbackNetwork>;
  readonly task: TaskId;
};

async function hall(): Promise<Hall> {
  const clock = virtualClock();
  const random = seededRandom(seed);
  const crypto = nodeCrypto();
  const coordinator = await FakeCoordinator.open({ clock, random: random.fork('coordinator'), crypto });
  const network = loopbackNetwork({ clock, random: random.fork('network'), server: coordinator.server });
  const task = coordinator.addTask();
  return { clock, random, crypto, coordinator, network, task, transport: (device) => network.transport(device) };
}

const turns = ['advertise', 'deal', 'acknowledge', 'masked-input', 'certify', 'unmask'];

const seedOf = (name: string) => (task: TaskId, round: bigint) =>
  hkdf(
    new TextEncoder().encode(`${seed} ${name}`),
    new Uint8Array(0),
    new TextEncoder().encode(`${task} ${round}`),
    32,
  );

async function choir(on: Hall, options: Partial<ChoraleOptions> = {}): Promise<readonly Singer[]> {
  const singers = Array.from({ length: count }, (_, i) =>
    singer(on, `device ${i}`, { ...options, ports: { roundSeed: seedOf(`device ${i}`) } }),
  );
  for (const [i, { chorale }] of singers.entries()) {
    await chorale.consent.grant(['training']);
    chorale.track('pair', { a: i, b: 1 });
    await chorale.refresh();
  }
  await on.clock.runUntil(() => on.coordinator.waiting === count);
  return singers;
}

async function deviceOf({ chorale }: Singer): Promise<string> {
  return (await chorale.privacy.export()).identities[0]!.device;
}

const outcomes = (singers: readonly Singer[]) => singers.map(({ rounds }) => rounds[0]?.outcome.outcome);
const heardFrom = (on: Hall, device: string): readonly Packet[] =>
  on.coordinator.heard.filter((heard) => heard.device === device).map(({ packet }) => packet);

describe('a round', () => {
  it('adds, bit for bit, what a laboratory that knows the seeds computes', async () => {
    const on = await hall();
    const singers = await choir(on);
    const outcome = await on.clock.run(on.coordinator.openRound(on.task));
    await on.clock.advance(100);
    expect(outcomes(singers)).toEqual(Array(count).fill('completed'));
    if (outcome.kind !== 'committed') throw new Error(outcome.reason);
    const { plan, bundle } = await on.coordinator.planFor(on.task, 1n);
    const question = readQuestion(plan, bundle.broadcast!, builtIn);
    if (typeof question === 'string') throw new Error(question);
    const sum = new Uint32Array(plan.dimension);
    for (let i = 0; i < count; i++) {
      const examples = consentedExamples({
        purpose: 'training',
        allows: () => true,
        events: [{ at: 0, tzOffsetMinutes: 0, name: 'pair', properties: { a: i, b: 1 } }],
        sources: new Map([['pairs/1', { examples: pairs }]]),
        query: question.examples,
        now: 0,
        placeOf: () => 0,
      });
      const randomness = roundRandomness(seedOf(`device ${i}`)(on.task, 1n));
      const tools = { trainer: {} as Trainer, signal: new AbortController().signal, randomness };
      addModulo(sum, encodeContribution(await contributionFor(question, examples, tools), randomness, 0n));
    }
    expect(hex(new Uint8Array(outcome.sum.buffer))).toBe(hex(new Uint8Array(sum.buffer)));
  });

  it('tells an app’s source the arms that the app itself shows', async () => {
    const on = await hall();
    const shares = [0.5, 0.5];
    const told: number[] = [];
    const singers = await choir(on, {
      sources: {
        'pairs/1': (events, query, _, placeOf) => {
          told.push(drawnArm(placeOf, 'colours', shares));
          return pairs(events, query);
        },
      },
    });
    const places = await Promise.all(singers.map(({ chorale }) => chorale.ownPlaces()));
    const shown = places.map((placeOf) => drawnArm(placeOf!, 'colours', shares));
    await on.clock.run(on.coordinator.openRound(on.task));
    await on.clock.advance(100);
    expect(outcomes(singers)).toEqual(Array(count).fill('completed'));
    // Devices answer in no order.
    expect([...told].sort()).toEqual([...shown].sort());
    expect(new Set(shown)).toEqual(new Set([0, 1]));
    const again = await Promise.all(singers.map(({ chorale }) => chorale.ownPlaces()));
    expect(again.map((placeOf) => placeOf!('look'))).toEqual(places.map((placeOf) => placeOf!('look')));
  });

  it('puts claim, expense, signature and reveal into the store before the message that needs them', async () => {
    const on = await hall();
    const singers = await choir(on);
    const needs: Record<string, string> = {
      advertise: 'claimed',
      'masked-input': 'spent',
      certify: 'signed',
      unmask: 'revealed',
    };
    const device = await deviceOf(singers[0]!);
    const missing: string[] = [];
    on.coordinator.answer = ({ device: from, packet: { name } }) => {
      const stage = needs[name];
      if (from !== device || stage === undefined) return undefined;
      const [entry] = singers[0]!.disk.range({ from: `ledger/${on.task}/0`, to: `ledger/${on.task}/:` });
      if (entry === undefined || !new TextDecoder().decode(entry.value).includes(`"${stage}"`)) missing.push(name);
      return undefined;
    };
    await on.clock.run(on.coordinator.openRound(on.task));
    await on.clock.advance(100);
    expect(missing).toEqual([]);
    const report = await singers[0]!.chorale.privacy.report();
    expect(report).toMatchObject({ rounds: 1, contributions: 1, rho: 0, sentBytes: 20 });
  });

  it('is declined for a plan weaker than the device allows, and the coordinator is not told why', async () => {
    const on = await hall();
    const singers = await choir(on);
    on.coordinator.bendPlan = (plan) => ({ ...plan, sigma: 79 });
    const outcome = on.coordinator.openRound(on.task);
    await on.clock.run(outcome);
    expect(singers.map(({ rounds }) => rounds[0]?.outcome)).toEqual(
      Array(count).fill({ outcome: 'declined', reason: 'parameters-too-weak', contradictions: 0 }),
    );
    const withdrawals = on.coordinator.heard.filter(({ packet }) => packet.name === 'withdraw');
    expect(withdrawals).toHaveLength(count);
    for (const { packet } of withdrawals) expect(packet).toEqual({ name: 'withdraw', header: { round: '1' } });
    expect(keysOf(singers[0]!.disk).filter((key) => key.startsWith('ledger/'))).toEqual([`ledger/${on.task}/opened`]);
  });
});

describe('a plan that is not the pinned coordinator’s', () => {
  type Forge = (bundle: PlanBundle, random: Random) => Promise<PlanBundle>;
  const crypto = nodeCrypto();

  async function drawKey(random: Random) {
    const secretKey = random.bytes(32);
    const result = await crypto.perform({ do: 'publicKeys', agreement: [], signing: [secretKey] });
    if (result.did !== 'publicKeys') throw new Error('no key');
    return { secretKey, publicKey: result.signing[0]! };
  }

  async function sign(secretKey: Bytes, message: Bytes): Promise<Bytes> {
    const result = await crypto.perform({ do: 'signMany', secretKey, messages: [message] });
    if (result.did !== 'signMany') throw new Error('no signature');
    return result.signatures[0]!;
  }

  const forgeries: Record<string, Forge> = {
    'signed by a key that nobody certified': async (bundle, random) => {
      const signature = await sign((await drawKey(random)).secretKey, planText(bundle.plan));
      return { ...bundle, signature };
    },
    'whose key another root certified': async (bundle, random) => {
      const { signature: _, ...certificate } = decodePlanKeyCertificate(bundle.planKeyCertificate);
      const signature = await sign((await drawKey(random)).secretKey, planKeyText(certificate));
      return { ...bundle, planKeyCertificate: encodePlanKeyCertificate({ ...certificate, signature }) };
    },
    'by keys of the adversary’s own from top to bottom': async (bundle, random) => {
      const [root, key] = [await drawKey(random), await drawKey(random)];
      const { signature: _, ...certificate } = decodePlanKeyCertificate(bundle.planKeyCertificate);
      const own = { ...certificate, key: key.publicKey };
      return {
        ...bundle,
        signature: await sign(key.secretKey, planText(bundle.plan)),
        planKeyCertificate: encodePlanKeyCertificate({
          ...own,
          signature: await sign(root.secretKey, planKeyText(own)),
        }),
      };
    },
  };

  it.each(Object.entries(forgeries))('%s is declined: the device says nothing and spends nothing', async (_, forge) => {
    const on = await hall();
    const singers = await choir(on);
    const { bundle } = await on.coordinator.planFor(on.task, 1n);
    const forged = await forge(bundle, on.random.fork('adversary'));
    on.coordinator.bendBundle = () => forged;
    await on.clock.run(on.coordinator.openRound(on.task));
    expect(singers.map(({ rounds }) => rounds[0]?.outcome)).toEqual(
      Array(count).fill({ outcome: 'declined', reason: 'bad-signature', contradictions: 0 }),
    );
    expect(on.coordinator.heard.filter(({ packet }) => turns.includes(packet.name))).toEqual([]);
    for (const { disk } of singers) {
      expect(keysOf(disk).filter((key) => key.startsWith('ledger/'))).toEqual([`ledger/${on.task}/opened`]);
    }
  });
});

describe('the next round', () => {
  it('verifies no credential again that an earlier one has verified', async () => {
    const on = await hall();
    const verified: number[] = [];
    const crypto = nodeCrypto();
    const counting: typeof crypto = {
      ...crypto,
      async perform(job) {
        if (job.do === 'verifyMany') verified.push(job.signatures.length);
        return crypto.perform(job);
      },
    };
    const singers = await choir({ ...on, crypto: counting });
    const countRound = async () => {
      verified.length = 0;
      await on.clock.run(on.coordinator.openRound(on.task));
      await on.clock.runUntil(() => on.coordinator.waiting === count);
      return verified.reduce((sum, one) => sum + one, 0);
    };
    const [first, second] = [await countRound(), await countRound()];
    // Each of ten devices knows its nine neighbours' credentials by now. Its own it meets in a certificate, now or later.
    expect(first - second).toBeGreaterThanOrEqual(count * (count - 1));
    expect(first - second).toBeLessThanOrEqual(count * count);
    expect(outcomes(singers)).toEqual(Array(count).fill('completed'));
  });
});

describe('a connection that breaks', () => {
  for (const turn of turns) {
    it(`at '${turn}' is met with a resume and the same bytes, and the device stays in the sum`, async () => {
      const on = await hall();
      const singers = await choir(on);
      const device = await deviceOf(singers[3]!);
      let isBroken = false;
      on.coordinator.answer = ({ device: from, packet }) => {
        if (isBroken || from !== device || packet.name !== turn) return undefined;
        isBroken = true;
        on.network.disconnect(device);
        return { ok: false, code: 'internal', detail: 'lost on the way' };
      };
      const outcome = await on.clock.run(on.coordinator.openRound(on.task));
      await on.clock.advance(10_000);
      expect(isBroken).toBe(true);
      const sent = heardFrom(on, device).filter(({ name }) => name === turn);
      expect(sent.length).toBeGreaterThan(1);
      expect(new Set(sent.map(({ body }) => hex(body!))).size).toBe(1);
      expect(heardFrom(on, device).some(({ name }) => name === 'resume')).toBe(true);
      expect(outcome.kind === 'committed' && outcome.survivors.length).toBe(count);
      expect(outcomes(singers)).toEqual(Array(count).fill('completed'));
    });
  }

  it('is tried again with growing pauses until the coordinator is back', async () => {
    const on = await hall();
    await choir(on);
    on.coordinator.isReachable = false;
    for (const device of [...on.coordinator.links.keys()]) on.network.disconnect(device);
    on.coordinator.heard.length = 0;
    await on.clock.advance(3_600_000);
    expect(on.coordinator.heard).toEqual([]);
    on.coordinator.isReachable = true;
    await on.clock.advance(300_000);
    expect(on.coordinator.heard.filter(({ packet }) => packet.name === 'check-in')).toHaveLength(count);
  });
});

describe('one claim for one round', () => {
  const offerAgain = async (on: Hall, device: string) => {
    const { bundle } = await on.coordinator.planFor(on.task, 1n);
    on.coordinator.offer(device, 1n, encodePlanBundle(bundle));
  };

  it.each(turns)('holds after a restart at %s: the round that was under way is never entered again', async (turn) => {
    const on = await hall();
    const singers = await choir(on);
    const device = await deviceOf(singers[0]!);
    on.coordinator.answer = ({ device: from, packet }) =>
      from === device && packet.name === turn ? { ok: true } : undefined;
    void on.coordinator.openRound(on.task);
    await on.clock.runUntil(() => heardFrom(on, device).some(({ name }) => name === turn));
    const again = singer(on, 'device 0', {}, singers[0]!.disk);
    on.coordinator.heard.length = 0;
    await again.chorale.refresh();
    await on.clock.runUntil(() => heardFrom(on, device).some(({ name }) => name === 'check-in'));
    expect(heardFrom(on, device)[0]?.header).toMatchObject({ lastRound: '1' });
    await offerAgain(on, device);
    await on.clock.advance(1000);
    expect(again.rounds.map(({ outcome }) => outcome)).toMatchObject([{ outcome: 'declined', reason: 'stale-round' }]);
    // Not a word of the round comes from its second life.
    expect(heardFrom(on, device).filter(({ name }) => turns.includes(name))).toEqual([]);
  });

  it('holds between two tabs that are offered it at the same moment', async () => {
    const on = await hall();
    const disk = new MemoryDisk();
    const tabs = [singer(on, 'tab 1', {}, disk), singer(on, 'tab 2', {}, disk)];
    for (const { chorale } of tabs) {
      await chorale.consent.grant(['training']);
      await chorale.refresh();
    }
    await on.clock.advance(10);
    const [device] = on.coordinator.links.keys();
    expect(on.coordinator.links.size).toBe(1);
    await offerAgain(on, device!);
    await on.clock.advance(1000);
    expect(heardFrom(on, device!).filter(({ name }) => name === 'advertise')).toHaveLength(1);
    expect(tabs.flatMap(({ rounds }) => rounds.map(({ outcome }) => outcome))).toMatchObject([
      { outcome: 'declined', reason: 'already-claimed' },
    ]);
  });
});

describe('consent taken back', () => {
  it.each(turns)('when %s has gone up, ends the round for the device: nothing of it follows', async (turn) => {
    const on = await hall();
    const singers = await choir(on);
    const device = await deviceOf(singers[0]!);
    on.coordinator.answer = ({ device: from, packet }) => {
      if (from === device && packet.name === turn) void singers[0]!.chorale.consent.withdraw();
      return undefined;
    };
    const outcome = await on.clock.run(on.coordinator.openRound(on.task));
    await on.clock.advance(1000);
    const names = heardFrom(on, device).map(({ name }) => name);
    expect(names.filter((name) => turns.includes(name))).toEqual(turns.slice(0, turns.indexOf(turn) + 1));
    expect(names).toContain('withdraw');
    // Nine are too few to begin with; and who masked is in the sum from the moment at which the survivors are fixed.
    const contributors = { advertise: 0, certify: count, unmask: count }[turn] ?? count - 1;
    expect(outcome.kind === 'committed' ? outcome.survivors.length : 0).toBe(contributors);
    expect(singers[0]!.rounds[0]?.outcome).toEqual({ outcome: 'ended', reason: 'left' });
    expect(on.coordinator.consents).toMatchObject([
      { device, receipt: { receipt: { decisions: { training: 'withdrawn' } } } },
    ]);
    await on.clock.advance(3_600_000);
    expect(heardFrom(on, device).filter(({ name }) => name === 'check-in')).toHaveLength(1);
  });
});

describe('a coordinator that talks nonsense', () => {
  it('never breaks a device: afterwards an honest round commits', async () => {
    const on = await hall();
    const singers = await choir(on);
    const names = [
      'challenge',
      'plan',
      'roster',
      'shares',
      'sharers',
      'survivors',
      'certificate',
      'outcome',
      'pace',
      'x',
    ];
    const headers = [
      undefined,
      null,
      5,
      'x',
      {},
      { round: '0' },
      { round: -1 },
      { nonce: 'A' },
      { reason: 'x' },
      { round: '1', algorithm: 'a/1' },
    ];
    const random = on.random.fork('nonsense');
    const bodies = (): (Bytes | undefined)[] => [undefined, random.bytes(0), random.bytes(5), random.bytes(500)];
    for (const name of names) {
      for (const header of headers) {
        for (const body of bodies())
          on.coordinator.push(body === undefined ? { name, header } : { name, header, body });
      }
    }
    await on.clock.advance(400_000);
    await on.clock.runUntil(() => on.coordinator.waiting === count);
    const outcome = await on.clock.run(on.coordinator.openRound(on.task, 2n));
    expect(outcome.kind).toBe('committed');
    expect(singers.flatMap(({ errors }) => errors)).toEqual([]);
  });

  it('in the middle of a round ends at worst that round', async () => {
    const on = await hall();
    const singers = await choir(on);
    const random = on.random.fork('nonsense');
    on.coordinator.answer = ({ packet }) => {
      if (packet.name !== 'deal') return undefined;
      const header = { round: '1' };
      for (const name of ['shares', 'sharers', 'survivors', 'certificate', 'roster']) {
        on.coordinator.push({ name, header, body: random.bytes(300) });
      }
      return undefined;
    };
    await on.clock.run(on.coordinator.openRound(on.task));
    on.coordinator.answer = () => undefined;
    await on.clock.advance(400_000);
    await on.clock.runUntil(() => on.coordinator.waiting === count);
    const outcome = await on.clock.run(on.coordinator.openRound(on.task));
    expect(outcome.kind).toBe('committed');
    expect(singers.flatMap(({ errors }) => errors)).toEqual([]);
  });
});

describe('a coordinator that sends a device away', () => {
  it('for good is not asked again, and the app hears why', async () => {
    const on = await hall();
    on.coordinator.answer = ({ packet }) =>
      packet.name === 'check-in' ? { ok: false, code: 'upgrade-required', detail: 'too old' } : undefined;
    const { chorale, errors } = singer(on, 'device 0');
    await chorale.consent.grant(['training']);
    await chorale.refresh();
    await on.clock.advance(3_600_000);
    expect(on.coordinator.heard.map(({ packet }) => packet.name)).toEqual(['check-in']);
    expect(errors.map(({ code }) => code)).toEqual(['upgrade-required']);
  });

  it('for a while is asked again no sooner than it said', async () => {
    const on = await hall();
    on.coordinator.answer = ({ packet }) =>
      packet.name === 'check-in'
        ? { ok: false, code: 'rate-limited', detail: 'later', retryAfterMs: 50_000 }
        : undefined;
    const { chorale } = singer(on, 'device 0');
    await chorale.consent.grant(['training']);
    await chorale.refresh();
    await on.clock.advance(49_999);
    expect(on.coordinator.heard).toHaveLength(1);
    await on.clock.advance(60_000);
    expect(on.coordinator.heard.length).toBeGreaterThan(1);
  });

  it('because the task is done is left alone, and because it paces the device comes back in time', async () => {
    const on = await hall();
    const { chorale } = singer(on, 'device 0');
    await chorale.consent.grant(['training']);
    await chorale.refresh();
    await on.clock.advance(10);
    on.coordinator.push({ name: 'pace', header: { reason: 'not-selected', checkInAfterMs: 30_000 } });
    await on.clock.advance(29_000);
    expect(on.coordinator.heard).toHaveLength(1);
    await on.clock.advance(5_000);
    expect(on.coordinator.heard).toHaveLength(2);
    on.coordinator.push({ name: 'pace', header: { reason: 'task-done' } });
    await on.clock.advance(3_600_000);
    expect(on.coordinator.heard).toHaveLength(2);
  });
});
