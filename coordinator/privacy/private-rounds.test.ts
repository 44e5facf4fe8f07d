import { addModulo, fromHex, hex, type RoundId, utf8, wordsToBytes } from '@chorale/shared';
import { MemoryDisk, memoryStore } from '@chorale/shared/adapters/node';
import { receiptHash } from '@chorale/shared/consent';
import { sha256 } from '@chorale/shared/crypto';
import { add, epsilonOf, toNumber, zero } from '@chorale/shared/privacy';
import { chargeIn, decodeHeader, decodePlan, leafHash, rootOfInclusion } from '@chorale/shared/secagg';
import { fieldBytes, type NewTask, survivorsIn } from '@chorale/shared/wire';
import { describe, expect, it } from 'vitest';
import type { Task } from '../tasks/task.ts';
import { type Choir, learningTask, openChoir } from '../testing/choir.ts';
import type { ScriptedDevice, ScriptedDeviceOptions } from '../testing/scripted-device.ts';
import { createAccounts } from './accounts.ts';
import { centralNoise } from './noise.ts';
import { rhoOf } from './spent.ts';

const firstPage = { limit: 100, cursor: undefined };
const promise = { unit: 'device-enrolment', epsilon: 2, delta: 1e-5, participations: 3 } as const;
const distributed: NewTask['privacy'] = { mechanism: 'distributed', ...promise };
const central: NewTask['privacy'] = { mechanism: 'central', ...promise };

function privateTask(privacy: NewTask['privacy'], changes: Partial<NewTask> = {}, inputs = 2): NewTask {
  const { config, ...rest } = learningTask();
  const spec = { family: 'linear', inputs, output: 'sigmoid' };
  return { ...rest, config: { ...(config as object), spec, weighting: 'uniform', rounds: 50 }, privacy, ...changes };
}

async function joinMany(choir: Choir, task: Parameters<Choir['join']>[0], count: number, options = {}) {
  const devices: ScriptedDevice[] = [];
  for (let i = 0; i < count; i++) devices.push(await choir.join(task, options as Partial<ScriptedDeviceOptions>));
  return devices;
}

/** One committed round of five devices: the sum as it was hashed, and the sum without anybody's noise. */
async function oneRound(privacy: NewTask['privacy'], seed: string, inputs = 2) {
  const disk = new MemoryDisk();
  const choir = await openChoir({ seed, store: memoryStore({ disk }) });
  const task = await choir.coordinator.tasks.create(
    privateTask(privacy, { cohort: { ...learningTask().cohort, corrupt: 0.2 } }, inputs),
  );
  const examples = [{ features: new Float32Array(inputs).fill(0.5), label: 1 }];
  const route = choir.coordinator.routes.find(({ path }) => path.includes('broadcasts'))!;
  const fetchBroadcast = async (name: string) => {
    const answer = await route.answer({
      params: { sha256: name },
      query: {},
      body: undefined,
      header: () => undefined,
    });
    return answer.as === 'bytes' ? answer.bytes : Promise.reject(new Error('no bytes'));
  };
  const devices = await joinMany(choir, task, 5, { examples, fetchBroadcast });
  const after = await choir.untilRounds(task, 1);
  const [round] = (await choir.coordinator.rounds.page(task.id, firstPage)).items;
  const transcript = await choir.coordinator.rounds.transcript(round!.id);
  const plan = decodePlan(fieldBytes(transcript.plan));
  const header = decodeHeader(fieldBytes(transcript.cohorts[0]!.header));
  const total = (of: 'given' | 'bare') => {
    const sum = new Uint32Array(plan.dimension);
    for (const device of devices) addModulo(sum, device[of].get(plan.round)!);
    return sum;
  };
  return { choir, disk, task: after, devices, round: round!, transcript, plan, header, total };
}

/** Where Σx²/σ² of so many draws lies but with probability 1.1e-9 (Wilson, Hilferty, 1931; 6.1 standard deviations). */
function plausibleSquares(degrees: number): { least: number; most: number } {
  const bound = (deviations: number) =>
    degrees * (1 - 2 / (9 * degrees) + deviations * Math.sqrt(2 / (9 * degrees))) ** 3;
  return { least: bound(-6.1), most: bound(6.1) };
}

function expectVariance(noise: Int32Array, variance: number, seed: string) {
  const squares = noise.reduce((sum, value) => sum + value * value, 0) / variance;
  const { least, most } = plausibleSquares(noise.length);
  expect(squares, `seed ${seed}`).toBeGreaterThan(least);
  expect(squares, `seed ${seed}`).toBeLessThan(most);
}

const difference = (a: Uint32Array, b: Uint32Array) => new Int32Array(a.map((word, i) => word - b[i]!));

describe('a round with distributed noise', () => {
  const inputs = 4999;

  it('adds n·σ_c² of variance to its sum, with σ_c² for its own cohort’s h', async () => {
    const seed = 'noise of five';
    const { total, header, plan, transcript, task } = await oneRound(distributed, seed, inputs);
    const [znum, zden] = [BigInt(plan.noiseNumerator), BigInt(plan.noiseDenominator)];
    // n = 5, D = 1, A = 1.
    const h = 3n;
    expect(header.minSurvivors).toBe(4);
    expect(h * header.noiseVariance * zden ** 2n).toBeGreaterThanOrEqual(znum ** 2n * plan.sensitivitySquared);
    expect(h * (header.noiseVariance - 1n) * zden ** 2n).toBeLessThan(znum ** 2n * plan.sensitivitySquared);
    expect({ numerator: plan.noiseNumerator, denominator: plan.noiseDenominator }).toEqual(task.noiseMultiplier);
    expect(hex(sha256(wordsToBytes(total('given'))))).toBe(transcript.cohorts[0]!.sumSha256);
    expectVariance(difference(total('given'), total('bare')), 5 * Number(header.noiseVariance), seed);
  });

  it('is counted by the coordinator exactly as its devices charge themselves', async () => {
    const { choir, disk, task, devices, plan, header, round, transcript } = await oneRound(distributed, 'ledgers');
    const charge = chargeIn(plan, header)!;
    const accounts = disk.range({ from: `account/${task.id}/`, to: `account/${task.id}0` });
    expect(accounts).toHaveLength(5);
    for (const { spent } of devices) expect(add(zero, spent.get(plan.round)!)).toEqual(add(zero, charge));
    for (const { value } of accounts) {
      const { participations, rho } = JSON.parse(new TextDecoder().decode(value));
      expect(participations).toBe(1);
      expect(rhoOf({ participations, rho })).toEqual(add(zero, charge));
    }
    const epsilon = epsilonOf(toNumber(charge), promise.delta);
    expect(round.epsilon).toBe(epsilon);
    const claim = { ...promise, mechanism: 'distributed', noiseMultiplier: task.noiseMultiplier, epsilon };
    const contributed = { rounds: 1, contributors: 5, smallestCohort: 5 };
    expect(transcript.privacy).toEqual({ ...claim, ...contributed });
    const { card } = await choir.coordinator.models.latest(task.id);
    expect(card.privacy).toEqual(transcript.privacy);
    expect(card).toMatchObject({
      consentPolicySha256: task.consentPolicy.sha256,
      receiptsRoot: transcript.receiptsRoot,
    });
  });
});

describe('a round with central noise', () => {
  it('adds ⌈z²Δ₂²⌉ of variance to the sum, and neither stores nor hashes the sum without it', async () => {
    const seed = 'central';
    const inputs = 4999;
    const { total, plan, header, transcript, disk, task, choir } = await oneRound(central, seed, inputs);
    const variance = centralNoise(plan);
    const [znum, zden] = [BigInt(plan.noiseNumerator), BigInt(plan.noiseDenominator)];
    expect(variance * zden ** 2n).toBeGreaterThanOrEqual(znum ** 2n * plan.sensitivitySquared);
    expect(header.noiseVariance).toBe(0n);
    expect(total('given')).toEqual(total('bare'));
    expect(transcript.cohorts[0]!.sumSha256).not.toBe(hex(sha256(wordsToBytes(total('bare')))));

    // The server's step is the mean itself, so that the parameters give the sum back.
    const { parametersSha256 } = await choir.coordinator.models.latest(task.id);
    const parameters = new Float32Array((await choir.coordinator.models.parameters(parametersSha256)).slice().buffer);
    const stepsPerUnit = plan.inverseGrid / 10;
    const released = Int32Array.from(parameters, (value) => Math.round(value * 5 * stepsPerUnit));
    expect(hex(sha256(wordsToBytes(new Uint32Array(released))))).toBe(transcript.cohorts[0]!.sumSha256);
    expectVariance(difference(new Uint32Array(released), total('bare')), Number(variance), seed);

    const bare = [hex(wordsToBytes(total('bare'))), hex(sha256(wordsToBytes(total('bare'))))];
    const texts = disk
      .range({ from: '', to: '~' })
      .flatMap(({ value }) => [hex(value), new TextDecoder().decode(value)]);
    for (const secret of bare) expect(texts.filter((text) => text.includes(secret))).toEqual([]);
  });

  it('costs each device 1/(2z²), as the devices charge themselves', async () => {
    const { devices, task, plan } = await oneRound(central, 'central ledger');
    const { numerator, denominator } = task.noiseMultiplier;
    const rho = { numerator: BigInt(denominator) ** 2n, denominator: 2n * BigInt(numerator) ** 2n };
    for (const { spent } of devices) expect(spent.get(plan.round)).toEqual(rho);
    expect(rhoOf(task.mostSpent!)).toEqual(add(zero, rho));
  });
});

describe('a budget', () => {
  it('ends the task as exhausted: no device is in more rounds than the promise counts, and ε stays within it', async () => {
    const choir = await openChoir({ seed: 'exhausted' });
    const task = await choir.coordinator.tasks.create(privateTask(distributed));
    const devices = await joinMany(choir, task, 5);
    await choir.untilRounds(task, 3);
    await choir.clock.advance(60_000);
    const after = await choir.coordinator.tasks.get(task.id);
    expect(after).toMatchObject({ state: 'exhausted', roundsCommitted: 3, roundsAbandoned: 0 });
    for (const { spent, received } of devices) {
      expect(spent.size).toBe(3);
      expect(received.at(-1)).toMatchObject({ name: 'pace', header: { reason: 'task-exhausted' } });
    }
    const { epsilon } = (await choir.coordinator.rounds.last(task.id))!;
    expect(epsilon).toBeLessThanOrEqual(promise.epsilon);
    expect(epsilon).toBeGreaterThan(0.99 * promise.epsilon);
    await expect(choir.coordinator.tasks.resume(task.id)).rejects.toMatchObject({ code: 'budget-exhausted' });
  });

  it('of new devices lets an operator resume the task, and those who have given all stay out', async () => {
    const choir = await openChoir({ seed: 'resumed' });
    const task = await choir.coordinator.tasks.create(privateTask({ ...distributed, participations: 1 }));
    const old = await joinMany(choir, task, 5);
    await choir.untilRounds(task, 1);
    const young = await joinMany(choir, task, 5);
    await choir.coordinator.tasks.resume(task.id);
    for (const device of old)
      expect(await choir.clock.run(device.checkIn())).toMatchObject({ ok: false, code: 'budget-exhausted' });
    for (const device of young) await choir.clock.run(device.checkIn());
    await choir.untilRounds(task, 2);
    await choir.clock.advance(60_000);
    expect([...old, ...young].map(({ spent }) => spent.size)).toEqual(Array(10).fill(1));
    expect(await choir.coordinator.tasks.get(task.id)).toMatchObject({ state: 'exhausted', roundsCommitted: 2 });
  });

  it('is spent by a round that is abandoned after vectors were asked for, and not by one abandoned before', async () => {
    for (const [turn, participations] of [
      ['deal', 0],
      ['certify', 1],
    ] as const) {
      const choir = await openChoir({ seed: `abandoned at ${turn}`, rounds: { backOffMs: 1e6 } });
      const task = await choir.coordinator.tasks.create(privateTask(distributed));
      const devices = await joinMany(choir, task, 5, { onSend: (_: ScriptedDevice, name: string) => name !== turn });
      const after = await choir.untilRounds(task, 1);
      expect(after).toMatchObject({ roundsAbandoned: 1 });
      expect(after.mostSpent?.participations ?? 0, turn).toBe(participations);
      for (const { spent } of devices) expect(spent.size, turn).toBe(participations);
    }
  });

  it('survives a coordinator that is killed as soon as a device may have answered', async () => {
    const disk = new MemoryDisk();
    const counts: [string, number][] = [];
    const count = () =>
      disk.range({ from: 'account/', to: 'account0' }).map(({ value }) => JSON.parse(new TextDecoder().decode(value)));
    const choir = await openChoir({
      seed: 'killed',
      store: memoryStore({ disk }),
      onMoment: ({ at }) => void counts.push([at, count().filter(({ participations }) => participations === 1).length]),
    });
    const task = await choir.coordinator.tasks.create(privateTask(distributed));
    await joinMany(choir, task, 5);
    await choir.untilRounds(task, 1);
    const charged = Object.fromEntries(counts);
    expect(charged['sent shares']).toBe(0);
    expect(charged['sent sharers']).toBe(5);
  });

  it('counts how often a device gave, and also what it really spent', async () => {
    const disk = new MemoryDisk();
    const choir = await openChoir({ seed: 'dear', store: memoryStore({ disk }) });
    const task = await choir.coordinator.tasks.create(privateTask(distributed));
    const [device] = await joinMany(choir, task, 1);
    const accounts = createAccounts(memoryStore({ disk }));
    expect(await accounts.mayGive(task, device!.id)).toBe(true);
    for (const [participations, numerator] of [
      [promise.participations, '0'],
      [1, '1'],
    ]) {
      const account = { participations, rho: { numerator, denominator: '1' } };
      disk.write({ do: 'put', key: `account/${task.id}/${device!.id}`, value: utf8(JSON.stringify(account)) });
      expect(await accounts.mayGive(task, device!.id)).toBe(false);
    }
    await expect(accounts.charge(task, [device!.id], zero)).rejects.toThrow('without budget');
  });
});

describe('an adaptive clip norm', () => {
  const adaptive = (privacy: NewTask['privacy'], clip: object = {}) => {
    const { config, ...rest } = privateTask(privacy);
    return { ...rest, config: { ...(config as object), clipNorm: { initial: 0.001, ...clip } } };
  };
  const clipOf = async (choir: Choir, task: Task) => {
    const { state } = await choir.coordinator.tasks.learning(task);
    return (state as { clip: { norm: number; bitWeight: number } }).clip;
  };

  it('moves from round to round, under the task’s own noise and cohort, and keeps the promise', async () => {
    for (const privacy of [distributed, central]) {
      const choir = await openChoir({ seed: 'adaptive' });
      const task = await choir.coordinator.tasks.create(adaptive(privacy));
      const devices = await joinMany(choir, task, 5);
      const norms = [(await clipOf(choir, task)).norm];
      for (let round = 1; round <= promise.participations; round++)
        norms.push((await clipOf(choir, await choir.untilRounds(task, round))).norm);
      expect(new Set(norms).size).toBe(4);
      // The cohort of five is too small for a twentieth of it: σ_b = 2z.
      expect((await clipOf(choir, task)).bitWeight).toBeCloseTo(1 / Math.sqrt(15), 10);
      await choir.clock.advance(60_000);
      const after = await choir.coordinator.tasks.get(task.id);
      expect(after).toMatchObject({ state: 'exhausted', summary: { clipNorm: norms.at(-1) } });
      for (const { spent } of devices) expect(spent.size).toBe(promise.participations);
      const { epsilon } = (await choir.coordinator.rounds.last(task.id))!;
      expect(epsilon).toBeLessThanOrEqual(promise.epsilon);
      expect(epsilon).toBeGreaterThan(0.99 * promise.epsilon);
    }
  });

  it('has λ from σ_b and z, and is refused where σ_b is not above z/2', async () => {
    const choir = await openChoir({ seed: 'lambda' });
    const create = (bitStd: number) => choir.coordinator.tasks.create(adaptive(distributed, { bitStd }));
    const task = await create(10);
    const { numerator, denominator } = task.noiseMultiplier;
    const z = numerator / denominator;
    expect((await clipOf(choir, task)).bitWeight).toBeCloseTo(1 / Math.sqrt((20 / z) ** 2 - 1), 10);
    await expect(create(z / 2)).rejects.toMatchObject({ code: 'invalid-input' });
  });

  it('costs nothing without noise, and follows the count itself', async () => {
    const choir = await openChoir({ seed: 'bare' });
    const task = await choir.coordinator.tasks.create(adaptive({ mechanism: 'none' }));
    expect(await clipOf(choir, task)).toEqual({ norm: 0.001, bitWeight: 1 });
    await joinMany(choir, task, 5);
    const { norm } = await clipOf(choir, await choir.untilRounds(task, 1));
    const fitting = 0.5 - Math.log(norm / 0.001) / 0.2;
    expect(5 * fitting).toBeCloseTo(Math.round(5 * fitting), 6);
  });
});

describe('a task with a promise', () => {
  const create = async (task: NewTask) => (await openChoir()).coordinator.tasks.create(task);

  it('counts all devices the same', async () => {
    for (const privacy of [distributed, central]) {
      const byRows = {
        ...privateTask(privacy),
        config: { ...(privateTask(privacy).config as object), weighting: 'rows' },
      };
      await expect(create(byRows)).rejects.toThrow(/weighting: .* 'uniform'/);
      await expect(create({ ...byRows, privacy: { mechanism: 'none' } })).resolves.toBeDefined();
    }
  });

  it('says all of it: there is no default for noise', async () => {
    const { epsilon: _, ...vague } = distributed as typeof distributed & { mechanism: 'distributed' };
    await expect(create(privateTask(vague as NewTask['privacy']))).rejects.toMatchObject({ code: 'invalid-input' });
  });

  it('has cohorts in which no device must add more noise than any accepts', async () => {
    const wide = { size: 1024, minSize: 3, count: 1, corrupt: 0, dropout: 0.2, sigma: 40, eta: 20 };
    await expect(create(privateTask(distributed, { cohort: wide }))).rejects.toThrow(/minSize: too few/);
    await expect(create(privateTask(distributed, { cohort: { ...wide, minSize: 64 } }))).resolves.toBeDefined();
    await expect(create(privateTask(central, { cohort: wide }))).resolves.toBeDefined();
  });
});

describe('the receipts behind a round', () => {
  it('are under the root that transcript and card carry, each at its survivor’s place', async () => {
    const { choir, devices, round, transcript } = await oneRound({ mechanism: 'none' }, 'receipts');
    const root = fromHex(transcript.receiptsRoot);
    for (const device of devices) {
      const { index, size, path, receiptSha256 } = await choir.coordinator.rounds.receipt(
        round.id as RoundId,
        device.id,
      );
      expect(survivorsIn(transcript)[index]).toBe(device.id);
      const [own, other] = [device, devices.find(({ id }) => id !== device.id)!].map(({ granted }) =>
        receiptHash(granted!),
      );
      expect(receiptSha256).toBe(hex(own!));
      const inclusion = { index, size, path: path.map(fromHex) };
      expect(rootOfInclusion(leafHash(own!), inclusion)).toEqual(root);
      expect(rootOfInclusion(leafHash(other!), inclusion)).not.toEqual(root);
    }
    await expect(choir.coordinator.rounds.receipt(round.id as RoundId, 'nobody' as never)).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});

describe('consent withdrawn between two turns', () => {
  /** Six devices, of whom one says its word about consent while another keeps everybody waiting with its `turn`. */
  async function roundInWhich(
    seed: string,
    turn: string,
    say: (choir: Choir, person: ScriptedDevice) => Promise<void>,
  ) {
    const choir = await openChoir({ seed });
    const { cohort } = learningTask();
    const task = await choir.coordinator.tasks.create(learningTask({ cohort: { ...cohort, size: 6, minSize: 5 } }));
    // Before the first turn it is the person's own message that waits.
    const isOwn = turn === 'plan';
    let word: Promise<void> | undefined;
    const onSend = (device: ScriptedDevice, name: string) => {
      if (name !== (isOwn ? 'advertise' : turn) || word !== undefined) return true;
      choir.clock.wakeAt(choir.clock.now() + 1000, () => {
        word = say(choir, person).then(() => void device.resendLast());
      });
      return false;
    };
    const person: ScriptedDevice = await choir.join(task, isOwn ? { onSend } : {});
    await choir.join(task, isOwn ? {} : { onSend });
    await joinMany(choir, task, 4);
    await choir.untilRounds(task, 1);
    const [round] = (await choir.coordinator.rounds.page(task.id, firstPage)).items;
    const transcript = await choir.coordinator.rounds.transcript(round!.id);
    return { choir, task, person, round, isIncluded: survivorsIn(transcript).includes(person.id) };
  }

  const sayReceipt =
    (...receipt: Parameters<ScriptedDevice['receipt']>) =>
    async ({ coordinator }: Choir, person: ScriptedDevice) => {
      const [task] = await coordinator.tasks.all();
      await coordinator.consents.record({
        device: person.id,
        task: task!.id,
        receipt: await person.receipt(...receipt),
      });
    };

  it.each([
    ['plan', false],
    ['advertise', false],
    ['deal', false],
    ['acknowledge', false],
    ['masked-input', false],
    ['certify', true],
  ] as const)('after %s leaves the device in the sum: %s', async (turn, isIncluded) => {
    const { person, round, ...seen } = await roundInWhich(`withdraws after ${turn}`, turn, sayReceipt('withdrawn'));
    expect([...person.received.map(({ name }) => name), ...person.sent]).toContain(turn);
    expect(round).toMatchObject({ state: 'committed', contributors: isIncluded ? 6 : 5 });
    expect(seen.isIncluded).toBe(isIncluded);
  });

  it.each([
    'plan',
    'deal',
    'masked-input',
  ])('or given to another text, after %s, takes the device out of the sum', async (turn) => {
    const another = sayReceipt('granted', { sha256: '0'.repeat(64) });
    const { person, round, isIncluded } = await roundInWhich(`other text after ${turn}`, turn, another);
    expect(round).toMatchObject({ state: 'committed', contributors: 5 });
    expect(isIncluded).toBe(false);
    expect(await person.checkIn()).toMatchObject({ ok: false, code: 'policy-superseded' });
  });
});
