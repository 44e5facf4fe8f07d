/** Real devices and a real coordinator under a promise: both count the same, and both stop where it ends. */

import { createClient } from '@chorale/client';
import { type Coordinator, createCoordinator, rootKeyOf } from '@chorale/coordinator';
import { fromHex, hex, type RoundId, type TaskId } from '@chorale/shared';
import { MemoryDisk, memoryStore, nodeCrypto } from '@chorale/shared/adapters/node';
import { receiptHash } from '@chorale/shared/consent';
import { type AuditClaim, add, epsilonOf, toNumber, zero } from '@chorale/shared/privacy';
import { decodeHeader, leafHash, rootOfInclusion } from '@chorale/shared/secagg';
import { loopbackNetwork, rememberingVerdicts, seededRandom, virtualClock } from '@chorale/shared/testing';
import { fieldBytes, type NewTask, routes, survivorsIn } from '@chorale/shared/wire';
import { describe, expect, it } from 'vitest';
import { runLab } from '../lab.ts';
import { routeFetch } from '../world/route-fetch.ts';

const people = 12;
const promise = { unit: 'device-enrolment', epsilon: 3, delta: 1e-6, participations: 2 } as const;

const newTask = (mechanism: 'distributed' | 'central', limits?: Partial<NewTask>): NewTask => ({
  name: 'propensity',
  purpose: 'training',
  algorithm: 'fed-avg/1',
  config: {
    spec: { family: 'linear', inputs: 3, output: 'sigmoid' },
    client: { learningRate: 0.5 },
    server: { optimizer: 'sgd', learningRate: 1 },
    clipNorm: 1,
    weighting: 'uniform',
    rounds: 50,
  },
  examples: { source: 'rows/1' },
  consentPolicy: { language: 'en', text: 'We add up, we do not look.' },
  privacy: { mechanism, ...promise },
  cohort: { size: 10, minSize: 10, count: 1, corrupt: 0.1, dropout: 0.3, sigma: 80, eta: 30 },
  merge: { rule: 'sum' },
  intervalMs: 0,
  ...limits,
});

async function deployment(seed: string) {
  const clock = virtualClock();
  const random = seededRandom(seed);
  const crypto = rememberingVerdicts(nodeCrypto());
  const disk = new MemoryDisk();
  const open = () =>
    createCoordinator({ store: memoryStore({ disk }), clock, crypto, random: random.fork('coordinator') });
  const coordinator = await open();
  const network = loopbackNetwork({
    ...{ clock, random: random.fork('network') },
    server: {
      connect: ({ device: link, push, close }) => {
        const [task, device] = link.split('/') as [TaskId, never];
        return coordinator.connect({ task, device, push, close });
      },
    },
  });
  const devices = Array.from({ length: people }, (_, i) =>
    createClient({
      clientKey: coordinator.keyring.publishableKey,
      host: 'http://localhost:8080',
      coordinatorKey: rootKeyOf(coordinator),
      defaults: '2026-11-23',
      floors: { minCohort: 10, minHonest: 5, mechanisms: ['distributed', 'central'] },
      training: { autoStart: false },
      limits: { rhoPerYear: 10, refreshSeconds: 1e6 },
      sources: { 'rows/1': () => [{ features: Float32Array.of(i, 1, 0), label: i % 2 }] },
      ports: {
        ...{ store: memoryStore(), clock, crypto, random: random.fork(`device ${i}`) },
        fetch: routeFetch(() => coordinator),
        transport: ({ task, device }) => network.transport(`${task}/${device}`),
        trainer: { backend: 'scripted', train: async (_spec, parameters) => parameters.map((value) => value + 0.1) },
      },
    }),
  );
  for (const device of devices) await device.consent.grant(['training']);
  return { clock, coordinator, devices, disk, open };
}

/** Runs a task until it has no cohort left that may give. */
async function exhaust({ clock, coordinator, devices }: Awaited<ReturnType<typeof deployment>>, task: NewTask) {
  const { id } = await coordinator.tasks.create(task);
  for (const device of devices) await device.refresh();
  for (let i = 0; i < 200 && (await coordinator.tasks.get(id)).state === 'running'; i++) await clock.advance(1000);
  await clock.advance(60_000);
  return coordinator.tasks.get(id);
}

/** What the coordinator counts for each device. */
function accountsOf(disk: MemoryDisk, task: TaskId): ReadonlyMap<string, { participations: number; rho: number }> {
  const entries = disk.range({ from: `account/${task}/`, to: `account/${task}0` });
  return new Map(
    entries.map(({ key, value }) => {
      const { participations, rho } = JSON.parse(new TextDecoder().decode(value));
      return [key.split('/').at(-1)!, { participations, rho: toNumber(fraction(rho)) }];
    }),
  );
}

function fraction({ numerator, denominator }: { readonly numerator: string; readonly denominator: string }) {
  return { numerator: BigInt(numerator), denominator: BigInt(denominator) };
}

async function committedOf({ rounds }: Coordinator, task: TaskId) {
  const { items } = await rounds.page(task, { limit: 100, cursor: undefined });
  return items.filter(({ state }) => state === 'committed');
}

describe.each(['distributed', 'central'] as const)('a task under a promise, with %s noise', (mechanism) => {
  it('is exhausted when too few devices may give, and counts for each what it has charged itself', async () => {
    const on = await deployment(`promise, ${mechanism}`);
    const task = await exhaust(on, newTask(mechanism));
    expect(task).toMatchObject({ state: 'exhausted', roundsCommitted: 2, roundsAbandoned: 0 });
    const accounts = accountsOf(on.disk, task.id);
    expect(accounts.size).toBe(people);
    for (const device of on.devices) {
      const { rounds, identities } = await device.privacy.export();
      const charges = rounds.flatMap(({ rho }) => (rho ? [fraction(rho)] : []));
      const own = { participations: charges.length, rho: toNumber(charges.reduce(add, zero)) };
      expect(accounts.get(identities[0]!.device)).toEqual(own);
      expect(own.participations).toBeLessThanOrEqual(promise.participations);
      const { byTask } = await device.privacy.report();
      for (const { mechanisms } of byTask) expect(mechanisms).toEqual([mechanism]);
    }
    const most = Math.max(...[...accounts.values()].map(({ rho }) => rho));
    const { card } = await on.coordinator.models.latest(task.id);
    expect(card.privacy).toMatchObject({
      ...{ mechanism, delta: promise.delta, participations: 2, rounds: 2, contributors: 20, smallestCohort: 10 },
      epsilon: epsilonOf(most, promise.delta),
    });
    expect(epsilonOf(most, promise.delta)).toBeLessThanOrEqual(promise.epsilon);

    const again = await on.open();
    expect(await again.tasks.get(task.id)).toEqual(task);
    await expect(again.tasks.resume(task.id)).rejects.toMatchObject({ code: 'budget-exhausted' });
  });

  it('shows for each contribution the receipt that the person’s device has signed', async () => {
    const on = await deployment(`receipts, ${mechanism}`);
    const task = await exhaust(on, newTask(mechanism));
    const [round] = await committedOf(on.coordinator, task.id);
    const transcript = await on.coordinator.rounds.transcript(round!.id as RoundId);
    expect(decodeHeader(fieldBytes(transcript.cohorts[0]!.header)).noiseVariance > 0n).toBe(
      mechanism === 'distributed',
    );
    const shown = await Promise.all(
      on.devices.map(async (device) => {
        const { receipts, identities } = await device.privacy.export();
        return { device: identities[0]!.device, receipt: receiptHash(receipts[0]!) };
      }),
    );
    const survivors = shown.filter(({ device }) => survivorsIn(transcript).includes(device));
    expect(survivors).toHaveLength(10);
    for (const { device, receipt } of survivors) {
      const { receiptSha256, path, ...place } = await on.coordinator.rounds.receipt(round!.id as RoundId, device);
      expect(receiptSha256).toBe(hex(receipt));
      const root = rootOfInclusion(leafHash(receipt), { ...place, path: path.map(fromHex) });
      expect(root && hex(root)).toBe(transcript.receiptsRoot);
    }
  });
});

describe('the card of a model under a promise', () => {
  it('carries what an audit of that promise proved, signed, and nothing that was said of another', async () => {
    const { epsilon, delta, participations } = promise;
    const on = await deployment('audited');
    const { id } = await exhaust(on, newTask('distributed'));
    const model = await on.coordinator.models.latest(id);
    const claim = await auditOf({ epsilon, delta, participations });
    const attach = async (body: unknown) => {
      const headers = { authorization: `Bearer ${on.coordinator.keyring.adminKey}` };
      const request = { method: 'POST', headers, body: JSON.stringify(body) };
      return routeFetch(() => on.coordinator)(`http://coordinator${routes.audit(model.id)}`, request);
    };
    const codeOf = async (body: unknown) => ((await (await attach(body)).json()) as { code: string }).code;
    expect(await codeOf({ ...claim, epsilonLowerBound: 'little' })).toBe('invalid-input');
    expect(await codeOf({ ...claim, opinion: 'good' })).toBe('invalid-input');
    expect(await codeOf({ ...claim, noiseMultiplier: 2 * claim.noiseMultiplier })).toBe('conflict');
    expect(await codeOf({ ...claim, participations: participations + 1 })).toBe('conflict');
    expect((await on.coordinator.models.latest(id)).card.audit).toBeUndefined();

    expect((await attach(claim)).status).toBe(200);
    const { card, signature, ...rest } = await on.coordinator.models.latest(id);
    expect(card).toEqual({ ...model.card, audit: claim });
    expect({ ...rest, card: model.card, signature: model.signature }).toEqual(model);
    // A device believes the card as it is now.
    const [device] = on.devices;
    await device!.consent.grant(['scoring']);
    await device!.refresh();
    expect(device!.score(id).modelVersion).toBe(model.version);
    expect((await device!.privacy.export()).models[0]!.card.audit).toEqual(claim);

    const again = { ...claim, seed: 'another' };
    await attach(again);
    expect((await on.coordinator.models.latest(id)).card.audit).toEqual(again);
  });
});

/** A small one: what it proves does not matter here. */
async function auditOf(of: Readonly<Record<string, number>>): Promise<AuditClaim> {
  const promised = Object.entries(of).flatMap(([flag, value]) => [`--${flag}`, `${value}`]);
  const small = ['--models', '1', '--people', '2', '--data', 'synthetic'];
  const printed: string[] = [];
  const output = { result: (text: string) => void printed.push(text), notice: () => {} };
  expect(await runLab(['audit', ...small, ...promised, '--json'], output)).toBe(0);
  return JSON.parse(printed.join(''));
}

describe('two tasks under promises', () => {
  it('share one ledger on each device: the second gets what the first has left', async () => {
    const on = await deployment('two tasks');
    const first = await exhaust(on, newTask('distributed'));
    const second = await exhaust(on, newTask('central', { name: 'second' }));
    const [one, two] = [accountsOf(on.disk, first.id), accountsOf(on.disk, second.id)];
    for (const device of on.devices) {
      const { identities } = await device.privacy.export();
      const counted = identities.map((identity) => (one.get(identity.device) ?? two.get(identity.device))!.rho);
      const { rho, used } = await device.privacy.report();
      expect(rho).toBeCloseTo(
        counted.reduce((sum, each) => sum + each, 0),
        12,
      );
      expect(used.rhoThisYear).toBe(rho);
    }
  });
});
