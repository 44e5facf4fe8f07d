import { addModulo, bytesToFloats, type DeviceId, fromBase64url, hex, wordsToBytes } from '@chorale/shared';
import { MemoryDisk, memoryStore } from '@chorale/shared/adapters/node';
import { sha256 } from '@chorale/shared/crypto';
import { modelText, survivorsIn } from '@chorale/shared/wire';
import { describe, expect, it } from 'vitest';
import { verify } from '../auth/signatures.ts';
import { capturingLog } from '../testing/capturing-log.ts';
import { type Choir, failingStore, learningTask, openChoir, provider } from '../testing/choir.ts';
import type { ScriptedDevice, ScriptedDeviceOptions } from '../testing/scripted-device.ts';
import type { Moment } from './open-round.ts';

const firstPage = { limit: 100, cursor: undefined };

async function joinMany(
  choir: Choir,
  task: Parameters<Choir['join']>[0],
  count: number,
  options?: Partial<ScriptedDeviceOptions>,
) {
  return Promise.all(Array.from({ length: count }, () => choir.join(task, options)));
}

async function roundsOf({ coordinator }: Choir, task: { readonly id: Parameters<Choir['join']>[0]['id'] }) {
  return (await coordinator.rounds.page(task.id, firstPage)).items;
}

describe('a task with enough devices', () => {
  it('runs its rounds, publishes a signed model for each, and is done', async () => {
    const choir = await openChoir();
    const task = await choir.coordinator.tasks.create(learningTask());
    const devices = await joinMany(choir, task, 7);
    const done = await choir.untilRounds(task, 3);
    expect(done).toMatchObject({ state: 'done', roundsCommitted: 3, roundsAbandoned: 0, modelVersions: 3 });
    const numbers = (await roundsOf(choir, task)).map(({ number, state }) => `${number} ${state}`);
    expect(numbers).toEqual(['1 committed', '2 committed', '3 committed']);

    const manifest = await choir.coordinator.models.latest(task.id);
    const parameters = await choir.coordinator.models.parameters(manifest.parametersSha256);
    expect(hex(sha256(parameters))).toBe(manifest.parametersSha256);
    expect(bytesToFloats(parameters).some((value) => value !== 0)).toBe(true);
    const signed = { message: modelText(manifest), signature: fromBase64url(manifest.signature) };
    const { publicKey } = choir.coordinator.keyring.planKey;
    expect(await verify(provider, { publicKey, ...signed })).toBe(true);
    expect(await verify(provider, { publicKey, ...signed, message: modelText({ ...manifest, version: 9 }) })).toBe(
      false,
    );

    await choir.clock.advance(1000);
    for (const { received } of devices)
      expect(received.filter(({ name }) => name === 'pace').at(-1)?.header).toMatchObject({ reason: 'task-done' });
  });

  it('records the hash of exactly the survivors’ sum', async () => {
    const choir = await openChoir({ seed: 'sums' });
    const task = await choir.coordinator.tasks.create(learningTask());
    const devices = await joinMany(choir, task, 7);
    await choir.untilRounds(task, 2);
    for (const { id, number, contributors } of await roundsOf(choir, task)) {
      const { cohorts } = await choir.coordinator.rounds.transcript(id);
      const { survivors, sumSha256 } = cohorts[0]!;
      const sum = new Uint32Array(4);
      for (const device of devices)
        if (survivors.includes(device.id)) addModulo(sum, device.given.get(BigInt(number))!);
      expect(survivors).toHaveLength(contributors!);
      expect(hex(sha256(wordsToBytes(sum)))).toBe(sumSha256);
    }
  });

  it.each([
    'advertise',
    'deal',
    'acknowledge',
    'masked-input',
    'certify',
    'unmask',
  ])('commits without the device that leaves instead of sending %s', async (turn) => {
    const choir = await openChoir({ seed: `leaves at ${turn}` });
    const task = await choir.coordinator.tasks.create(learningTask({ cohort: { ...cohort, size: 6, minSize: 5 } }));
    const leaver = await choir.join(task, {
      onSend: (device, name) => {
        if (name === turn) device.close();
        return name !== turn;
      },
    });
    await joinMany(choir, task, 6);
    const after = await choir.untilRounds(task, 1);
    const [round] = await roundsOf(choir, task);
    expect(after).toMatchObject({ roundsCommitted: 1, roundsAbandoned: 0 });
    expect(round!.droppedByTurn[turn as 'deal']).toBe(1);
    const survivors = survivorsIn(await choir.coordinator.rounds.transcript(round!.id));
    expect(survivors.includes(leaver.id)).toBe(['certify', 'unmask'].includes(turn));
  });

  it('waits for a silent device only until its turn’s deadline', async () => {
    const choir = await openChoir({ seed: 'silent' });
    const task = await choir.coordinator.tasks.create(learningTask());
    await choir.join(task, { onSend: (_, name) => name !== 'deal' });
    await joinMany(choir, task, 4);
    await choir.untilRounds(task, 1);
    const [round] = await roundsOf(choir, task);
    expect(round).toMatchObject({ state: 'committed', contributors: 4, droppedByTurn: { deal: 1 } });
    expect(round!.durationMs).toBeGreaterThanOrEqual(10_000);
  });

  it('lets a device come back within a turn after its connection was lost', async () => {
    const choir = await openChoir({ seed: 'comes back' });
    const task = await choir.coordinator.tasks.create(learningTask({ cohort: { ...cohort, minSize: 5 } }));
    let hasBroken = false;
    const onSend = (device: ScriptedDevice, name: string) => {
      if (name !== 'masked-input' || hasBroken) return true;
      hasBroken = true;
      choir.breakLink(device);
      void choir.clock.wakeAt(choir.clock.now() + 500, () => void device.connect(choir.transportOf(task, device)));
      return false;
    };
    await choir.join(task, { onSend });
    await joinMany(choir, task, 4);
    const after = await choir.untilRounds(task, 1);
    expect(hasBroken).toBe(true);
    expect(after).toMatchObject({ roundsCommitted: 1, smallestCohort: 5 });
  });

  it('serves a broadcast that is too large for the socket under its hash', async () => {
    const choir = await openChoir({ seed: 'large' });
    const inputs = 5000;
    const config = {
      ...(learningTask().config as object),
      rounds: 1,
      spec: { family: 'linear', inputs, output: 'sigmoid' },
    };
    const task = await choir.coordinator.tasks.create(learningTask({ config }));
    const route = choir.coordinator.routes.find(({ path }) => path.includes('broadcasts'))!;
    const fetchBroadcast = async (sha256: string) => {
      const answer = await route.answer({ params: { sha256 }, query: {}, body: undefined, header: () => undefined });
      return answer.as === 'bytes' ? answer.bytes : Promise.reject(new Error('no bytes'));
    };
    await joinMany(choir, task, 5, { fetchBroadcast, examples: [{ features: new Float32Array(inputs), label: 1 }] });
    expect(await choir.untilRounds(task, 1)).toMatchObject({ state: 'done', roundsCommitted: 1 });
  });
});

const { cohort } = learningTask();

describe('consent', () => {
  it.each([
    'by itself',
    'with an enrolment that is refused for it',
  ])('withdrawn %s after the masked input went up, keeps the device out of the sum', async (way) => {
    const choir = await openChoir({ seed: 'withdraws' });
    const task = await choir.coordinator.tasks.create(learningTask({ cohort: { ...cohort, size: 6, minSize: 5 } }));
    let withdrawal: Promise<void> | undefined;
    const person = await choir.join(task);
    const withdraw = async () => {
      const { consents, devices } = choir.coordinator;
      if (way === 'by itself')
        await consents.record({ device: person.id, task: task.id, receipt: await person.receipt('withdrawn') });
      else await expect(devices.enrol(await person.enrolment('withdrawn'))).rejects.toThrow();
    };
    // The others answer only after the withdrawal is durable.
    const onSend = (device: ScriptedDevice, name: string) => {
      if (name !== 'masked-input' || withdrawal !== undefined) return true;
      choir.clock.wakeAt(choir.clock.now() + 1000, () => {
        withdrawal = withdraw().then(() => void device.resendLast());
      });
      return false;
    };
    await choir.join(task, { onSend });
    await joinMany(choir, task, 4);
    await choir.untilRounds(task, 1);
    const [round] = await roundsOf(choir, task);
    expect(person.sent).toContain('masked-input');
    expect(round).toMatchObject({ state: 'committed', contributors: 5 });
    expect(survivorsIn(await choir.coordinator.rounds.transcript(round!.id))).not.toContain(person.id);
    expect(await person.checkIn()).toMatchObject({ ok: false, code: 'consent-required' });
  });

  it.each([
    ['before it is known who has sent, keeps the device out of the sum', 13_000, 5],
    ['only when the round is over, does not', 3_600_000, 6],
  ])('that expires after the masked input went up, %s', async (_, expiresAfterMs, contributors) => {
    const choir = await openChoir({ seed: 'expires within' });
    const task = await choir.coordinator.tasks.create(learningTask({ cohort: { ...cohort, size: 6, minSize: 5 } }));
    const person = await choir.join(task, { expiresAfterMs });
    let sentAt = Number.POSITIVE_INFINITY;
    // Somebody answers only after the consent has ended.
    const onSend = (device: ScriptedDevice, name: string) => {
      if (name !== 'masked-input' || Number.isFinite(sentAt)) return true;
      sentAt = choir.clock.now();
      choir.clock.wakeAt(sentAt + 5000, () => void device.resendLast());
      return false;
    };
    await choir.join(task, { onSend });
    await joinMany(choir, task, 4);
    await choir.untilRounds(task, 1);
    const [round] = await roundsOf(choir, task);
    expect(person.replies).toContainEqual({ to: 'masked-input', reply: { ok: true } });
    expect(round).toMatchObject({ state: 'committed', contributors });
    const survivors = survivorsIn(await choir.coordinator.rounds.transcript(round!.id));
    expect(survivors.includes(person.id)).toBe(contributors === 6);
  });

  it('expires without anybody doing anything', async () => {
    const choir = await openChoir({ seed: 'expires' });
    const task = await choir.coordinator.tasks.create(learningTask());
    const device = await choir.join(task, { expiresAfterMs: 60_000 });
    expect(device.replies.at(-1)?.reply).toEqual({ ok: true });
    await choir.clock.advance(60_000);
    expect(await device.checkIn()).toMatchObject({ ok: false, code: 'consent-required' });
  });
});

describe('a turn', () => {
  it('is closed to a device whose consent ended during the round', async () => {
    const choir = await openChoir({ seed: 'ends within' });
    const task = await choir.coordinator.tasks.create(
      learningTask({ cohort: { ...cohort, size: 6, minSize: 6, dropout: 0.34 } }),
    );
    const person = await choir.join(task, { expiresAfterMs: 15_000 });
    // Somebody silent keeps everybody waiting until the consent has ended.
    await choir.join(task, { onSend: (_, name) => name !== 'deal' });
    await joinMany(choir, task, 4);
    await choir.untilRounds(task, 1);
    const [round] = await roundsOf(choir, task);
    expect(person.replies).toContainEqual({
      to: 'acknowledge',
      reply: expect.objectContaining({ ok: false, code: 'consent-required' }),
    });
    expect(round).toMatchObject({ state: 'committed', contributors: 4 });
    expect(survivorsIn(await choir.coordinator.rounds.transcript(round!.id))).not.toContain(person.id);
  });
});

describe('a coordinator that stops while a round is being opened', () => {
  it('does not run that round', async () => {
    let stop: Promise<void> | undefined;
    const inner = memoryStore();
    const choir: Choir = await openChoir({
      seed: 'stops early',
      store: {
        ...inner,
        async batch(writes) {
          if (writes.some(({ key }) => key.startsWith('round-id/'))) stop = choir.coordinator.stop();
          await inner.batch(writes);
        },
      },
    });
    const task = await choir.coordinator.tasks.create(learningTask());
    await joinMany(choir, task, 5);
    await choir.clock.runUntil(() => stop !== undefined);
    await choir.clock.run(stop!, { limitMs: 1000 });
    expect(await roundsOf(choir, task)).toMatchObject([{ state: 'abandoned' }]);
  });
});

describe('a task that is paused', () => {
  it('sends its devices away, and goes on when it is resumed and they come back', async () => {
    const choir = await openChoir({ seed: 'pauses' });
    const task = await choir.coordinator.tasks.create(learningTask());
    const devices = await joinMany(choir, task, 3);
    await choir.coordinator.tasks.pause(task.id);
    await choir.clock.advance(0);
    for (const { received } of devices)
      expect(received.at(-1)).toMatchObject({ name: 'pace', header: { reason: 'task-paused' } });
    const late = await choir.join(task);
    await choir.clock.advance(60_000);
    expect(late.received.at(-1)).toMatchObject({ name: 'pace', header: { reason: 'task-paused' } });
    expect(await roundsOf(choir, task)).toEqual([]);
    await choir.coordinator.tasks.resume(task.id);
    await Promise.all([...devices, late, await choir.join(task)].map((device) => choir.clock.run(device.checkIn())));
    expect(await choir.untilRounds(task, 1)).toMatchObject({ roundsCommitted: 1 });
  });
});

describe('a commit', () => {
  it('that the disk refuses leaves nothing behind but an abandoned round, and the next one commits', async () => {
    const disk = new MemoryDisk();
    const store = failingStore(memoryStore({ disk }));
    const choir = await openChoir({ seed: 'disk', store });
    const task = await choir.coordinator.tasks.create(learningTask());
    const stateBefore = disk.get(`task/${task.id}/state`);
    let refusals = 0;
    store.failWhen((keys) => keys.some((key) => key.endsWith('/state')) && refusals++ === 0);
    await joinMany(choir, task, 6);
    const abandoned = await choir.untilRounds(task, 1);
    expect(abandoned).toMatchObject({ roundsCommitted: 0, roundsAbandoned: 1, modelVersions: 0 });
    expect(disk.get(`task/${task.id}/state`)).toEqual(stateBefore);
    for (const prefix of ['model', 'parameters', 'transcript'])
      expect(disk.range({ from: `${prefix}/`, to: `${prefix}0` })).toEqual([]);
    expect((await roundsOf(choir, task))[0]).toMatchObject({ state: 'abandoned', reason: 'the commit failed' });
    expect(await choir.untilRounds(task, 2)).toMatchObject({ roundsCommitted: 1, modelVersions: 1 });
  });

  it('tells devices that the round committed only once that is durable', async () => {
    const disk = new MemoryDisk();
    const store = failingStore(memoryStore({ disk }));
    const choir = await openChoir({ seed: 'farewell', store });
    const task = await choir.coordinator.tasks.create(learningTask());
    store.failWhen((keys) => keys.some((key) => key.startsWith('transcript/')));
    const devices = await joinMany(choir, task, 5);
    await choir.untilRounds(task, 1);
    await choir.clock.advance(10);
    for (const { outcomes } of devices) expect(outcomes.filter(({ kind }) => kind === 'completed')).toEqual([]);
  });
});

describe('a coordinator that is killed', () => {
  it('at any moment of a round loses no task, device, receipt or committed model, and its next round commits', async () => {
    const disk = new MemoryDisk();
    const deaths: { readonly moment: Moment; readonly disk: MemoryDisk }[] = [];
    const choir = await openChoir({
      seed: 'killed',
      store: memoryStore({ disk }),
      onMoment: (moment) => void (moment.round === 2n && deaths.push({ moment, disk: copyOf(disk) })),
    });
    const task = await choir.coordinator.tasks.create(learningTask());
    const devices = await joinMany(choir, task, 5);
    await choir.untilRounds(task, 2);
    const moments = [
      'reserved',
      'sent plan',
      'sent roster',
      'sent shares',
      'sent sharers',
      'sent survivors',
      'sent certificate',
      'committing',
      'committed',
    ];
    expect(deaths.map(({ moment }) => moment.at)).toEqual(moments);

    for (const { moment, disk } of deaths) {
      const committed = moment.at === 'committed' ? 2 : 1;
      const again = await openChoir({ seed: `after ${moment.at}`, store: memoryStore({ disk }), clock: choir.clock });
      const { coordinator } = again;
      expect(await coordinator.tasks.get(task.id), moment.at).toMatchObject({
        roundsCommitted: committed,
        modelVersions: committed,
        roundsAbandoned: 2 - committed,
      });
      expect((await coordinator.models.latest(task.id)).version).toBe(committed);
      expect((await roundsOf(again, task))[1]).toMatchObject(
        moment.at === 'committed' ? { state: 'committed' } : { state: 'abandoned', reason: 'coordinator restarted' },
      );
      for (const { id } of devices) {
        expect((await coordinator.devices.get(id)).device).toBe(id);
        await coordinator.consents.check(await coordinator.tasks.get(task.id), id);
      }
      await joinMany(again, task, 5);
      await again.untilRounds(task, 3);
      expect((await roundsOf(again, task)).at(-1)).toMatchObject({ number: '3', state: 'committed' });
      await coordinator.stop();
    }
  });

  it('or stopped records its open round and writes nothing afterwards', async () => {
    const disk = new MemoryDisk();
    let stop: Promise<void> | undefined;
    const choir = await openChoir({
      seed: 'stopped',
      store: memoryStore({ disk }),
      onMoment: ({ at }) => {
        if (at === 'sent sharers') stop = choir.coordinator.stop();
      },
    });
    const task = await choir.coordinator.tasks.create(learningTask());
    await joinMany(choir, task, 5);
    await choir.clock.runUntil(() => stop !== undefined);
    await choir.clock.run(stop!);
    expect((await roundsOf(choir, task))[0]).toMatchObject({
      state: 'abandoned',
      reason: expect.stringContaining('stopped'),
    });
    const before = disk.range({ from: '', to: '~' });
    await choir.clock.advance(600_000);
    expect(disk.range({ from: '', to: '~' })).toEqual(before);
  });
});

describe('rounds that are abandoned', () => {
  it('come slower each time, and no more than a day allows', async () => {
    const choir = await openChoir({ seed: 'capped', rounds: { abandonedPerDay: 3, backOffMs: 1000 } });
    const task = await choir.coordinator.tasks.create(learningTask());
    await joinMany(choir, task, 5, { onSend: (_, name) => name !== 'deal' });
    await choir.untilRounds(task, 3);
    const rounds = await roundsOf(choir, task);
    const pauses = rounds.slice(1).map(({ openedAt }, i) => Date.parse(openedAt) - Date.parse(rounds[i]!.closedAt!));
    expect(pauses[0]).toBeGreaterThanOrEqual(1000);
    expect(pauses[1]).toBeGreaterThanOrEqual(2000);
    await choir.clock.advance(3_600_000);
    expect(await roundsOf(choir, task)).toHaveLength(3);
    await choir.clock.advance(24 * 3_600_000);
    expect((await roundsOf(choir, task)).length).toBeGreaterThan(3);
  });
});

describe('a device that its own signatures convict', () => {
  it('is barred: the cohort that it spoiled is its last, and the next one commits', async () => {
    const log = capturingLog();
    const choir = await openChoir({ seed: 'barred', log });
    const task = await choir.coordinator.tasks.create(learningTask());
    const crypto = { ...provider, perform: dealingOtherSecrets };
    const liar = await choir.join(task, { crypto });
    const others = await joinMany(choir, task, 4);
    await choir.untilRounds(task, 1);
    expect((await roundsOf(choir, task))[0]).toMatchObject({ state: 'abandoned', reason: 'bad-dealer at unmask' });
    expect(log.lines.filter((line) => line.includes('broke the protocol'))).toHaveLength(1);
    const late = await choir.join(task);
    await choir.untilRounds(task, 2);
    const [, next] = await roundsOf(choir, task);
    expect(next).toMatchObject({ state: 'committed', contributors: 5 });
    const survivors = survivorsIn(await choir.coordinator.rounds.transcript(next!.id));
    expect([...survivors].sort()).toEqual([...others, late].map(({ id }) => id).sort());
    expect(liar.replies.at(-1)).toMatchObject({ to: 'check-in', reply: { ok: false, code: 'forbidden' } });
    await expect(liar.enrolment().then((asked) => choir.coordinator.devices.enrol(asked))).rejects.toThrow('barred');
  });
});

/** Shares of secrets that are not the ones it advertised: each opens, and together they prove the lie. */
const dealingOtherSecrets: typeof provider.perform = (job) =>
  provider.perform(job.do === 'split' ? { ...job, secrets: job.secrets.map((secret) => sha256(secret)) } : job);

describe('what is logged', () => {
  it('names no device in full and holds no key, secret, receipt or number of a model', async () => {
    const log = capturingLog();
    const choir = await openChoir({ seed: 'log', log });
    const task = await choir.coordinator.tasks.create(learningTask());
    const devices = await joinMany(choir, task, 6);
    await choir.untilRounds(task, 3);
    const manifest = await choir.coordinator.models.latest(task.id);
    const parameters = bytesToFloats(await choir.coordinator.models.parameters(manifest.parametersSha256));
    const forbidden = [
      ...devices.flatMap(({ id }) => [id as DeviceId as string]),
      ...devices.map(({ credential }) => credential),
      choir.coordinator.keyring.adminKey!,
      ...Array.from(parameters, String),
    ];
    const text = log.lines.join('\n');
    expect(text).toContain('round committed');
    expect(text).toContain(devices[0]!.id.slice(0, 6));
    expect(forbidden.filter((secret) => text.includes(secret))).toEqual([]);
  });
});

function copyOf(disk: MemoryDisk): MemoryDisk {
  const copy = new MemoryDisk();
  for (const { key, value } of disk.range({ from: '', to: '~' })) copy.write({ do: 'put', key, value });
  return copy;
}
