import { addModulo, bytesToFloats, hex, type RoundId, wordsToBytes } from '@chorale/shared';
import { MemoryDisk, memoryStore } from '@chorale/shared/adapters/node';
import { sha256 } from '@chorale/shared/crypto';
import { chargeIn, decodeHeader, decodePlan, headerBytes } from '@chorale/shared/secagg';
import { fieldBytes, type NewTask, survivorsIn } from '@chorale/shared/wire';
import { describe, expect, it } from 'vitest';
import { rhoOf } from '../privacy/spent.ts';
import type { Task } from '../tasks/task.ts';
import { type Choir, learningTask, openChoir } from '../testing/choir.ts';
import type { ScriptedDevice, ScriptedDeviceOptions } from '../testing/scripted-device.ts';

const { cohort } = learningTask();

/** Rounds of several cohorts of four. */
function dividedTask(count: number, changes: Partial<NewTask> = {}): NewTask {
  return learningTask({ cohort: { ...cohort, size: 4, minSize: 4, dropout: 0.25, count }, ...changes });
}

function joinMany(choir: Choir, task: Task, count: number, options?: Partial<ScriptedDeviceOptions>) {
  return Promise.all(Array.from({ length: count }, () => choir.join(task, options)));
}

/** The number of the cohort that a device was told of last. */
function cohortOf(device: ScriptedDevice): number {
  const roster = device.received.findLast(({ name }) => name === 'roster');
  return decodeHeader(roster!.body!.slice(0, headerBytes)).cohort;
}

/** Whether a device was told that something came of its cohort: the first byte of an outcome. */
function toldOf(device: ScriptedDevice): boolean {
  return device.received.findLast(({ name }) => name === 'outcome')!.body![0] === 1;
}

async function lastRound(choir: Choir, task: Task) {
  const round = (await choir.coordinator.rounds.last(task.id))!;
  return { round, transcript: () => choir.coordinator.rounds.transcript(round.id as RoundId) };
}

/** Parameters of the latest model. */
async function learned(choir: Choir, task: Task): Promise<number[]> {
  const { parametersSha256 } = await choir.coordinator.models.latest(task.id);
  return [...bytesToFloats(await choir.coordinator.models.parameters(parametersSha256))];
}

describe('a round of three cohorts', () => {
  it('commits all three as one, each with a sum and survivors of its own', async () => {
    const choir = await openChoir({ seed: 'three' });
    const task = await choir.coordinator.tasks.create(dividedTask(3));
    const devices = await joinMany(choir, task, 12);
    const after = await choir.untilRounds(task, 1);
    const { round, transcript } = await lastRound(choir, task);
    const { cohorts, ...rest } = await transcript();
    expect(cohorts).toHaveLength(3);
    for (const [number, { survivors, sumSha256, header }] of cohorts.entries()) {
      expect(decodeHeader(fieldBytes(header))).toMatchObject({ cohort: number, cohortCount: 3, roundDevices: 12 });
      const sum = new Uint32Array(4);
      for (const { id, given } of devices) if (survivors.includes(id)) addModulo(sum, given.get(BigInt(round.number))!);
      expect(hex(sha256(wordsToBytes(sum)))).toBe(sumSha256);
    }
    const everybody = devices.map(({ id }) => id).sort();
    expect(survivorsIn({ cohorts }).sort()).toEqual(everybody);
    expect(rest).toMatchObject({ merge: { rule: 'sum' }, privacy: { contributors: 12, smallestCohort: 4 } });
    expect(round).toMatchObject({ contributors: 12, funnel: { answered: { unmask: 12 } } });
    expect(after).toMatchObject({ contributions: 12, smallestCohort: 4 });
    expect(devices.map(toldOf)).toEqual(Array(12).fill(true));
  });

  it('shows for each survivor the receipt behind its vector', async () => {
    const choir = await openChoir({ seed: 'receipts of three' });
    const task = await choir.coordinator.tasks.create(dividedTask(3));
    const devices = await joinMany(choir, task, 12);
    await choir.untilRounds(task, 1);
    const { round, transcript } = await lastRound(choir, task);
    const { receiptsRoot, cohorts } = await transcript();
    for (const { id } of devices) {
      const shown = await choir.coordinator.rounds.receipt(round.id as RoundId, id);
      expect(shown).toMatchObject({ root: receiptsRoot, size: 12, index: survivorsIn({ cohorts }).indexOf(id) });
    }
  });

  it('goes on without a cohort that fails, and tells only its devices that they gave for nothing', async () => {
    const choir = await openChoir({ seed: 'one of three fails' });
    const task = await choir.coordinator.tasks.create(dividedTask(3));
    const onSend = (device: ScriptedDevice, name: string) => name !== 'deal' || cohortOf(device) !== 1;
    const devices = await joinMany(choir, task, 12, { onSend });
    const after = await choir.untilRounds(task, 1);
    const { transcript } = await lastRound(choir, task);
    expect(after).toMatchObject({ roundsCommitted: 1, contributions: 8 });
    const { cohorts } = await transcript();
    expect(cohorts.map(({ header }) => decodeHeader(fieldBytes(header)).cohort)).toEqual([0, 2]);
    for (const device of devices) expect(toldOf(device)).toBe(cohortOf(device) !== 1);
  });

  it('is fewer cohorts where too few devices come for three', async () => {
    const choir = await openChoir({ seed: 'eleven' });
    const task = await choir.coordinator.tasks.create(dividedTask(3));
    await joinMany(choir, task, 11);
    await choir.untilRounds(task, 1);
    const { cohorts } = await (await lastRound(choir, task)).transcript();
    expect(cohorts).toHaveLength(2);
  });

  it('charges every device by the noise of its own cohort, once', async () => {
    const promise = { unit: 'device-enrolment', epsilon: 4, delta: 1e-5, participations: 3 } as const;
    const disk = new MemoryDisk();
    const choir = await openChoir({ seed: 'charges', store: memoryStore({ disk }) });
    const privacy = { mechanism: 'distributed', ...promise } as const;
    const sizes = { ...cohort, size: 5, minSize: 4, dropout: 0.25, count: 2 };
    const base = dividedTask(2, { privacy, cohort: sizes });
    const config = { ...(base.config as object), weighting: 'uniform' };
    const task = await choir.coordinator.tasks.create({ ...base, config });
    const devices = await joinMany(choir, task, 9);
    await choir.untilRounds(task, 1);
    const { transcript, round } = await lastRound(choir, task);
    const { plan, cohorts } = await transcript();
    const headers = cohorts.map(({ header }) => decodeHeader(fieldBytes(header)));
    expect(headers.map(({ devices }) => devices).sort()).toEqual([4, 5]);
    const charges = headers.map((header) => chargeIn(decodePlan(fieldBytes(plan)), header)!);
    expect(charges[0]).not.toEqual(charges[1]);
    for (const device of devices) {
      const charge = charges[cohortOf(device)]!;
      expect(device.spent.get(BigInt(round.number))).toEqual(charge);
      const [account] = disk.range({ from: `account/${task.id}/${device.id}`, to: `account/${task.id}/${device.id}~` });
      const { participations, rho } = JSON.parse(new TextDecoder().decode(account!.value));
      expect(participations).toBe(1);
      const { numerator, denominator } = rhoOf({ participations, rho });
      expect(numerator * charge.denominator).toBe(charge.numerator * denominator);
    }
  });
});

describe('a robust merge', () => {
  const median = (config: object = {}) => {
    const task = dividedTask(5, { merge: { rule: 'median' } });
    return { ...task, config: { ...(task.config as object), weighting: 'uniform', ...config } };
  };

  it('learns from the middle of the cohorts’ means, whatever one device adds to its own', async () => {
    for (const label of [1, 1e9]) {
      const choir = await openChoir({ seed: 'poisoned' });
      const task = await choir.coordinator.tasks.create(median());
      await choir.join(task, { examples: [{ features: Float32Array.of(0, 0), label }] });
      await joinMany(choir, task, 19);
      await choir.untilRounds(task, 1);
      const parameters = await learned(choir, task);
      // Nobody honest moves a parameter by more than .1; a sum would have moved by the clip norm of 10 over 20 devices.
      for (const value of parameters) expect(Math.abs(value), `label ${label}`).toBeLessThanOrEqual(0.1 + 1e-6);
    }
  });

  it('takes a plain sum’s place: that is moved by one device', async () => {
    const choir = await openChoir({ seed: 'poisoned' });
    const task = await choir.coordinator.tasks.create({ ...median(), merge: { rule: 'sum' } });
    await choir.join(task, { examples: [{ features: Float32Array.of(0, 0), label: 1e9 }] });
    await joinMany(choir, task, 19);
    await choir.untilRounds(task, 1);
    for (const value of await learned(choir, task)) expect(value).toBeGreaterThan(0.25);
  });

  it('gives nothing with a cohort too few: nobody is told otherwise, and nothing is learned', async () => {
    const choir = await openChoir({ seed: 'one of five fails', rounds: { backOffMs: 1e6 } });
    const task = await choir.coordinator.tasks.create(median());
    const onSend = (device: ScriptedDevice, name: string) => name !== 'unmask' || cohortOf(device) !== 4;
    const devices = await joinMany(choir, task, 20, { onSend });
    const after = await choir.untilRounds(task, 1);
    const { round, transcript } = await lastRound(choir, task);
    expect(round).toMatchObject({ state: 'abandoned', reason: 'too-few-shares at unmask' });
    expect(after).toMatchObject({ roundsCommitted: 0, contributions: 0, modelVersions: 0 });
    expect(devices.map(toldOf)).toEqual(Array(20).fill(false));
    await expect(transcript()).rejects.toMatchObject({ code: 'not-found' });
  });

  it('waits for devices for all the cohorts that it needs', async () => {
    const choir = await openChoir({ seed: 'nineteen' });
    const task = await choir.coordinator.tasks.create(median());
    await joinMany(choir, task, 19);
    await choir.clock.advance(600_000);
    expect(await choir.coordinator.rounds.last(task.id)).toBeUndefined();
    await choir.join(task);
    expect(await choir.untilRounds(task, 1)).toMatchObject({ roundsCommitted: 1 });
  });
});

describe('a task is refused', () => {
  const create = async (task: unknown) => (await openChoir()).coordinator.tasks.create(task);

  it.each([
    ['that merges fewer than five cohorts robustly', dividedTask(4, { merge: { rule: 'median' } }), /count: too few/],
    ['that leaves out half of the cohorts', dividedTask(5, { merge: { rule: 'trimmed-mean', trim: 0.5 } }), /trim/],
    [
      'whose rounds have no room on a roll',
      dividedTask(33, { cohort: { ...cohort, size: 512, minSize: 256, count: 33 } }),
      /count: a round has room for 16384/,
    ],
    [
      'that merges sums robustly which are no means',
      dividedTask(5, {
        algorithm: 'moments/1',
        config: { bounds: { lower: [0], upper: [1] } },
        merge: { rule: 'median' },
      }),
      /merge: median is for means/,
    ],
  ])('%s', async (_, task, message) => {
    await expect(create(task)).rejects.toMatchObject({ code: 'invalid-input' });
    await expect(create(task)).rejects.toThrow(message);
  });
});
