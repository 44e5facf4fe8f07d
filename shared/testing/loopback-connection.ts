import type { Clock, Packet, Reply } from '../ports.ts';
import { Lane } from './lane.ts';
import { drawFate, type LinkFaults, type PacketFate } from './link-faults.ts';
import type { LoopbackServer, ServerSession } from './loopback-server.ts';
import type { SeededRandom } from './seeded-random.ts';

export type LinkSettings = {
  readonly device: string;
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly server: LoopbackServer;
  readonly faultsNow: () => LinkFaults;
};

export type ConnectionListener = {
  readonly onPacket: (packet: Packet) => void;
  readonly onClose: (reason: string) => void;
};

/** One connection, from connect to close; its two ends learn of each other's end only through the lanes. */
export class LoopbackConnection {
  readonly #settings: LinkSettings;
  readonly #onGone: () => void;
  readonly #up: Lane;
  readonly #down: Lane;
  readonly #unanswered = new Set<(error: Error) => void>();
  #device: { is: 'connecting' | 'closed' } | { is: 'open'; listener: ConnectionListener } = { is: 'connecting' };
  #server: { is: 'unaware' | 'closed' } | { is: 'open'; session: ServerSession } = { is: 'unaware' };

  constructor(settings: LinkSettings, onGone: () => void) {
    this.#settings = settings;
    this.#onGone = onGone;
    this.#up = new Lane(settings.clock);
    this.#down = new Lane(settings.clock);
  }

  connect(listener: ConnectionListener): Promise<void> {
    return this.#answer((accept, refuse) => {
      this.#up.deliver(this.#drawFate().delayMs, () => {
        // Sent before the server acts, so that nothing it pushes arrives before the connection stands.
        let refusal: unknown;
        this.#down.deliver(this.#drawFate().delayMs, () => {
          if (refusal !== undefined) return refuse(refusal);
          if (this.#device.is === 'connecting') this.#device = { is: 'open', listener };
          accept();
        });
        refusal = this.#openServer();
      });
    });
  }

  async send(packet: Packet): Promise<Reply> {
    if (this.#device.is !== 'open') throw new Error('not connected');
    const copy = copyOf(packet);
    const fate = this.#drawFate();
    const reply = this.#answer<Reply>((accept, refuse) => {
      this.#travel(this.#up, fate, () => this.#serve(copy, accept, refuse));
    });
    if (fate.breaksLink) queueMicrotask(() => this.break('connection lost'));
    return reply;
  }

  /** Closes the device's end now; the server hears of it after all that was sent before. */
  break(reason: string): void {
    this.#closeDevice(reason);
    this.#up.deliver(this.#drawFate().delayMs, () => this.#closeServer(reason));
  }

  /** Closes both ends now, each by its own decision. */
  giveUp(reason: string): void {
    this.#closeDevice(reason);
    this.#closeServer(reason);
  }

  hold(): void {
    this.#up.hold();
    this.#down.hold();
  }

  release(): void {
    this.#up.release();
    this.#down.release();
  }

  #openServer(): unknown {
    const { device, server } = this.#settings;
    if (this.#server.is === 'closed') return new Error('connection closed');
    try {
      const session = server.connect({
        device,
        push: (packet) => this.#push(packet),
        close: (reason) => {
          this.#closeServer(reason);
          this.#down.deliver(this.#drawFate().delayMs, () => this.#closeDevice(reason));
        },
      });
      // The server may have closed the link within `connect`.
      if (this.#serverIs('unaware')) this.#server = { is: 'open', session };
      return undefined;
    } catch (error) {
      this.#closeServer('refused');
      return error ?? new Error('refused');
    }
  }

  #push(packet: Packet): void {
    if (this.#server.is === 'closed') return;
    const copy = copyOf(packet);
    const fate = this.#drawFate();
    this.#travel(this.#down, fate, () => {
      if (this.#device.is === 'open') this.#device.listener.onPacket(copy);
    });
    if (fate.breaksLink) queueMicrotask(() => this.break('connection lost'));
  }

  async #serve(packet: Packet, accept: (reply: Reply) => void, refuse: (error: unknown) => void): Promise<void> {
    if (this.#server.is !== 'open') return;
    try {
      const reply = await this.#server.session.onPacket(packet);
      this.#travel(this.#down, this.#drawFate(), () => accept(reply));
    } catch (error) {
      refuse(error);
    }
  }

  #travel(lane: Lane, { isLost, delayMs, repeatAfterMs }: PacketFate, arrive: () => void): void {
    if (isLost) return;
    lane.deliver(delayMs, () => {
      arrive();
      if (repeatAfterMs !== undefined) lane.deliverBesides(repeatAfterMs, arrive);
    });
  }

  /** A promise that the far side settles in time, unless the connection closes first. */
  #answer<Result>(ask: (accept: (result: Result) => void, refuse: (error: unknown) => void) => void): Promise<Result> {
    const { clock, faultsNow } = this.#settings;
    return new Promise<Result>((accept, refuse) => {
      const giveUp = () => refuse(new Error('no answer in time'));
      const cancel = clock.wakeAt(clock.now() + faultsNow().answerTimeoutMs, () => finish(giveUp));
      const close = (error: Error) => finish(() => refuse(error));
      const finish = (settle: () => void) => {
        cancel();
        this.#unanswered.delete(close);
        settle();
      };
      this.#unanswered.add(close);
      ask(
        (result) => finish(() => accept(result)),
        (error) => finish(() => refuse(error)),
      );
    });
  }

  #closeDevice(reason: string): void {
    const device = this.#device;
    if (device.is === 'closed') return;
    this.#device = { is: 'closed' };
    this.#endWhenOver();
    for (const close of [...this.#unanswered]) close(new Error(`connection closed: ${reason}`));
    if (device.is === 'open') device.listener.onClose(reason);
  }

  #closeServer(reason: string): void {
    const server = this.#server;
    if (server.is === 'closed') return;
    this.#server = { is: 'closed' };
    this.#endWhenOver();
    if (server.is === 'open') server.session.onClose?.(reason);
  }

  /** As long as one end stands, what is on its way to it can still be held up, and it can still give up. */
  #endWhenOver(): void {
    if (this.#device.is === 'closed' && this.#server.is === 'closed') this.#onGone();
  }

  #serverIs(state: 'unaware' | 'open' | 'closed'): boolean {
    return this.#server.is === state;
  }

  #drawFate(): PacketFate {
    return drawFate(this.#settings.faultsNow(), this.#settings.random);
  }
}

/** What a packet is after it travelled: a header that went through JSON, and a body of its own. */
function copyOf({ name, header, body }: Packet): Packet {
  const copy = { name, header: JSON.parse(JSON.stringify(header ?? null)) };
  return body === undefined ? copy : { ...copy, body: new Uint8Array(body) };
}
