/**
 * One server machine and its client machines on a network in memory: virtual time, a seeded order of events, and a
 * hook that decides the fate of every message. Its two shells are `#performClient` and `#performServer`.
 */

import { type Bytes, bytes } from '../bytes.ts';
import type { CryptoProvider } from '../crypto/index.ts';
import { invariant } from '../errors.ts';
import { type DeviceId, deviceIdFromBytes } from '../ids.ts';
import type { Instant, Reply } from '../ports.ts';
import {
  type ClientEffect,
  type ClientEvent,
  type ClientOutcome,
  type ClientRecord,
  type ClientSetup,
  type ClientState,
  leaveRound,
  resendClient,
  startClient,
  stepClient,
} from '../secagg/client.ts';
import type { DownMessage, DownName, UpMessage, UpName } from '../secagg/messages.ts';
import {
  type CohortOutcome,
  type ServerEffect,
  type ServerEvent,
  type ServerOutcome,
  type ServerSetup,
  type ServerState,
  startServer,
  stepServer,
} from '../secagg/server.ts';
import { firstCohort } from './secagg-lab.ts';
import { type SeededRandom, seededRandom } from './seeded-random.ts';

/** One message about to travel. */
export type Packet = { readonly device: DeviceId; readonly now: Instant } & (
  | { readonly way: 'up'; readonly name: UpName; readonly body: Bytes }
  | { readonly way: 'down'; readonly name: DownName; readonly body: Bytes }
);

/** What becomes of it. */
export type Fate =
  /** One copy for each delay in ms. None: the message is lost, and nobody is told. */
  | { readonly do: 'deliver'; readonly afterMs: readonly number[]; readonly body?: Bytes }
  /** The device is gone for good before the message leaves or arrives. */
  | { readonly do: 'crash' }
  /** The connection breaks, the message is lost with it; the device comes back and resumes. */
  | { readonly do: 'disconnect'; readonly forMs: number };

export const promptly: Fate = { do: 'deliver', afterMs: [0] };

export type LoopbackOptions = {
  readonly server: ServerSetup;
  readonly clients: readonly ClientSetup[];
  readonly provider: CryptoProvider;
  /** Seeds the order in which simultaneous messages arrive. */
  readonly seed?: string | number;
  readonly startAt?: Instant;
  readonly fateOf?: (packet: Packet, random: SeededRandom) => Fate;
  /** What else happens, and when: a person withdraws, a device leaves. */
  readonly actions?: readonly { readonly at: Instant; readonly device: DeviceId; readonly do: 'withdraw' | 'crash' }[];
};

export type DeviceReport = {
  readonly outcome: ClientOutcome | undefined;
  readonly records: readonly ClientRecord[];
  /** Refusals that it got from the coordinator. */
  readonly refusals: readonly Reply[];
};

export type LoopbackReport = {
  /** How the whole round ended, and how its first cohort. */
  readonly ending: ServerOutcome;
  readonly outcome: CohortOutcome;
  readonly devices: ReadonlyMap<DeviceId, DeviceReport>;
  /** Every message that left its sender, in order: what an observer of the network sees. */
  readonly packets: readonly Packet[];
  readonly endedAt: Instant;
};

/** Runs a round until everyone has ended. */
export async function runLoopback(options: LoopbackOptions): Promise<LoopbackReport> {
  const network = new Loopback(options);
  return network.run();
}

type Happening =
  | { readonly to: 'server'; readonly event: ServerEvent }
  | { readonly to: 'client'; readonly id: DeviceId; readonly event: ClientEvent }
  | { readonly to: 'device'; readonly id: DeviceId; readonly action: 'crash' | 'withdraw' | 'reconnect' };

type Device = {
  state: ClientState;
  /** The one wake that is ordered: a later order replaces it. */
  wakeAt: Instant | undefined;
  isAlive: boolean;
  isConnected: boolean;
  outcome: ClientOutcome | undefined;
  readonly records: ClientRecord[];
  readonly refusals: Reply[];
};

/** Sorts by time, then by a seeded draw. */
type Scheduled = { readonly at: Instant; readonly order: number; readonly happening: Happening };

class Loopback {
  readonly #options: LoopbackOptions;
  readonly #random: SeededRandom;
  readonly #agenda: Scheduled[] = [];
  readonly #devices = new Map<DeviceId, Device>();
  readonly #packets: Packet[] = [];
  #server: ServerState;
  #serverWakeAt: Instant | undefined;
  #ending: ServerOutcome | undefined;
  #now: Instant;

  constructor(options: LoopbackOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 0);
    this.#now = options.startAt ?? options.server.plan.openedAt;
    this.#server = startServer(options.server, this.#now)[0];
  }

  async run(): Promise<LoopbackReport> {
    const { server, clients, actions = [] } = this.#options;
    await this.#performServer(startServer(server, this.#now)[1]);
    for (const { at, device, do: action } of actions) this.#schedule(at, { to: 'device', id: device, action });
    for (const setup of clients) await this.#start(setup);
    for (let next = this.#next(); next; next = this.#next()) {
      this.#now = next.at;
      await this.#happen(next.happening);
    }
    invariant(this.#ending, 'the server never came to an end');
    return {
      ending: this.#ending,
      outcome: firstCohort(this.#ending),
      devices: this.#devices,
      packets: this.#packets,
      endedAt: this.#now,
    };
  }

  async #start(setup: ClientSetup): Promise<void> {
    const [state, effects] = startClient(setup, this.#now);
    const id = deviceIdFromBytes(setup.identity.deviceId);
    this.#devices.set(id, {
      state,
      wakeAt: undefined,
      isAlive: true,
      isConnected: true,
      outcome: undefined,
      records: [],
      refusals: [],
    });
    await this.#performClient(id, effects);
  }

  async #happen(happening: Happening): Promise<void> {
    if (happening.to === 'server') {
      if (isReplaced(happening.event, this.#serverWakeAt)) return;
      const [state, effects] = stepServer(this.#server, happening.event);
      this.#server = state;
      return this.#performServer(effects);
    }
    const { id } = happening;
    const device = this.#devices.get(id);
    if (!device?.isAlive) return;
    if (happening.to === 'device') return this.#act(id, device, happening.action);
    // What was under way when the connection broke never arrives.
    if (happening.event.on === 'message' && !device.isConnected) return;
    if (isReplaced(happening.event, device.wakeAt)) return;
    await this.#advance(id, device, stepClient(device.state, happening.event));
  }

  async #advance(id: DeviceId, device: Device, [state, effects]: ReturnType<typeof stepClient>): Promise<void> {
    device.state = state;
    await this.#performClient(id, effects);
  }

  async #act(id: DeviceId, device: Device, action: 'crash' | 'withdraw' | 'reconnect'): Promise<void> {
    if (action === 'crash') return this.#crash(id);
    if (action === 'withdraw') return this.#advance(id, device, leaveRound(device.state, 'device', 'withdrawn'));
    device.isConnected = true;
    this.#sendUp(id, { name: 'resume', body: bytes(0) });
    await this.#performClient(id, resendClient(device.state));
  }

  /** The shell of a device. */
  async #performClient(id: DeviceId, effects: readonly ClientEffect[]): Promise<void> {
    const device = this.#devices.get(id)!;
    for (const effect of effects) {
      if (effect.do === 'send') this.#sendUp(id, effect.message);
      else if (effect.do === 'finish') device.outcome = effect.outcome;
      else if (effect.do === 'wake') {
        device.wakeAt = effect.at;
        this.#schedule(effect.at, { to: 'client', id, event: { on: 'wake', now: effect.at } });
      } else if (effect.do === 'persist') {
        device.records.push(effect.record);
        this.#schedule(this.#now, { to: 'client', id, event: { on: 'persisted', id: effect.id, now: this.#now } });
      } else {
        const result = await this.#options.provider.perform(effect.job);
        this.#schedule(this.#now, {
          to: 'client',
          id,
          event: { on: 'computed', id: effect.id, result, now: this.#now },
        });
      }
    }
  }

  /** The shell of the coordinator. */
  async #performServer(effects: readonly ServerEffect[]): Promise<void> {
    for (const effect of effects) {
      if (effect.do === 'send') this.#sendDown(effect.to as DeviceId, effect.message);
      else if (effect.do === 'answer') this.#answer(effect.to, effect.reply);
      else if (effect.do === 'finish') this.#ending = effect.outcome;
      else if (effect.do === 'wake') {
        this.#serverWakeAt = effect.at;
        this.#schedule(effect.at, { to: 'server', event: { on: 'wake', now: effect.at } });
      } else if (effect.do === 'compute') {
        const result = await this.#options.provider.perform(effect.job);
        this.#schedule(this.#now, { to: 'server', event: { on: 'computed', id: effect.id, result, now: this.#now } });
      }
    }
  }

  #sendUp(id: DeviceId, message: UpMessage): void {
    const device = this.#devices.get(id)!;
    if (!device.isAlive || !device.isConnected) return;
    this.#travel({ way: 'up', device: id, now: this.#now, ...message }, (body, at) => {
      const event: ServerEvent = { on: 'message', from: id, message: { ...message, body }, now: at };
      this.#schedule(at, { to: 'server', event });
    });
  }

  #sendDown(id: DeviceId, message: DownMessage): void {
    if (!this.#devices.get(id)?.isConnected) return;
    this.#travel({ way: 'down', device: id, now: this.#now, ...message }, (body, at) => {
      const event: ClientEvent = { on: 'message', from: 'coordinator', message: { ...message, body }, now: at };
      this.#schedule(at, { to: 'client', id, event });
    });
  }

  #travel(packet: Packet, deliver: (body: Bytes, at: Instant) => void): void {
    const fate = this.#options.fateOf?.(packet, this.#random) ?? promptly;
    if (fate.do === 'crash') this.#crash(packet.device);
    else if (fate.do === 'disconnect') this.#disconnect(packet.device, fate.forMs);
    else {
      this.#packets.push(packet);
      for (const delay of fate.afterMs) deliver(fate.body ?? packet.body, this.#now + delay);
    }
  }

  #crash(id: DeviceId): void {
    const device = this.#devices.get(id)!;
    device.isAlive = false;
    device.isConnected = false;
    this.#schedule(this.#now, { to: 'server', event: { on: 'gone', device: id, now: this.#now } });
  }

  #disconnect(id: DeviceId, forMs: number): void {
    this.#devices.get(id)!.isConnected = false;
    this.#schedule(this.#now, { to: 'server', event: { on: 'gone', device: id, now: this.#now } });
    this.#schedule(this.#now + forMs, { to: 'device', id, action: 'reconnect' });
  }

  #answer(id: DeviceId, reply: Reply): void {
    const device = this.#devices.get(id);
    if (!device || reply.ok) return;
    device.refusals.push(reply);
    if (reply.code !== 'round-full' && reply.code !== 'forbidden') return;
    const [state, effects] = leaveRound(device.state, 'coordinator', reply.detail);
    device.state = state;
    for (const effect of effects) if (effect.do === 'finish') device.outcome = effect.outcome;
  }

  #schedule(at: Instant, happening: Happening): void {
    const scheduled = { at: Math.max(at, this.#now), order: this.#random.uniform(), happening };
    this.#agenda.splice(this.#positionOf(scheduled), 0, scheduled);
  }

  /** The agenda stands latest first, so that the next is at its end. */
  #next(): Scheduled | undefined {
    return this.#agenda.pop();
  }

  #positionOf({ at, order }: Scheduled): number {
    let low = 0;
    let high = this.#agenda.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#agenda[middle]!;
      if (other.at > at || (other.at === at && other.order > order)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** Whether a wake comes that another has taken the place of. */
function isReplaced(event: ServerEvent | ClientEvent, wakeAt: Instant | undefined): boolean {
  return event.on === 'wake' && event.now !== wakeAt;
}
