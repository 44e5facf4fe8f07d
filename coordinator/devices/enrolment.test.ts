import { base64url, bytes, ChoraleError, deviceIdToBytes, fromBase64url } from '@chorale/shared';
import { MemoryDisk, memoryStore } from '@chorale/shared/adapters/node';
import { signedCredential } from '@chorale/shared/secagg';
import type { NewDevice } from '@chorale/shared/wire';
import { describe, expect, it } from 'vitest';
import { verify } from '../auth/signatures.ts';
import { type Task, viewOfTask } from '../tasks/task.ts';
import { type Choir, learningTask, openChoir, provider } from '../testing/choir.ts';
import { ScriptedDevice } from '../testing/scripted-device.ts';

async function codeOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'none',
    (error: unknown) => (error instanceof ChoraleError ? error.code : `not coded: ${error}`),
  );
}

async function setting(seed: string) {
  const disk = new MemoryDisk();
  const choir = await openChoir({ seed, store: memoryStore({ disk }) });
  const task = await choir.coordinator.tasks.create(learningTask());
  return { disk, choir, task, device: await deviceOf(choir, task, 'one') };
}

function deviceOf({ clock, random, coordinator }: Choir, task: Task, label: string): Promise<ScriptedDevice> {
  return ScriptedDevice.create({
    ...{ task: viewOfTask(task), clock, crypto: provider, random: random.fork(label), examples: [] },
    enrolmentKey: coordinator.keyring.enrolmentKey.publicKey,
  });
}

const stored = (disk: MemoryDisk, kind: string) => disk.range({ from: `${kind}/`, to: `${kind}0` });

describe('enrolment', () => {
  it('answers with a credential that the enrolment key has signed, dated today', async () => {
    const { choir, task, device } = await setting('credential');
    const { credential, day } = await choir.coordinator.devices.enrol(await device.enrolment());
    expect(day).toBe(Math.floor(choir.clock.now() / 86_400_000));
    const subject = { task: task.id, deviceId: deviceIdToBytes(device.id), identityKey: device.identityKey };
    const { publicKey } = choir.coordinator.keyring.enrolmentKey;
    expect(await verify(provider, signedCredential(subject, fromBase64url(credential), publicKey))).toBe(true);
  });

  it('gives one identity key one credential, however often and whenever it asks', async () => {
    const { disk, choir, device } = await setting('idempotent');
    const input = await device.enrolment();
    const together = await Promise.all([1, 2, 3].map(() => choir.coordinator.devices.enrol(input)));
    await choir.clock.advance(3 * 86_400_000);
    const later = await choir.coordinator.devices.enrol(await device.enrolment());
    expect(new Set([...together, later].map(({ credential }) => credential)).size).toBe(1);
    expect(stored(disk, 'device')).toHaveLength(1);
    expect(stored(disk, 'receipt')).toHaveLength(2);
  });

  it('keeps device and receipt together or not at all', async () => {
    const { choir, task, disk } = await setting('together');
    const broken = await openChoir({
      seed: 'broken',
      store: memoryStore({ disk, refuses: (operation) => operation === 'batch' }),
      clock: choir.clock,
    });
    const device = await deviceOf(broken, task, 'two');
    expect(await codeOf(broken.coordinator.devices.enrol(await device.enrolment()))).toBe('store-unavailable');
    expect([...stored(disk, 'device'), ...stored(disk, 'receipt')]).toEqual([]);
    expect(await codeOf(broken.coordinator.devices.get(device.id))).toBe('not-found');
  });

  const refusals: readonly (readonly [
    string,
    (device: ScriptedDevice, other: ScriptedDevice) => Promise<unknown>,
    string,
  ])[] = [
    ['without consent', (device) => device.enrolment('denied'), 'consent-required'],
    ['after a withdrawal', (device) => device.enrolment('withdrawn'), 'consent-required'],
    [
      'with consent to another text',
      (device) => device.enrolment('granted', { sha256: '0'.repeat(64) }),
      'policy-superseded',
    ],
    [
      'with a proof by nobody',
      async (device) => ({ ...(await device.enrolment()), proof: base64url(bytes(64)) }),
      'unauthorized',
    ],
    [
      'with another’s proof',
      async (device, other) => ({ ...(await device.enrolment()), proof: (await other.enrolment()).proof }),
      'unauthorized',
    ],
    [
      'with another’s receipt',
      async (device, other) => ({ ...(await device.enrolment()), receipt: await other.receipt('granted') }),
      'invalid-input',
    ],
    ['with a receipt by nobody', async (device) => unsigned(await device.enrolment()), 'unauthorized'],
    [
      'with a receipt changed after signing',
      async (device) => granted(await device.enrolment('denied')),
      'unauthorized',
    ],
    ['for no task', async (device) => ({ ...(await device.enrolment()), task: `tsk_${'0'.repeat(26)}` }), 'not-found'],
    [
      'with a receipt that is none',
      async (device) => ({ ...(await device.enrolment()), receipt: 'yes' }),
      'invalid-input',
    ],
  ];
  it.each(refusals)('%s is refused and leaves nothing behind', async (name, input, code) => {
    const { choir, disk, task, device } = await setting(name);
    const other = await deviceOf(choir, task, 'other');
    expect(await codeOf(choir.coordinator.devices.enrol(await input(device, other)))).toBe(code);
    expect([...stored(disk, 'device'), ...stored(disk, 'receipt')]).toEqual([]);
  });
});

describe('a receipt of an enrolled device', () => {
  it('counts once, and an old grant said again does not undo a later withdrawal', async () => {
    const { choir, task, device, disk } = await setting('replay');
    const enrolment = await device.enrolment();
    const { coordinator } = choir;
    await coordinator.devices.enrol(enrolment);
    const withdrawal = { device: device.id, task: task.id, receipt: await device.receipt('withdrawn') };
    await coordinator.consents.record(withdrawal);
    await coordinator.consents.record(withdrawal);
    await coordinator.consents.record({ ...withdrawal, receipt: enrolment.receipt });
    expect(await codeOf(coordinator.devices.enrol(enrolment))).toBe('consent-required');
    expect(await codeOf(coordinator.consents.check(task, device.id))).toBe('consent-required');
    expect(stored(disk, 'receipt')).toHaveLength(2);
    await coordinator.consents.record({ ...withdrawal, receipt: await device.receipt('granted') });
    expect(await codeOf(coordinator.consents.check(task, device.id))).toBe('none');
  });

  it('is obeyed also by a check that was reading while it was stored', async () => {
    const disk = new MemoryDisk();
    const inner = memoryStore({ disk });
    const held: (() => void)[] = [];
    let isHolding = false;
    const store = {
      ...inner,
      async range(range: Parameters<typeof inner.range>[0]) {
        const entries = await inner.range(range);
        if (isHolding) await new Promise<void>((release) => held.push(release));
        return entries;
      },
    };
    const { coordinator, ...choir } = await openChoir({ seed: 'slow read', store });
    const task = await coordinator.tasks.create(learningTask());
    const device = await deviceOf({ coordinator, ...choir }, task, 'one');
    await coordinator.devices.enrol(await device.enrolment());
    isHolding = true;
    const check = codeOf(coordinator.consents.check(task, device.id));
    await choir.clock.settle();
    isHolding = false;
    await coordinator.consents.record({ device: device.id, task: task.id, receipt: await device.receipt('withdrawn') });
    coordinator.consents.forget(device.id);
    for (const release of held) release();
    expect(held).toHaveLength(1);
    expect(await check).toBe('consent-required');
    expect(await codeOf(coordinator.consents.check(task, device.id))).toBe('consent-required');
  });

  it('is refused from a device that is not enrolled, or in another’s name', async () => {
    const { choir, task, device } = await setting('strangers');
    const receipt = await device.receipt('withdrawn');
    const about = { device: device.id, task: task.id, receipt };
    expect(await codeOf(choir.coordinator.consents.record(about))).toBe('not-found');
    await choir.coordinator.devices.enrol(await device.enrolment());
    const other = await deviceOf(choir, task, 'other');
    expect(
      await codeOf(choir.coordinator.consents.record({ ...about, receipt: await other.receipt('withdrawn') })),
    ).toBe('invalid-input');
    expect(await codeOf(choir.coordinator.consents.check(task, device.id))).toBe('none');
  });
});

function unsigned(input: NewDevice) {
  return { ...input, receipt: { ...(input.receipt as object), signature: base64url(bytes(64)) } };
}

function granted(input: NewDevice) {
  const signed = input.receipt as { receipt: { decisions: object } };
  return { ...input, receipt: { ...signed, receipt: { ...signed.receipt, decisions: { training: 'granted' } } } };
}
