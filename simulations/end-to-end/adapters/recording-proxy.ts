/** A wire-tap: stands before a coordinator and keeps every byte that goes by, in both directions. */

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** What one connection carried. */
export type Recording = { readonly up: Uint8Array; readonly down: Uint8Array };

export interface RecordingProxy {
  /** Where to go instead of the coordinator. */
  readonly url: string;
  recordings(): readonly Recording[];
  close(): Promise<void>;
}

export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const { hostname, port } = new URL(target);
  const lines: { readonly up: Buffer[]; readonly down: Buffer[] }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    const line = { up: [], down: [] };
    lines.push(line);
    carry(near, far, line.up);
    carry(far, near, line.down);
    for (const socket of [near, far]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    recordings: () => lines.map(({ up, down }) => ({ up: Buffer.concat(up), down: Buffer.concat(down) })),
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function carry(from: Socket, to: Socket, kept: Buffer[]): void {
  from.setNoDelay(true);
  from.on('data', (chunk) => void kept.push(chunk));
  from.on('error', () => to.destroy());
  from.on('close', () => to.destroy());
  from.pipe(to);
}
