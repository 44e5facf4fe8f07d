/** One connection of one device: proves itself, then offers itself for rounds and speaks in them. */

import {
  type Bytes,
  ChoraleError,
  type DeviceId,
  deviceIdToBytes,
  equal,
  fromBase64url,
  type Packet,
  type Reply,
  type TaskId,
} from '@chorale/shared';
import type { UpMessage } from '@chorale/shared/secagg';
import {
  challengeText,
  checkInHeader,
  parseInput,
  resumeHeader,
  roundHeader,
  type SocketUpName,
  upNames,
  withdrawHeader,
} from '@chorale/shared/wire';
import { verify } from '../auth/signatures.ts';
import type { Device } from '../devices/device.ts';
import type { Ports } from '../ports.ts';
import type { Link, LinkSession } from './link.ts';
import { PacketMeter } from './packet-meter.ts';
import { refusalOf } from './refusals.ts';

/** What stands behind the connections: enrolment, consent and rounds. All refuse by throwing ChoraleError. */
export interface Desk {
  /** The enrolled device of this id within this task. */
  deviceOf(task: TaskId, device: DeviceId): Promise<Device>;
  /** Throws unless the device may take part in its task now. */
  checkConsent(task: TaskId, device: DeviceId): Promise<void>;
  checkIn(session: DeviceSession, device: Device, lastRound: bigint | undefined): Promise<void>;
  receive(session: DeviceSession, round: bigint, message: UpMessage): Promise<Reply>;
  withdraw(session: DeviceSession, round: bigint | undefined): Promise<void>;
  leave(session: DeviceSession, reason: string): void;
}

export type SessionOptions = {
  readonly link: Link;
  readonly nonce: Bytes;
  readonly ports: Ports;
  readonly desk: Desk;
  readonly packetsPerMinute: number;
  /** Called when the device has proved itself on this connection. */
  readonly enter: (session: DeviceSession) => void;
  readonly leave: (session: DeviceSession, reason: string) => void;
};

/** Time to answer the challenge: a connection that proves nothing may not stay. */
const patienceMs = 30_000;
/** What a connection may send in all before it has proved whose it is: a check-in has a few hundred bytes. */
const unprovenBytes = 65_536;

export class DeviceSession implements LinkSession {
  readonly #options: SessionOptions;
  readonly #meter: PacketMeter;
  readonly #cancelPatience: () => void;
  #proof: Bytes | undefined;
  #bytesUnproven = 0;
  #isClosed = false;

  constructor(options: SessionOptions) {
    const { clock } = options.ports;
    this.#options = options;
    this.#meter = new PacketMeter(options.packetsPerMinute);
    this.#cancelPatience = clock.wakeAt(clock.now() + patienceMs, () => {
      if (this.#proof === undefined) this.close('the challenge was not answered');
    });
  }

  get device(): DeviceId {
    return this.#options.link.device;
  }

  get task(): TaskId {
    return this.#options.link.task;
  }

  push(packet: Packet): void {
    if (!this.#isClosed) this.#options.link.push(packet);
  }

  close(reason: string): void {
    if (!this.#isClosed) this.#options.link.close(reason);
  }

  onClose(reason: string): void {
    this.#isClosed = true;
    this.#cancelPatience();
    this.#options.leave(this, reason);
  }

  async onPacket(packet: Packet): Promise<Reply> {
    const { ports } = this.#options;
    try {
      this.#meter.count(ports.clock.now());
      return await this.#answer(nameOf(packet), packet);
    } catch (error) {
      const refusal = refusalOf(error, `socket ${packet.name}`, ports.events);
      ports.events.messageRefused(this.device, packet.name, refusal.code);
      return refusal;
    }
  }

  onUnasked(): void {
    try {
      this.#meter.count(this.#options.ports.clock.now());
    } catch {
      this.close('too many messages, and nobody to tell');
    }
  }

  onBytes(count: number): void {
    if (this.#proof !== undefined) return;
    this.#bytesUnproven += count;
    if (this.#bytesUnproven > unprovenBytes) this.close('too much was sent before the challenge was answered');
  }

  async #answer(name: SocketUpName, packet: Packet): Promise<Reply> {
    const { desk } = this.#options;
    if (name === 'check-in') return this.#checkIn(packet.header);
    if (name === 'resume') return this.#resume(packet.header);
    if (this.#proof === undefined)
      throw new ChoraleError('unauthorized', 'answer the challenge first: check in or resume');
    if (name === 'withdraw') {
      const { round } = parseInput(withdrawHeader, packet.header, 'withdraw');
      await desk.withdraw(this, round === undefined ? undefined : BigInt(round));
      return { ok: true };
    }
    const { round } = parseInput(roundHeader, packet.header, name);
    if (packet.body === undefined) throw new ChoraleError('invalid-input', `${name}: the binary body is missing`);
    return desk.receive(this, BigInt(round), { name, body: packet.body });
  }

  async #checkIn(header: unknown): Promise<Reply> {
    const { signature, lastRound } = parseInput(checkInHeader, header, 'check-in');
    const device = await this.#prove(fromBase64url(signature));
    await this.#options.desk.checkIn(this, device, lastRound === undefined ? undefined : BigInt(lastRound));
    return { ok: true };
  }

  async #resume(header: unknown): Promise<Reply> {
    const { signature, round } = parseInput(resumeHeader, header, 'resume');
    await this.#prove(fromBase64url(signature));
    return this.#options.desk.receive(this, BigInt(round), { name: 'resume', body: new Uint8Array(0) });
  }

  /** @throws ChoraleError `unauthorized` unless the enrolled identity key has signed this connection's challenge */
  async #prove(signature: Bytes): Promise<Device> {
    const { desk, nonce, ports, enter } = this.#options;
    const device = await desk.deviceOf(this.task, this.device);
    const message = challengeText(nonce, deviceIdToBytes(this.device));
    const isKnown = this.#proof !== undefined && equal(this.#proof, signature);
    const text = { publicKey: fromBase64url(device.identityKey), message, signature };
    if (!isKnown && !(await verify(ports.crypto, text)))
      throw new ChoraleError('unauthorized', 'the challenge is not signed by this device');
    await desk.checkConsent(this.task, this.device);
    if (this.#isClosed) throw new ChoraleError('unauthorized', 'the connection is closed');
    if (this.#proof === undefined) {
      this.#proof = signature;
      ports.events.deviceConnected(this.task, this.device);
      enter(this);
    }
    return device;
  }
}

function nameOf({ name }: Packet): SocketUpName {
  const known = upNames.find((candidate) => candidate === name);
  if (known) return known;
  throw new ChoraleError('invalid-input', 'there is no such message');
}
