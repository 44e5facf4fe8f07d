import { base64url, bytes, type Packet, type Transport } from '@chorale/shared';
import { systemClock } from '@chorale/shared/adapters/node';
import { type SeededRandom, seededRandom } from '@chorale/shared/testing';
import { socketNamespace, socketPath, wireVersion } from '@chorale/shared/wire';
import { io, Manager, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type Task, viewOfTask } from '../tasks/task.ts';
import { type Live, openLive } from '../testing/adapters/live.ts';
import { learningTask, provider } from '../testing/choir.ts';
import { ScriptedDevice, type ScriptedDeviceOptions } from '../testing/scripted-device.ts';

let live: Live;
let task: Task;
let random: SeededRandom;
const sockets: Socket[] = [];

beforeAll(async () => {
  random = seededRandom('sockets');
  live = await openLive({
    limits: { packetsPerMinute: 60, packetBytes: 100_000 },
    rounds: { gatherMs: 0, patienceMs: 0 },
  });
  task = await live.coordinator.tasks.create(learningTask());
});
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.disconnect();
});
afterAll(() => live.close());

function open(auth: Record<string, unknown>): Socket {
  const socket = io(`${live.url}${socketNamespace}`, {
    ...{ path: socketPath, transports: ['websocket'], reconnection: false, forceNew: true, auth },
  });
  sockets.push(socket);
  return socket;
}

const handshakeOf = (of: Task, device: ScriptedDevice, changes: Record<string, unknown> = {}) => ({
  ...{ protocol: wireVersion, clientKey: live.publishableKey, task: of.id, device: device.id },
  ...changes,
});

async function enrolled(of: Task, options: Partial<ScriptedDeviceOptions> = {}): Promise<ScriptedDevice> {
  const own = random.fork(`device ${random.uniform()}`);
  const device = await ScriptedDevice.create({
    ...{ task: viewOfTask(of), clock: systemClock({ isKeepingAlive: false }), crypto: provider, random: own },
    enrolmentKey: live.coordinator.keyring.enrolmentKey.publicKey,
    examples: [{ features: Float32Array.of(0.5, 1), label: 1 }],
    ...options,
  });
  const answer = await live.ask('/api/v1/devices', {
    method: 'POST',
    key: live.publishableKey,
    json: await device.enrolment(),
  });
  device.useCredential((await answer.json()).credential);
  return device;
}

/** The shortest Transport over socket.io. */
function transportOver(auth: Record<string, unknown>): Transport & { readonly closed: Promise<string> } {
  const socket = open(auth);
  let close: (reason: string) => void;
  const closed = new Promise<string>((resolve) => {
    close = resolve;
  });
  socket.on('disconnect', (reason) => close(reason));
  return {
    closed,
    connect: () => new Promise((resolve, reject) => void socket.once('connect', resolve).once('connect_error', reject)),
    send: ({ name, header, body }) => socket.timeout(5000).emitWithAck(name, header, ...(body ? [body] : [])),
    onPacket(listener) {
      socket.onAny((name: string, header: unknown, body?: Uint8Array) =>
        listener({ name, header, ...(body && { body: new Uint8Array(body) }) } as Packet),
      );
      return () => {};
    },
    onClose: () => () => {},
    close: () => void socket.disconnect(),
  };
}

describe('a handshake', () => {
  it.each([
    ['of another version', { protocol: 'chorale/0' }, 'upgrade-required'],
    ['without a version', { protocol: undefined }, 'upgrade-required'],
    ['with an unknown key', { clientKey: `pk_${'A'.repeat(43)}` }, 'unauthorized'],
    ['with a key of no known shape', { clientKey: 'secret' }, 'invalid-input'],
    ['about no task', { task: 'tsk_x' }, 'invalid-input'],
    ['about no device', { device: 7 }, 'invalid-input'],
    ['with something else in it', { cookie: 'x' }, 'invalid-input'],
  ])('%s is refused with a code', async (_, changes, code) => {
    const socket = open(handshakeOf(task, await enrolled(task), changes));
    const error = await new Promise<Error & { data?: { code: string } }>((resolve, reject) => {
      socket.once('connect_error', resolve).once('connect', () => reject(new Error('connected')));
    });
    expect(error.data?.code).toBe(code);
  });

  it('is asked of everybody: there is no other namespace to sit in', async () => {
    const socket = io(live.url, { path: socketPath, transports: ['websocket'], reconnection: false, forceNew: true });
    sockets.push(socket);
    const error = await new Promise<Error & { data?: { code: string } }>((resolve, reject) => {
      socket.once('connect_error', resolve).once('connect', () => reject(new Error('connected')));
    });
    expect(error.data?.code).toBe('not-found');
  });
});

describe('a connection that has not even shaken hands', () => {
  it.each([
    ['in one handshake', ['/devices'], 20_000],
    ['bit by bit', Array.from({ length: 40 }, (_, i) => `/nowhere-${i}`), 500],
  ])('may say little (%s): the rest is not even read', async (_, namespaces, length) => {
    const manager = new Manager(live.url, { path: socketPath, transports: ['websocket'], reconnection: false });
    const closed = new Promise((resolve) => void manager.on('close', resolve));
    let answers = 0;
    for (const namespace of namespaces) {
      const socket = manager.socket(namespace, { auth: { padding: 'x'.repeat(length) } });
      socket.on('connect_error', () => void answers++);
      sockets.push(socket);
    }
    await closed;
    expect(answers).toBeLessThan(namespaces.length);
  });
});

describe('a message', () => {
  const round = '1';
  const body = bytes(8);
  const signature = base64url(bytes(64));

  it.each<readonly [string, readonly unknown[], string]>([
    ['of no known name', ['gossip', {}], 'invalid-input'],
    ['before authentication', ['deal', { round }, body], 'unauthorized'],
    ['that withdraws before authentication', ['withdraw', {}], 'unauthorized'],
    ['without a header', ['check-in'], 'invalid-input'],
    ['with a header of another type', ['check-in', 'hello'], 'invalid-input'],
    ['with a signature that is too short', ['check-in', { signature: 'AAAA' }], 'invalid-input'],
    ['with a signature by nobody', ['check-in', { signature }], 'unauthorized'],
    ['that resumes with a signature by nobody', ['resume', { signature, round }], 'unauthorized'],
    ['with an unknown field', ['check-in', { signature, trust: 'a-private-value' }], 'invalid-input'],
  ])('%s gets a coded acknowledgement', async (_, [name, ...parts], code) => {
    const socket = open(handshakeOf(task, await enrolled(task)));
    const reply = await socket.timeout(5000).emitWithAck(name as string, ...parts);
    expect(reply).toMatchObject({ ok: false, code });
    expect(JSON.stringify(reply)).not.toContain('a-private-value');
  });

  it.each<readonly [string, readonly unknown[], string]>([
    ['without a round', ['deal', {}, body], 'invalid-input'],
    ['without a body', ['deal', { round }], 'invalid-input'],
    ['with a body of text', ['deal', { round }, 'not bytes'], 'invalid-input'],
    ['of a round that is not open', ['deal', { round: '77' }, body], 'round-over'],
    ['of a round beyond u64', ['deal', { round: (2n ** 64n).toString() }, body], 'invalid-input'],
  ])('of a proven device %s gets a coded acknowledgement', async (_, [name, ...parts], code) => {
    const device = await enrolled(task);
    const transport = transportOver(handshakeOf(task, device));
    await device.connect(transport);
    await until(() => device.replies.some(({ to, reply }) => to === 'check-in' && reply.ok));
    const reply = await sockets
      .at(-1)!
      .timeout(5000)
      .emitWithAck(name as string, ...parts);
    expect(reply).toMatchObject({ ok: false, code });
  });

  it('without a wish for an acknowledgement harms nobody', async () => {
    const socket = open(handshakeOf(task, await enrolled(task)));
    socket.emit('check-in', { signature: 'x' });
    socket.emit('deal');
    expect(await socket.timeout(5000).emitWithAck('gossip')).toMatchObject({ ok: false, code: 'invalid-input' });
  });

  it('too many are told to wait', async () => {
    const socket = open(handshakeOf(task, await enrolled(task)));
    const replies = [];
    for (let i = 0; i < 61; i++) replies.push(await socket.timeout(5000).emitWithAck('gossip', {}));
    expect(replies.map(({ code }) => code).slice(-2)).toEqual(['invalid-input', 'rate-limited']);
    expect(replies.at(-1).retryAfterMs).toBeGreaterThan(0);
  });

  it('without a wish for an acknowledgement counts like any other: a flood of them ends the connection', async () => {
    const socket = open(handshakeOf(task, await enrolled(task)));
    const closed = closeOf(socket);
    for (let i = 0; i < 61; i++) socket.emit('gossip', {});
    expect(await closed).toBe('io server disconnect');
  });

  it.each([
    ['in one body', [bytes(70_000)]],
    ['in a header', ['x'.repeat(70_000)]],
    ['bit by bit', [bytes(40_000), bytes(40_000)]],
  ])('of a device that has not proved itself may not be long (%s)', async (_, parts) => {
    const socket = open(handshakeOf(task, await enrolled(task)));
    const closed = closeOf(socket);
    for (const part of parts) socket.emit('deal', { round }, part, () => {});
    expect(await closed).toBe('io server disconnect');
  });

  it('of a proven device may be long', async () => {
    const device = await enrolled(task);
    await device.connect(transportOver(handshakeOf(task, device)));
    await until(() => device.replies.some(({ to, reply }) => to === 'check-in' && reply.ok));
    const reply = await sockets.at(-1)!.timeout(5000).emitWithAck('deal', { round: '77' }, bytes(70_000));
    expect(reply).toMatchObject({ ok: false, code: 'round-over' });
  });
});

const closeOf = (socket: Socket): Promise<string> => new Promise((resolve) => void socket.once('disconnect', resolve));

describe('a device', () => {
  it('that is enrolled for another task is not let in', async () => {
    const other = await live.coordinator.tasks.create(learningTask());
    const device = await enrolled(other);
    await device.connect(transportOver(handshakeOf(task, device)));
    await until(() => device.replies.length > 0);
    expect(device.replies[0]?.reply).toMatchObject({ ok: false, code: 'unauthorized' });
  });

  it('that connects again replaces its first connection, and only by proving itself', async () => {
    const device = await enrolled(task);
    const first = transportOver(handshakeOf(task, device));
    await device.connect(first);
    await until(() => device.replies.length === 1);
    open(handshakeOf(task, device)); // Says to be the device, proves nothing.
    const impostor = open(handshakeOf(task, device));
    expect(await impostor.timeout(5000).emitWithAck('check-in', { signature: base64url(bytes(64)) })).toMatchObject({
      code: 'unauthorized',
    });
    expect(live.coordinator.sessions.isConnected(device.id)).toBe(true);
    expect(await device.checkIn()).toEqual({ ok: true });

    await device.connect(transportOver(handshakeOf(task, device)));
    expect(await first.closed).toBe('io server disconnect');
    await until(() => device.replies.length === 3);
    expect(device.replies.at(-1)?.reply).toEqual({ ok: true });
    expect(live.coordinator.sessions.isConnected(device.id)).toBe(true);
  });

  it('is one of five that train a model over real sockets', async () => {
    const cohort = { ...learningTask().cohort, minSize: 5 };
    const own = await live.coordinator.tasks.create(learningTask({ cohort }));
    const devices = await Promise.all(Array.from({ length: 5 }, () => enrolled(own)));
    await Promise.all(devices.map((device) => device.connect(transportOver(handshakeOf(own, device)))));
    await until(async () => (await live.coordinator.tasks.get(own.id)).roundsCommitted > 0);
    expect((await live.coordinator.models.latest(own.id)).card.privacy.contributors).toBe(5);
    await until(() => devices.every(({ outcomes }) => outcomes.some(({ kind }) => kind === 'completed')));
  });
});

/** Looks again after every turn of the event loop; the test's own time limit ends it. */
async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await new Promise((resolve) => setImmediate(resolve));
}
