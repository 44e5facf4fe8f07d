/** Where a shell that carries connections meets the core. */

import type { DeviceId, Packet, Reply, TaskId } from '@chorale/shared';

/** A connection as the shell that carries it offers it: socket.io, or the laboratory's loopback network. */
export type Link = {
  readonly task: TaskId;
  readonly device: DeviceId;
  push(packet: Packet): void;
  close(reason: string): void;
};

/** What the shell must report of its connection. */
export interface LinkSession {
  /** Never throws: what is refused gets a coded reply. */
  onPacket(packet: Packet): Promise<Reply>;
  /** A packet that asked for no answer: it is not obeyed, but it counts. */
  onUnasked(): void;
  /** So many bytes came, of whatever: call it before they are read. */
  onBytes(count: number): void;
  onClose(reason: string): void;
}
