/** A coordinator that is killed in the middle of whatever it does loses nothing of what it has promised. */

import { cp, mkdtemp, readdir, rm, stat, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTfjsTrainer } from '@chorale/client/training';
import { hex, invariant, type StoreEntry } from '@chorale/shared';
import { nodeCrypto, openLevelStore } from '@chorale/shared/adapters/node';
import type { SignedReceipt } from '@chorale/shared/consent';
import { transactions1 } from '@chorale/shared/features';
import type { Trainer } from '@chorale/shared/models';
import { type NewTask, routes, type TaskView } from '@chorale/shared/wire';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startCoordinatorProcess } from '../adapters/coordinator-process.ts';
import { logisticSpec } from '../baselines/index.ts';
import { createOperator, type Operator } from '../quickstart/operator.ts';
import { type KillableCoordinator, keepSpares, type Spares } from './adapters/killable-coordinator.ts';
import { Device } from './device.ts';
import { Kept } from './kept.ts';
import { killPoints } from './kill-points.ts';
import { cuts, distinctivePeople } from './people.ts';
import { Served } from './served.ts';

const patienceMs = 120_000;
vi.setConfig({ testTimeout: patienceMs, hookTimeout: patienceMs });
const turnMs = 20_000;

const training: NewTask = {
  name: 'training',
  purpose: 'training',
  algorithm: 'fed-avg/1',
  config: {
    spec: logisticSpec(transactions1.features.length),
    server: { optimizer: 'momentum', learningRate: 1, beta: 0.5 },
    client: { learningRate: 0.1 },
    clipNorm: 1,
    rounds: 1000,
  },
  examples: { source: 'transactions/1', label: 'purchase-7d', maxRows: 4, cuts },
  consentPolicy: { language: 'en', text: 'We add up what many devices learn.' },
  privacy: { mechanism: 'none' },
  cohort: { size: 12, count: 1, corrupt: 0.1, dropout: 0.3, sigma: 80, eta: 30 },
  limits: {
    ...{ advertiseMs: turnMs, dealMs: turnMs, acknowledgeMs: turnMs },
    ...{ maskedInputMs: turnMs, certifyMs: turnMs, unmaskMs: turnMs },
  },
  merge: { rule: 'sum' },
  intervalMs: 300,
};

const firstDevices = 17;
const people = distinctivePeople(firstDevices + killPoints.length, 'kills');

describe('a coordinator that is killed', () => {
  const devices: Device[] = [];
  let directory: string;
  let storeDir: string;
  /** The store as it was when its process died right behind a commit. */
  let behindCommit: string;
  let port: number;
  let spares: Spares;
  let trainer: Trainer;
  let coordinator: KillableCoordinator;
  let operator: Operator;
  let served: Served;
  let task: TaskView;
  let resting: TaskView;
  let lasting: ReadonlyMap<string, string> = new Map();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'chorale-kills-'));
    spares = keepSpares();
    storeDir = join(directory, 'coordinator');
    behindCommit = join(directory, 'behind-commit');
    [coordinator, trainer] = await Promise.all([spares.start({ store: storeDir, port: 0 }), createTfjsTrainer()]);
    const { url, adminKey } = coordinator.facts;
    invariant(adminKey, 'a new store shows its administrator key');
    port = Number(new URL(url).port);
    operator = createOperator({ url, adminKey });
    served = new Served({ url, adminKey });
    resting = await operator.createTask({ ...training, name: 'at rest' });
    await pause(resting, { url, adminKey });
    task = await operator.createTask(training);
    const committed = coordinator.nextCommit();
    await Promise.all(Array.from({ length: firstDevices }, joinOne));
    await committed;
  });

  afterAll(async () => {
    await Promise.all(devices.map((device) => device.close()));
    await spares?.end();
    await rm(directory, { recursive: true, force: true });
  });

  it.each(killPoints)('%s: keeps what it had, and goes on with the next round', async (point) => {
    // The last thing that it promised before it died.
    await joinOne();
    const receipts = inOrder((await Promise.all(devices.map((device) => device.receipts()))).flat());
    const ids = receipts.map(({ receipt }) => receipt.device);
    await served.note(task.id, ids);

    expect(await coordinator.dieAt(point)).toBe('SIGKILL');
    if (point === 'after the commit') await cp(storeDir, behindCommit, { recursive: true });
    const kept = await readStore(storeDir);
    expect(kept.contradictions(task.id)).toEqual([]);
    expect(lostFrom(lasting, kept.permanent())).toEqual([]);
    expect(inOrder(kept.receipts())).toEqual(receipts);
    lasting = kept.permanent();
    const died = kept.rounds(task.id).at(-1)!;
    if (point === 'after the commit') expect(died.state).toBe('committed');
    else if (point !== 'within the commit') expect(died.state).toBe('open');

    const { url, publishableKey, rootKey } = coordinator.facts;
    coordinator = await spares.start({ store: storeDir, port });
    const committed = coordinator.nextCommit();
    expect(coordinator.facts).toEqual({ url, publishableKey, rootKey });
    expect(await served.changed()).toEqual([]);
    expect(await operator.task(resting.id)).toEqual({ ...resting, state: 'paused' });
    const { roundsCommitted: _, roundsAbandoned: __, ...unchanging } = task;
    expect(await operator.task(task.id)).toMatchObject(unchanging);

    await committed;
    const rounds = await operator.rounds(task.id);
    const { id, number } = died;
    const fate =
      died.state === 'committed' ? died : { id, number, state: 'abandoned', reason: 'coordinator restarted' };
    expect(rounds.find((round) => round.id === id)).toMatchObject(fate);
    const later = rounds.filter((round) => BigInt(round.number) > BigInt(number));
    expect(later.map(({ state }) => state)).toContain('committed');
  });

  it('never gives two plans one number, nor one plan two numbers', () => {
    const plans = devices.flatMap((device) => device.plans());
    const rounds = new Set(plans.map(({ round }) => round));
    expect(new Set(plans.map(({ bundle }) => hex(bundle))).size).toBe(rounds.size);
    expect(new Set(plans.map(({ round, bundle }) => `${round} ${hex(bundle)}`)).size).toBe(rounds.size);
    // One that died and one that committed for each point but the first, where the plan is not sent.
    expect(rounds.size).toBeGreaterThanOrEqual(2 * killPoints.length - 1);
  });

  it('is nothing that makes a device fail', () => {
    expect(devices.flatMap((device) => device.defects())).toEqual([]);
  });

  it('has written a commit whole or not at all, wherever the disk has torn it', async () => {
    const states: string[] = [];
    for (const missing of [0, 1, 100, 1000, 2000, 3000, 4000]) {
      const kept = await readStore(await tornCopy(behindCommit, missing));
      expect(kept.contradictions(task.id), `${missing} bytes torn off`).toEqual([]);
      states.push(kept.rounds(task.id).at(-1)!.state);
    }
    expect(states.slice(0, 3)).toEqual(['committed', 'open', 'open']);
  });

  it('would be seen to have lost any part of a commit', async () => {
    const entries = await entriesOf(behindCommit);
    const kept = new Kept(entries);
    const [round, model] = [kept.rounds(task.id).at(-1)!, kept.models(task.id).at(-1)!];
    const modelKey = kept.keys(`model/${task.id}/`).at(-1)!;
    for (const part of [`transcript/${round.id}`, modelKey, `parameters/${model.parametersSha256}`]) {
      const damaged = new Kept(entries.filter(({ key }) => key !== part));
      expect(damaged.contradictions(task.id), part).not.toEqual([]);
      expect(lostFrom(kept.permanent(), damaged.permanent())).toEqual([part]);
    }
  });

  it('ends gracefully when it is asked to, and shares its store with no other', async () => {
    expect(await coordinator.dieAt('plan sent')).toBe('SIGKILL');
    const last = await startCoordinatorProcess({ storeDir, port });
    try {
      await expect(startCoordinatorProcess({ storeDir })).rejects.toThrow(
        /ended with 1 before it was ready:\nthe store at .* is not available: another process has this store open\n$/,
      );
      const { roundsCommitted } = await operator.task(task.id);
      await expect
        .poll(async () => (await operator.task(task.id)).roundsCommitted, { timeout: patienceMs })
        .toBeGreaterThan(roundsCommitted);
      last.kill('SIGTERM');
      expect(await last.ended).toBe(0);
      const kept = await readStore(storeDir);
      expect(kept.contradictions(task.id)).toEqual([]);
      expect(lostFrom(lasting, kept.permanent())).toEqual([]);
      expect(kept.rounds(task.id).filter(({ state }) => state === 'open')).toEqual([]);
    } finally {
      last.kill('SIGKILL');
    }
  });

  /** The next person's device joins. */
  async function joinOne(): Promise<void> {
    const { url, publishableKey, rootKey } = coordinator.facts;
    const device = new Device({
      access: { url, publishableKey, rootKey },
      person: people[devices.length]!,
      storage: join(directory, `device-${devices.length}`),
      crypto: nodeCrypto(),
      trainer,
    });
    devices.push(device);
    await device.join();
  }
});

async function pause({ id }: TaskView, { url, adminKey }: { url: string; adminKey: string }): Promise<void> {
  const headers = { authorization: `Bearer ${adminKey}` };
  expect((await fetch(`${url}${routes.task(id)}/pause`, { method: 'POST', headers })).status).toBe(200);
}

/** By their ids, which tell when they were signed. */
function inOrder(receipts: readonly SignedReceipt[]): SignedReceipt[] {
  return receipts.toSorted((a, b) => (a.receipt.id < b.receipt.id ? -1 : 1));
}

async function readStore(directory: string): Promise<Kept> {
  return new Kept(await entriesOf(directory));
}

async function entriesOf(directory: string): Promise<readonly StoreEntry[]> {
  const store = await openLevelStore(directory);
  try {
    return await store.range({ from: '', to: '\uffff' });
  } finally {
    await store.close();
  }
}

/** @returns keys whose record is gone or another one */
function lostFrom(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): string[] {
  return [...before].flatMap(([key, value]) => (now.get(key) === value ? [] : [key]));
}

/** A copy of a dead store, untouched since, whose last write did not reach the disk whole. */
async function tornCopy(directory: string, missingBytes: number): Promise<string> {
  const copy = `${directory}-torn-${missingBytes}`;
  await cp(directory, copy, { recursive: true });
  const [log] = (await readdir(copy))
    .filter((name) => name.endsWith('.log'))
    .toSorted()
    .reverse();
  const file = join(copy, log!);
  await truncate(file, Math.max(0, (await stat(file)).size - missingBytes));
  return copy;
}
