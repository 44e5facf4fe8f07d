import type { Packet, Reply } from '../ports.ts';

/** The far side: what the coordinator's realtime layer is to sockets. */
export type LoopbackServer = {
  /** A device has connected. What this throws, the device's `connect` rejects with. */
  connect(link: ServerLink): ServerSession;
};

/** One connection as the server sees it. */
export interface ServerLink {
  readonly device: string;
  push(packet: Packet): void;
  close(reason: string): void;
}

export type ServerSession = {
  /** What this throws, the device's `send` rejects with: a defect should end a simulation. */
  onPacket(packet: Packet): Reply | Promise<Reply>;
  /** Called once, whichever side ended the connection. */
  onClose?(reason: string): void;
};
