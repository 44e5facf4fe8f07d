/** A network in memory, on virtual time, with seeded faults: many devices' transports and the server they talk to. */

import type { Clock, Packet, Reply, Transport } from '../ports.ts';
import { type LinkFaults, perfectLink } from './link-faults.ts';
import { type LinkSettings, LoopbackConnection } from './loopback-connection.ts';
import type { LoopbackServer } from './loopback-server.ts';
import type { SeededRandom } from './seeded-random.ts';

export interface LoopbackNetwork {
  /** @param device names the link: its faults, its partitions and its random draws */
  transport(device: string): Transport;
  /** Changes how links behave from now on: one device's, or every device's without faults of its own. */
  setFaults(faults: Partial<LinkFaults>, device?: string): void;
  /** Breaks the device's connection now. What it sent before still arrives, even after it has reconnected. */
  disconnect(device: string, reason?: string): void;
  /** Silences the link: nothing arrives and nothing can connect until `heal`; both ends give up after `silenceMs`. */
  partition(device: string): void;
  /** Lets packets held by a partition through, in order, where their connection still stands. */
  heal(device: string): void;
}

export type LoopbackOptions = {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly server: LoopbackServer;
  readonly faults?: Partial<LinkFaults>;
};

export function loopbackNetwork({ clock, random, server, faults = {} }: LoopbackOptions): LoopbackNetwork {
  let common: LinkFaults = { ...perfectLink, ...faults };
  const own = new Map<string, Partial<LinkFaults>>();
  const links = new Map<string, Link>();
  const linkOf = (device: string) => {
    const faultsNow = () => ({ ...common, ...own.get(device) });
    const link = links.get(device) ?? new Link({ device, clock, random: random.fork(device), server, faultsNow });
    links.set(device, link);
    return link;
  };
  return {
    transport: (device) => new LoopbackTransport(linkOf(device)),
    setFaults(changed, device) {
      if (device === undefined) common = { ...common, ...changed };
      else own.set(device, { ...own.get(device), ...changed });
    },
    disconnect: (device, reason = 'connection lost') => linkOf(device).breakAll(reason),
    partition: (device) => linkOf(device).partition(),
    heal: (device) => linkOf(device).heal(),
  };
}

/** The way between one device and the server, whatever connections it carries. */
class Link {
  readonly #settings: LinkSettings;
  readonly #connections = new Set<LoopbackConnection>();
  #isPartitioned = false;
  #cancelGivingUp: () => void = () => {};

  constructor(settings: LinkSettings) {
    this.#settings = settings;
  }

  open(): LoopbackConnection {
    if (this.#isPartitioned) throw new Error('the server cannot be reached');
    const connection = new LoopbackConnection(this.#settings, () => this.#connections.delete(connection));
    this.#connections.add(connection);
    return connection;
  }

  breakAll(reason: string): void {
    for (const connection of this.#connections) connection.break(reason);
  }

  partition(): void {
    const { clock, faultsNow } = this.#settings;
    this.#isPartitioned = true;
    for (const connection of this.#connections) connection.hold();
    this.#cancelGivingUp = clock.wakeAt(clock.now() + faultsNow().silenceMs, () => {
      for (const connection of this.#connections) connection.giveUp('ping timeout');
    });
  }

  heal(): void {
    this.#isPartitioned = false;
    this.#cancelGivingUp();
    for (const connection of this.#connections) connection.release();
  }
}

class LoopbackTransport implements Transport {
  readonly #link: Link;
  readonly #packetListeners = new Set<(packet: Packet) => void>();
  readonly #closeListeners = new Set<(reason: string) => void>();
  #connection: LoopbackConnection | undefined;

  constructor(link: Link) {
    this.#link = link;
  }

  async connect(): Promise<void> {
    if (this.#connection !== undefined) throw new Error('this transport is connected already');
    this.#connection = this.#link.open();
    try {
      await this.#connection.connect({
        onPacket: (packet) => {
          for (const listener of [...this.#packetListeners]) listener(packet);
        },
        onClose: (reason) => {
          this.#connection = undefined;
          for (const listener of [...this.#closeListeners]) listener(reason);
        },
      });
    } catch (error) {
      this.#connection.break('could not connect');
      this.#connection = undefined;
      throw error;
    }
  }

  async send(packet: Packet): Promise<Reply> {
    if (this.#connection === undefined) throw new Error('not connected');
    return this.#connection.send(packet);
  }

  onPacket(listener: (packet: Packet) => void) {
    this.#packetListeners.add(listener);
    return () => void this.#packetListeners.delete(listener);
  }

  onClose(listener: (reason: string) => void) {
    this.#closeListeners.add(listener);
    return () => void this.#closeListeners.delete(listener);
  }

  close(): void {
    this.#connection?.break('closed by the device');
  }
}
