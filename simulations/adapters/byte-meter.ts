/** Counts what really crosses this thread's client sockets: websockets and HTTP alike, headers and framing included. */

import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

export type ByteCount = { readonly up: number; readonly down: number };

/** @returns a function that tells the bytes so far, of every socket opened after this call */
export function meterBytes(): () => ByteCount {
  const open = new Set<Socket>();
  let ended: ByteCount = { up: 0, down: 0 };
  subscribe('net.client.socket', (message) => {
    const { socket } = message as { socket: Socket };
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      ended = plus(ended, socket);
    });
  });
  return () => [...open].reduce(plus, ended);
}

function plus(sum: ByteCount, socket: Socket): ByteCount {
  return { up: sum.up + socket.bytesWritten, down: sum.down + socket.bytesRead };
}
