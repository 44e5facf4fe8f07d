/** A round of secure aggregation played as fast as it goes, recorded, and played again by one side alone. */

import type { DeviceId } from '@chorale/shared';
import type { CryptoProvider } from '@chorale/shared/crypto';
import {
  type ClientSetup,
  type ClientState,
  type CohortOutcome,
  type DownMessage,
  type ServerEvent,
  type ServerSetup,
  type ServerState,
  startServer,
  stepServer,
  type UpMessage,
} from '@chorale/shared/secagg';
import { type CrowdMember, firstCohort, labStart, type Settled, startDevice, tell } from '@chorale/shared/testing';

/** One device: a real machine or one of the crowd. */
export type Party = {
  readonly id: DeviceId;
  start(): Promise<readonly UpMessage[]>;
  hear(message: DownMessage): Promise<readonly UpMessage[]>;
};

/** All that came before the coordinator, in order, and before the first of the parties. */
export type Recording = {
  readonly events: readonly ServerEvent[];
  readonly heard: readonly DownMessage[];
  readonly outcome: CohortOutcome;
};

export type RoundOptions = {
  readonly server: ServerSetup;
  readonly parties: readonly Party[];
  readonly provider: CryptoProvider;
  /** Who is gone when its masked vector is due. */
  readonly leaving: ReadonlySet<DeviceId>;
};

/** Plays a round turn by turn; the devices of a turn work side by side. */
export async function playRound({ server, parties, provider, leaving }: RoundOptions): Promise<Recording> {
  const coordinator = new Coordinator(server, provider);
  const events: ServerEvent[] = [];
  const heard: DownMessage[] = [];
  let present = parties;
  let due = await Promise.all(parties.map(async (party) => eventsOf(party, await party.start())));
  while (!coordinator.outcome) {
    if (due.every(({ length }) => length === 0)) throw new Error('the round came to a halt');
    const inboxes = new Map<DeviceId, DownMessage[]>();
    for (const event of due.flat()) {
      events.push(event);
      for (const { to, message } of await coordinator.hear(event)) {
        inboxes.set(to, [...(inboxes.get(to) ?? []), message]);
        if (to === parties[0]?.id) heard.push(message);
      }
    }
    due = await Promise.all(present.map((party) => answer(party, inboxes.get(party.id) ?? [], leaving)));
    // What is sent to them later reaches nobody.
    present = present.filter((_, i) => due[i]!.every(({ on }) => on !== 'gone'));
  }
  return { events, heard, outcome: coordinator.outcome };
}

async function answer(
  party: Party,
  messages: readonly DownMessage[],
  leaving: ReadonlySet<DeviceId>,
): Promise<readonly ServerEvent[]> {
  if (leaving.has(party.id) && messages.some(({ name }) => name === 'sharers')) {
    return [{ on: 'gone', device: party.id, now: labStart }];
  }
  const answers: UpMessage[] = [];
  for (const message of messages) answers.push(...(await party.hear(message)));
  return eventsOf(party, answers);
}

function eventsOf({ id }: Party, messages: readonly UpMessage[]): readonly ServerEvent[] {
  return messages.map((message) => ({ on: 'message', from: id, message, now: labStart }));
}

/** The server machine and its shell. */
class Coordinator {
  outcome: CohortOutcome | undefined;
  readonly #provider: CryptoProvider;
  #state: ServerState;

  constructor(setup: ServerSetup, provider: CryptoProvider) {
    this.#provider = provider;
    this.#state = startServer(setup, labStart)[0];
  }

  /** Takes in one event and performs all jobs that follow from it. @returns what it sends */
  async hear(event: ServerEvent): Promise<readonly { readonly to: DeviceId; readonly message: DownMessage }[]> {
    const sent: { to: DeviceId; message: DownMessage }[] = [];
    const pauses = pausing();
    let next: ServerEvent | undefined = event;
    while (next) {
      const [state, effects] = stepServer(this.#state, next);
      this.#state = state;
      next = undefined;
      for (const effect of effects) {
        if (effect.do === 'send') {
          const { name, body } = effect.message; // Bodies are put together when they are asked for.
          sent.push({ to: effect.to as DeviceId, message: { name, body } });
          await pauses();
        }
        if (effect.do === 'finish') this.outcome = firstCohort(effect.outcome);
        else if (effect.do === 'compute') {
          const result = await this.#provider.perform(effect.job);
          next = { on: 'computed', id: effect.id, result, now: labStart };
        }
      }
    }
    return sent;
  }
}

const longestSliceMs = 10;

/** @returns lets the event loop turn once work has kept it for long, as the coordinator's engine does between two sends */
function pausing(): () => Promise<void> | undefined {
  let pauseAt = performance.now() + longestSliceMs;
  return () => {
    if (performance.now() < pauseAt) return undefined;
    return new Promise<void>((done) => setImmediate(done)).then(() => {
      pauseAt = performance.now() + longestSliceMs;
    });
  };
}

/** The coordinator again, on what it heard: it is deterministic, so all answers fit. */
export async function replayCoordinator(
  setup: ServerSetup,
  events: readonly ServerEvent[],
  provider: CryptoProvider,
): Promise<CohortOutcome> {
  const coordinator = new Coordinator(setup, provider);
  for (const event of events) {
    await coordinator.hear(event);
    // Messages come one by one from a network, which is served by the event loop.
    await new Promise(setImmediate);
  }
  if (!coordinator.outcome) throw new Error('the coordinator did not come to an end');
  return coordinator.outcome;
}

/** One device again, on what it heard. */
export async function replayDevice(
  setup: ClientSetup,
  heard: readonly DownMessage[],
  provider: CryptoProvider,
): Promise<ClientState> {
  let device = await startDevice(provider, setup, labStart);
  for (const message of heard) device = await tell(provider, device.state, message, labStart);
  if (device.outcome?.kind !== 'completed' || !device.outcome.isIncluded) throw new Error('the device was left out');
  return device.state;
}

/** A device with its real machine. */
export function realParty(id: DeviceId, setup: ClientSetup, provider: CryptoProvider): Party {
  let device: Settled | undefined;
  return {
    id,
    async start() {
      device = await startDevice(provider, setup, labStart);
      return device.sent;
    },
    async hear(message) {
      device = await tell(provider, device!.state, message, labStart);
      return device.sent;
    },
  };
}

export function crowdParty(member: CrowdMember): Party {
  return {
    id: member.id,
    start: async () => [await member.advertise()],
    async hear(message) {
      const answer = await member.hear(message);
      return answer ? [answer] : [];
    },
  };
}
