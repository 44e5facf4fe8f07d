/** The socket.io shell: the namespace that devices connect to, and nothing else. */

import { type Bytes, ChoraleError, type ErrorCode, type Packet, type Reply } from '@chorale/shared';
import { handshake, parseInput, socketNamespace, socketPath, wireVersion } from '@chorale/shared/wire';
import { type DefaultEventsMap, Server, type Socket } from 'socket.io';
import { findApiKey } from '../auth/api-keys.ts';
import type { LimitConfig } from '../config.ts';
import { limiter } from '../http/gate.ts';
import type { Ports } from '../ports.ts';
import { refusalOf } from './refusals.ts';
import type { Sessions } from './sessions.ts';

type SocketData = { handshake: ReturnType<typeof parseHandshake> };
type DeviceSocket = Socket<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, SocketData>;

type HttpServer = Parameters<Server['attach']>[0];

/** Until its handshake is taken, a connection may say so much: a handshake has a few hundred bytes. */
const handshakeBytes = 4096;

/** Listens on an HTTP server. */
export function createSocketServer(
  http: HttpServer,
  sessions: Sessions,
  limits: LimitConfig,
  { store, events }: Ports,
): Server {
  const server = new Server<DefaultEventsMap, DefaultEventsMap, DefaultEventsMap, SocketData>(http, {
    path: socketPath,
    transports: ['websocket'],
    perMessageDeflate: false,
    maxHttpBufferSize: limits.packetBytes,
    serveClient: false,
  });
  // Without this, anybody could sit in the library's own namespace for ever, unproven and uncounted.
  server.use((_, next) => next(refused({ code: 'not-found', detail: 'there is nothing at this path' })));
  const limit = limiter(limits.connectionsPerMinute);
  const devices = server.of(socketNamespace);
  devices.use(async (socket, next) => {
    try {
      await limit(socket.handshake.address);
      socket.data.handshake = parseHandshake(socket.handshake.auth);
      const key = await findApiKey(store, socket.data.handshake.clientKey);
      if (!key) throw new ChoraleError('unauthorized', 'the client key is not one of this coordinator');
      next();
    } catch (error) {
      const { code, detail, retryAfterMs } = refusalOf(error, 'socket handshake', events);
      next(refused({ code, detail, retryAfterMs }));
    }
  });
  devices.on('connection', (socket) => carry(socket, sessions));
  server.engine.on('connection', boundHandshake);
  return server;
}

type RawConnection = DeviceSocket['conn'];

/** The library would parse whatever comes; a connection that is closed while a packet arrives is not parsed. */
function boundHandshake(connection: RawConnection): void {
  let left = handshakeBytes;
  const count = ({ data }: RawPacket) => {
    left -= lengthOf(data);
    if (left < 0) connection.close(true);
  };
  connection.on('packet', count);
  handshakes.set(connection, () => void connection.off('packet', count));
}

/** By connection: what to call when its handshake was taken, and it is for its session to count. */
const handshakes = new WeakMap<RawConnection, () => void>();

type RawPacket = { readonly data?: string | Uint8Array };
const lengthOf = (data: RawPacket['data']) => data?.length ?? 0;

/** How socket.io carries a code to whoever wanted to connect. */
function refused(data: { code: ErrorCode; detail: string; retryAfterMs?: number | undefined }): Error {
  return Object.assign(new Error(data.detail), { data });
}

function parseHandshake(auth: Record<string, unknown>) {
  // Before anything else: a device of another version cannot be expected to send the other fields as we know them.
  if (auth.protocol !== wireVersion)
    throw new ChoraleError('upgrade-required', `this coordinator speaks ${wireVersion}`);
  return parseInput(handshake, auth, 'handshake');
}

function carry(socket: DeviceSocket, sessions: Sessions): void {
  const { task, device } = socket.data.handshake;
  const session = sessions.connect({
    task,
    device,
    push: ({ name, header, body }) =>
      void (body === undefined ? socket.emit(name, header) : socket.emit(name, header, body)),
    close: () => socket.disconnect(true),
  });
  socket.on('disconnect', (reason) => session.onClose(reason));
  handshakes.get(socket.conn)?.();
  socket.conn.on('packet', ({ data }: RawPacket) => session.onBytes(lengthOf(data)));
  socket.onAny((name: string, ...parts: unknown[]) => {
    const acknowledge = parts.at(-1);
    // Without an acknowledgement asked for, there is nobody to tell what was wrong.
    if (typeof acknowledge !== 'function') return session.onUnasked();
    void session.onPacket(packetOf(name, parts.slice(0, -1))).then((reply: Reply) => acknowledge(reply));
  });
}

function packetOf(name: string, [header, body]: readonly unknown[]): Packet {
  const value = bytesOf(body);
  return value === undefined ? { name, header } : { name, header, body: value };
}

/** A copy of its own memory: ws hands out windows into larger buffers. */
function bytesOf(body: unknown): Bytes | undefined {
  return body instanceof Uint8Array ? new Uint8Array(body) : undefined;
}
