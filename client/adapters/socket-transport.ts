/** A device's socket: socket.io's client behind the `Transport` port. The session, not the library, reconnects. */

import { type Bytes, ChoraleError, type Packet, type Reply, type Transport, type Unsubscribe } from '@chorale/shared';
import { type Handshake, reply, socketNamespace, socketPath } from '@chorale/shared/wire';
import { io, type Socket } from 'socket.io-client';
import * as z from 'zod/mini';

export type SocketTransportOptions = {
  /** Origin of the coordinator. */
  readonly host: string;
  readonly handshake: Handshake;
  /** For the connection and for each acknowledgement. */
  readonly timeoutMs?: number;
};

export function socketTransport({ host, handshake, timeoutMs = 10_000 }: SocketTransportOptions): Transport {
  const packetListeners = new Set<(packet: Packet) => void>();
  const closeListeners = new Set<(reason: string) => void>();
  const socket = io(new URL(socketNamespace, host).href, {
    path: socketPath,
    transports: ['websocket'],
    auth: handshake,
    autoConnect: false,
    reconnection: false,
    forceNew: true,
    timeout: timeoutMs,
  });
  socket.onAny((name: string, header: unknown, body?: unknown) => {
    for (const listener of packetListeners) listener(packetOf(name, header, body));
  });
  socket.on('disconnect', (reason) => {
    for (const listener of closeListeners) listener(reason);
  });
  return {
    connect: () => connect(socket, timeoutMs),
    send: (packet) => send(socket, packet, timeoutMs),
    onPacket: (listener) => subscribe(packetListeners, listener),
    onClose: (listener) => subscribe(closeListeners, listener),
    close: () => void socket.disconnect(),
  };
}

function connect(socket: Socket, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      socket.off('connect', onConnect);
      socket.off('connect_error', onError);
      clearTimeout(timer);
      if (error === undefined) return resolve();
      socket.disconnect();
      reject(refusalOf(error));
    };
    const onConnect = () => settle();
    const onError = (error: Error) => settle(error);
    // The library bounds only the opening of the websocket, not the answer of the namespace.
    const timer = setTimeout(() => settle(new Error('no answer in time')), 2 * timeoutMs);
    socket.on('connect', onConnect);
    socket.on('connect_error', onError);
    socket.connect();
  });
}

const refusal = z.object({ data: z.looseObject({}) });

/** A coordinator that refuses a handshake says why in the error's `data`. */
function refusalOf(error: Error): ChoraleError {
  const parsed = z.safeParse(refusal, error);
  const said = parsed.success
    ? z.safeParse(reply, { ok: false, detail: error.message, ...parsed.data.data })
    : undefined;
  if (said?.success && !said.data.ok) {
    const { code, detail, retryAfterMs } = said.data;
    return new ChoraleError(code, detail, { cause: error, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });
  }
  return new ChoraleError('store-unavailable', 'the coordinator cannot be reached; try again later', { cause: error });
}

async function send(socket: Socket, packet: Packet, timeoutMs: number): Promise<Reply> {
  // The library would keep it for a connection to come, and the session sends it again by itself.
  if (!socket.connected) throw new Error('not connected');
  // A copy: the library writes later than it is asked to, and the caller may have wiped or used its buffer by then.
  const body = packet.body === undefined ? [] : [packet.body.slice()];
  const answer: unknown = await socket.timeout(timeoutMs).emitWithAck(packet.name, packet.header, ...body);
  const parsed = z.safeParse(reply, answer);
  if (!parsed.success) return { ok: false, code: 'internal', detail: 'an acknowledgement of unknown shape' };
  const { data } = parsed;
  if (data.ok) return data;
  const { code, detail, retryAfterMs } = data;
  return { ok: false, code, detail, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) };
}

function packetOf(name: string, header: unknown, body: unknown): Packet {
  const value = bytesOf(body);
  return value === undefined ? { name, header } : { name, header, body: value };
}

/** Browsers deliver an ArrayBuffer, Node a Buffer that may be a window on a shared pool. */
function bytesOf(body: unknown): Bytes | undefined {
  if (body instanceof ArrayBuffer) return new Uint8Array(body);
  return body instanceof Uint8Array ? new Uint8Array(body) : undefined;
}

function subscribe<Listener>(listeners: Set<Listener>, listener: Listener): Unsubscribe {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
