import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Bytes, type DeviceId, deviceIdFromBytes, newId, type Packet, type Reply } from '@chorale/shared';
import { seededRandom } from '@chorale/shared/testing';
import { type TransportLab, transportContract } from '@chorale/shared/testing/contracts';
import { type Handshake, socketNamespace, socketPath, wireVersion } from '@chorale/shared/wire';
import { Server, type Socket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { socketTransport } from './socket-transport.ts';

const random = seededRandom('socket transport');
const handshake: Handshake = {
  protocol: wireVersion,
  clientKey: `pk_${'a'.repeat(22)}`,
  task: newId('task', 0, random),
  device: deviceIdFromBytes(random.bytes(16)) as DeviceId,
};

type Lab = TransportLab & { readonly auths: readonly unknown[]; refuseWith(data: unknown): void };

/** The transport before a scripted socket.io server, both real, on a port of their own. */
async function lab(timeoutMs = 2000): Promise<Lab> {
  const http = createServer();
  const io = new Server(http, { path: socketPath, transports: ['websocket'], maxHttpBufferSize: 1 << 24 });
  const received: Packet[] = [];
  const closed: string[] = [];
  const auths: unknown[] = [];
  let answer: (packet: Packet) => Reply | Promise<Reply> = () => ({ ok: true });
  let refusal: unknown;
  let connected: Socket | undefined;
  const devices = io.of(socketNamespace);
  devices.use((socket, next) => {
    auths.push(socket.handshake.auth);
    next(refusal === undefined ? undefined : Object.assign(new Error('refused'), { data: refusal }));
  });
  devices.on('connection', (socket) => {
    connected = socket;
    socket.on('disconnect', (reason) => void closed.push(reason));
    socket.onAny(async (name: string, header: unknown, ...rest: readonly unknown[]) => {
      const body = rest.length > 1 ? new Uint8Array(rest[0] as Buffer) : undefined;
      const packet: Packet = body === undefined ? { name, header } : { name, header, body };
      received.push(packet);
      (rest.at(-1) as (reply: Reply) => void)(await answer(packet));
    });
  });
  const listen = (port: number) => new Promise<void>((resolve) => void http.listen(port, '127.0.0.1', resolve));
  await listen(0);
  const { port } = http.address() as AddressInfo;
  const transport = socketTransport({ host: `http://127.0.0.1:${port}`, handshake, timeoutMs });
  const withBody = (body: Bytes | undefined) => (body === undefined ? [] : [body]);
  return {
    ...{ transport, auths },
    server: {
      ...{ received, closed },
      answerWith: (next) => {
        answer = next;
      },
      push: ({ name, header, body }) => void connected!.emit(name, header, ...withBody(body)),
      drop: () => void connected!.disconnect(true),
    },
    async setReachable(isReachable) {
      if (isReachable) return listen(port);
      http.closeAllConnections();
      await new Promise<void>((resolve) => void http.close(() => resolve()));
    },
    close: async () => void (await io.close()),
    refuseWith: (data) => {
      refusal = data;
    },
  };
}

transportContract('socket.io’s client', lab);

describe('a handshake', () => {
  it('says who comes, and a refusal of it says why', async () => {
    const { transport, auths, refuseWith, close } = await lab();
    refuseWith({ code: 'rate-limited', detail: 'later', retryAfterMs: 5000 });
    await expect(transport.connect()).rejects.toMatchObject({
      code: 'rate-limited',
      message: expect.stringContaining('later'),
      retryAfterMs: 5000,
    });
    expect(auths).toEqual([handshake]);
    refuseWith(undefined);
    await transport.connect();
    transport.close();
    await close();
  });

  it('refused in an unknown way is a coordinator that cannot be reached', async () => {
    const { transport, refuseWith, close } = await lab();
    refuseWith({ code: 'because' });
    await expect(transport.connect()).rejects.toMatchObject({ code: 'store-unavailable' });
    await close();
  });
});

describe('a packet', () => {
  it('that is not answered in time is given up', async () => {
    const { transport, server, close } = await lab(50);
    server.answerWith(() => new Promise(() => {}));
    await transport.connect();
    await expect(transport.send({ name: 'deal', header: {} })).rejects.toBeInstanceOf(Error);
    transport.close();
    await close();
  });

  it('whose answer is none gets a coded refusal', async () => {
    const { transport, server, close } = await lab();
    server.answerWith(() => 'yes' as never);
    await transport.connect();
    expect(await transport.send({ name: 'deal', header: {} })).toMatchObject({ ok: false, code: 'internal' });
    transport.close();
    await close();
  });
});
