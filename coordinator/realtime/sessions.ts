/** Connected devices. Nothing is done for a connection before its device has signed the challenge made for it. */

import { type Bytes, base64url, type DeviceId, type Packet, type TaskId } from '@chorale/shared';
import type { Ports } from '../ports.ts';
import { type Desk, DeviceSession } from './device-session.ts';
import type { Link, LinkSession } from './link.ts';

export interface Sessions {
  connect(link: Link): LinkSession;
  /** Sends to a device, if it is connected: what is lost here, a device asks for when it resumes. */
  push(device: DeviceId, packet: Packet): void;
  isConnected(device: DeviceId): boolean;
  connectedCount(task: TaskId): number;
  /** Sends every device away. */
  closeAll(reason: string): void;
}

const challengeBytes = 32;

export function createSessions(ports: Ports, desk: Desk, packetsPerMinute: number): Sessions {
  const proven = new Map<DeviceId, DeviceSession>();
  const open = new Set<DeviceSession>();

  const enter = (session: DeviceSession) => {
    const before = proven.get(session.device);
    proven.set(session.device, session);
    if (before !== undefined && before !== session) before.close('replaced by a newer connection');
  };
  const leave = (session: DeviceSession, reason: string) => {
    open.delete(session);
    if (proven.get(session.device) !== session) return;
    proven.delete(session.device);
    ports.events.deviceLeft(session.task, session.device);
    desk.leave(session, reason);
  };

  return {
    connect(link) {
      const nonce: Bytes = ports.random.bytes(challengeBytes);
      const session = new DeviceSession({ link, nonce, ports, desk, packetsPerMinute, enter, leave });
      open.add(session);
      link.push({ name: 'challenge', header: { nonce: base64url(nonce) } });
      return session;
    },
    push: (device, packet) => proven.get(device)?.push(packet),
    isConnected: (device) => proven.has(device),
    connectedCount: (task) => [...proven.values()].filter((session) => session.task === task).length,
    closeAll(reason) {
      for (const session of open) session.close(reason);
    },
  };
}
