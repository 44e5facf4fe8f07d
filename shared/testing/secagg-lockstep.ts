/**
 * A round turn by turn, as a value: since machines are pure, a test can go on from one state in several ways, and an
 * adversary can put its own words in the coordinator's mouth.
 */

import type { Bytes } from '../bytes.ts';
import type { CryptoProvider } from '../crypto/index.ts';
import { type DeviceId, deviceIdFromBytes } from '../ids.ts';
import type { Instant } from '../ports.ts';
import {
  type ClientOutcome,
  type ClientRecord,
  type ClientSetup,
  type ClientState,
  startClient,
  stepClient,
} from '../secagg/client.ts';
import type { DownMessage, Turn, UpMessage } from '../secagg/messages.ts';
import {
  type CohortOutcome,
  type ServerOutcome,
  type ServerSetup,
  type ServerState,
  startServer,
  stepServer,
} from '../secagg/server.ts';
import { firstCohort } from './secagg-lab.ts';

/** One device after all it could do without hearing anything more. */
export type Settled = {
  readonly state: ClientState;
  readonly sent: readonly UpMessage[];
  readonly records: readonly ClientRecord[];
  readonly outcome: ClientOutcome | undefined;
};

/** Performs every job and write of a device until it waits for the coordinator. */
export async function settleClient(
  provider: CryptoProvider,
  [first, effects]: ReturnType<typeof stepClient>,
  now: Instant,
): Promise<Settled> {
  const sent: UpMessage[] = [];
  const records: ClientRecord[] = [];
  let outcome: ClientOutcome | undefined;
  let state = first;
  const open = [...effects];
  for (let effect = open.shift(); effect; effect = open.shift()) {
    if (effect.do === 'send') sent.push(effect.message);
    else if (effect.do === 'finish') outcome = effect.outcome;
    else if (effect.do === 'persist' || effect.do === 'compute') {
      if (effect.do === 'persist') records.push(effect.record);
      const step =
        effect.do === 'persist'
          ? stepClient(state, { on: 'persisted', id: effect.id, now })
          : stepClient(state, { on: 'computed', id: effect.id, result: await provider.perform(effect.job), now });
      state = step[0];
      open.push(...step[1]);
    }
  }
  return { state, sent, records, outcome };
}

/** Starts a device; it waits for the roster, with its advertisement sent. */
export function startDevice(provider: CryptoProvider, setup: ClientSetup, now: Instant): Promise<Settled> {
  return settleClient(provider, startClient(setup, now), now);
}

/** Shows a device a message, whoever made it. */
export function tell(
  provider: CryptoProvider,
  state: ClientState,
  message: DownMessage,
  now: Instant,
): Promise<Settled> {
  return settleClient(provider, stepClient(state, { on: 'message', from: 'coordinator', message, now }), now);
}

type SettledServer = {
  readonly state: ServerState;
  readonly sent: readonly { readonly to: DeviceId; readonly message: DownMessage }[];
  readonly outcome: ServerOutcome | undefined;
};

async function settleServer(
  provider: CryptoProvider,
  [first, effects]: ReturnType<typeof stepServer>,
  now: Instant,
): Promise<SettledServer> {
  const sent: { to: DeviceId; message: DownMessage }[] = [];
  let outcome: ServerOutcome | undefined;
  let state = first;
  const open = [...effects];
  for (let effect = open.shift(); effect; effect = open.shift()) {
    if (effect.do === 'send') sent.push({ to: effect.to as DeviceId, message: effect.message });
    else if (effect.do === 'finish') outcome = effect.outcome;
    else if (effect.do === 'compute') {
      const result = await provider.perform(effect.job);
      const step = stepServer(state, { on: 'computed', id: effect.id, result, now });
      state = step[0];
      open.push(...step[1]);
    }
  }
  return { state, sent, outcome };
}

/** A round between two turns. */
export type Lockstep = {
  readonly provider: CryptoProvider;
  /** Devices with ciphers of their own: a real machine on a lying provider is a malicious device. */
  readonly liars: ReadonlyMap<DeviceId, CryptoProvider>;
  readonly now: Instant;
  readonly server: ServerState;
  /** Devices that have not left. */
  readonly devices: ReadonlyMap<DeviceId, Settled>;
  /** What was sent down in the turn before, for whoever wants to look or to lie. */
  readonly sentDown: ReadonlyMap<DeviceId, readonly DownMessage[]>;
  /** How the whole round ended, and how its first cohort. */
  readonly ending: ServerOutcome | undefined;
  readonly outcome: CohortOutcome | undefined;
};

/** Every device has its advertisement ready. */
export async function beginLockstep(
  provider: CryptoProvider,
  lab: { readonly server: ServerSetup; readonly clients: readonly ClientSetup[] },
  liars: Lockstep['liars'] = new Map(),
): Promise<Lockstep> {
  const now = lab.server.plan.openedAt;
  const devices = new Map<DeviceId, Settled>();
  for (const setup of lab.clients) {
    const id = deviceIdFromBytes(setup.identity.deviceId);
    devices.set(id, await startDevice(liars.get(id) ?? provider, setup, now));
  }
  const server = startServer(lab.server, now)[0];
  return { provider, liars, now, server, devices, sentDown: new Map(), ending: undefined, outcome: undefined };
}

export type TurnOptions = {
  /** Devices that leave for good before they send this turn's message. */
  readonly leaving?: ReadonlySet<DeviceId>;
  /** Replaces a message on its way; undefined: it is lost. */
  readonly tamperUp?: (device: DeviceId, message: UpMessage) => Promise<UpMessage> | UpMessage;
  readonly tamperDown?: (device: DeviceId, message: DownMessage) => DownMessage | undefined;
};

/** One turn: devices send, the coordinator closes the turn, and whoever is there takes in its answer. */
export async function playTurn(lockstep: Lockstep, options: TurnOptions = {}): Promise<Lockstep> {
  const { leaving = new Set(), tamperUp = same, tamperDown = same } = options;
  const heard = await hear(lockstep, leaving, tamperUp);
  const sentDown = new Map<DeviceId, DownMessage[]>();
  for (const { to, message } of heard.sent) {
    const shown = tamperDown(to, message);
    if (shown) sentDown.set(to, [...(sentDown.get(to) ?? []), shown]);
  }
  const devices = new Map<DeviceId, Settled>();
  for (const [id, device] of lockstep.devices) {
    if (leaving.has(id)) continue;
    const provider = lockstep.liars.get(id) ?? lockstep.provider;
    devices.set(id, await tellAll(provider, device, sentDown.get(id) ?? [], heard.now));
  }
  return {
    ...lockstep,
    now: heard.now,
    server: heard.state,
    devices,
    sentDown,
    ending: heard.outcome,
    outcome: outcomeOf(heard.outcome),
  };
}

function outcomeOf(ending: ServerOutcome | undefined): CohortOutcome | undefined {
  return ending && firstCohort(ending);
}

const same = <Message>(_: DeviceId, message: Message): Message => message;

async function tellAll(
  provider: CryptoProvider,
  device: Settled,
  messages: readonly DownMessage[],
  now: Instant,
): Promise<Settled> {
  let settled: Settled = { ...device, sent: [] };
  for (const message of messages) {
    const next = await tell(provider, settled.state, message, now);
    settled = {
      state: next.state,
      sent: [...settled.sent, ...next.sent],
      records: [...settled.records, ...next.records],
      outcome: next.outcome ?? settled.outcome,
    };
  }
  return settled;
}

/** Plays turns until the coordinator ends the round. */
export async function playToEnd(lockstep: Lockstep, options?: TurnOptions): Promise<Lockstep> {
  let current = lockstep;
  while (!current.outcome) current = await playTurn(current, options);
  return current;
}

async function hear(
  { provider, server, devices, now }: Lockstep,
  leaving: ReadonlySet<DeviceId>,
  tamper: NonNullable<TurnOptions['tamperUp']>,
): Promise<SettledServer & { readonly now: Instant }> {
  const sent: SettledServer['sent'][number][] = [];
  let current: SettledServer = { state: server, sent: [], outcome: undefined };
  let time = now;
  const step = async (event: Parameters<typeof stepServer>[1]) => {
    current = await settleServer(provider, stepServer(current.state, event), time);
    sent.push(...current.sent);
  };
  for (const id of leaving) if (devices.has(id)) await step({ on: 'gone', device: id, now });
  for (const [id, device] of devices) {
    if (leaving.has(id)) continue;
    for (const message of device.sent) await step({ on: 'message', from: id, message: await tamper(id, message), now });
  }
  // Somebody kept silent: the turn ends at its deadline.
  const [before, after] = [turnsOf(server), turnsOf(current.state)];
  const late = after.filter(({ turn, deadline }, i) => turn === before[i]?.turn && deadline !== undefined);
  if (!current.outcome && late.length > 0) {
    time = Math.min(...late.map(({ deadline }) => deadline!));
    await step({ on: 'wake', now: time });
  }
  return { ...current, sent, now: time };
}

/** The turn of every cohort, and when it ends, if it waits for somebody. */
function turnsOf(state: ServerState): readonly { readonly turn: Turn; readonly deadline: Instant | undefined }[] {
  const deadlineOf = (phase: object) => ('deadline' in phase ? (phase.deadline as Instant) : undefined);
  if (state.at === 'gathering') return [{ turn: 'advertise', deadline: deadlineOf(state.phase) }];
  if (state.at === 'dissolved') return [];
  return state.cohorts.flatMap((cohort) =>
    cohort.at === 'open' ? [{ turn: cohort.run.turn, deadline: deadlineOf(cohort.phase) }] : [],
  );
}

/** The one message of a name that a device sent. */
export function sentBody(device: Settled | undefined, name: UpMessage['name']): Bytes | undefined {
  return device?.sent.find((message) => message.name === name)?.body;
}
