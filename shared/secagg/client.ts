/**
 * The device's side of secure aggregation as a pure machine: SecAgg+ (Bell et al., CCS 2020) with one context, view
 * tags, a certified survivor set and windows. Each turn is a file under `client/`; this one decides which message is due.
 */

import { equal } from '../bytes.ts';
import { type CryptoResult, sha256 } from '../crypto/index.ts';
import { ChoraleError } from '../errors.ts';
import type { Instant } from '../ports.ts';
import { acceptShares } from './client/acknowledge.ts';
import { advertise } from './client/advertise.ts';
import { acceptSurvivors } from './client/certify.ts';
import { acceptRoster } from './client/deal.ts';
import { acceptSharers } from './client/masked-input.ts';
import {
  type ClientEffect,
  type ClientEvent,
  type ClientSetup,
  type ClientState,
  finish,
  leave,
  type Round,
  refuse,
  type Step,
  type Waiting,
} from './client/state.ts';
import { acceptCertificate } from './client/unmask.ts';
import { decodeOutcome } from './down-messages.ts';
import { headerBytes } from './header.ts';
import { inspectPlan } from './inspect.ts';
import { type DownMessage, type DownName, signatureBytes } from './messages.ts';
import { planHashOf } from './roster.ts';

export type {
  ClientEffect,
  ClientEvent,
  ClientOutcome,
  ClientRecord,
  ClientSetup,
  ClientState,
  Rho,
} from './client/state.ts';

/** Begins a round: the first effect claims it. The shell reports `persisted` only where the compare-and-set succeeded. */
export function startClient(setup: ClientSetup, now: Instant): Step {
  const { seed, ...device } = setup;
  const round: Round = {
    device,
    planHash: planHashOf(setup.planBytes),
    now,
    lastId: 0,
    sent: undefined,
    seen: {},
    early: [],
    contradictions: [],
    verifiedCredentials: new Set(),
  };
  const reason = inspectPlan(setup.plan, setup.floors);
  return reason ? refuse(round, reason) : advertise(round, seed);
}

export function stepClient(state: ClientState, event: ClientEvent): Step {
  const current = { ...state, round: { ...state.round, now: event.now } };
  switch (event.on) {
    case 'message':
      return takeUpEarly(receive(current, event.message));
    case 'computed':
      return takeUpEarly(continueWith(current, event.id, event.result));
    case 'persisted':
      return takeUpEarly(continueWith(current, event.id, undefined));
    case 'wake':
      return giveUpWhenLate(current);
    case 'gone':
      // A lost connection may come back; deadlines decide.
      return [current, []];
  }
}

/** After a reconnection: the last message again, byte for byte, unless the coordinator has gone on from it. */
export function resendClient({ round, phase }: ClientState): readonly ClientEffect[] {
  if (!round.sent || phase.at === 'working' || phase.at === 'ended') return [];
  return [{ do: 'send', to: 'coordinator', message: round.sent }];
}

/** Ends the round from outside: the person withdrew (`device`), or the coordinator refused a message for good. */
export function leaveRound(state: ClientState, by: 'coordinator' | 'device', detail: string): Step {
  return state.phase.at === 'ended' ? [state, []] : leave(state.round, by, detail);
}

/** Credentials (`credentialName`) that this device verified in this round, for its cache. */
export function verifiedCredentials({ round }: ClientState): ReadonlySet<string> {
  return round.verifiedCredentials;
}

/** Which messages each phase is waiting for. */
const due: Record<Waiting['at'], readonly DownName[]> = {
  'awaiting-roster': ['roster'],
  'awaiting-shares': ['shares'],
  'awaiting-sharers': ['sharers'],
  'awaiting-survivors': ['survivors', 'certificate'],
  'awaiting-certificate': ['certificate'],
  'awaiting-outcome': [],
};

/** Only the first message of a name counts. One that comes before its turn waits; a second, different one is evidence. */
function receive(state: ClientState, message: DownMessage): Step {
  const { round, phase } = state;
  if (phase.at === 'ended') return [state, []];
  if (message.name === 'outcome') return refuseMalformed(round, () => acceptOutcome(state, message));
  const hash = sha256(message.body);
  const first = round.seen[message.name];
  if (first) return [equal(first, hash) ? state : accuse(state, message), []];
  const seen = { ...round.seen, [message.name]: hash };
  return [{ phase, round: { ...round, seen, early: [...round.early, message] } }, []];
}

/** Hands over the message that is due, if it has come. */
function takeUpEarly([state, effects]: Step): Step {
  const { round, phase } = state;
  if (phase.at === 'working' || phase.at === 'ended') return [state, effects];
  const message = round.early.find(({ name }) => due[phase.at].includes(name));
  if (!message) return [state, effects];
  const without = { ...round, early: round.early.filter((other) => other !== message) };
  const [next, more] = takeUpEarly(refuseMalformed(without, () => accept(without, phase, message)));
  return [next, [...effects, ...more]];
}

function accept(round: Round, phase: Waiting, { name, body }: DownMessage): Step {
  switch (phase.at) {
    case 'awaiting-roster':
      return acceptRoster(round, body, phase);
    case 'awaiting-shares':
      return acceptShares(round, body, phase);
    case 'awaiting-sharers':
      return acceptSharers(round, body, phase);
    case 'awaiting-survivors':
      return name === 'survivors'
        ? acceptSurvivors(round, body, phase.holdings)
        : acceptCertificate(round, body, phase.holdings, undefined);
    case 'awaiting-certificate':
      return acceptCertificate(round, body, phase.holdings, phase.survivors);
    case 'awaiting-outcome':
      return [{ round, phase }, []];
  }
}

/** A device that sent its vector believes the outcome; what it saw certified counts more than what it is told. */
function acceptOutcome({ round, phase }: ClientState, { body }: DownMessage): Step {
  const outcome = decodeOutcome(body);
  if (!outcome.isCommitted) return leave(round, 'coordinator', 'the round was abandoned');
  const { contradictions } = round;
  if (phase.at === 'awaiting-outcome') {
    return finish(round, {
      kind: 'completed',
      survivors: phase.survivors,
      isIncluded: phase.isIncluded,
      contradictions,
    });
  }
  if (!outcome.isIncluded || !hasContributed(round)) {
    return leave(round, 'coordinator', 'the round went on without this device');
  }
  return finish(round, { kind: 'completed', survivors: outcome.survivors, isIncluded: true, contradictions });
}

function hasContributed({ sent }: Round): boolean {
  return sent?.name === 'masked-input' || sent?.name === 'certify' || sent?.name === 'unmask';
}

function refuseMalformed(round: Round, step: () => Step): Step {
  try {
    return step();
  } catch (error) {
    if (error instanceof ChoraleError) return leave(round, 'device', error.message);
    throw error;
  }
}

function continueWith(state: ClientState, id: number, result: CryptoResult | undefined): Step {
  const { round, phase } = state;
  return phase.at === 'working' && phase.id === id ? phase.next(round, result) : [state, []];
}

function giveUpWhenLate(state: ClientState): Step {
  const { round, phase } = state;
  if (phase.at === 'working' || phase.at === 'ended' || round.now < phase.deadline) return [state, []];
  return leave(round, 'device', 'the coordinator did not answer in time');
}

const maxContradictions = 8;

function accuse(state: ClientState, message: DownMessage): ClientState {
  const { round } = state;
  if (round.contradictions.length >= maxContradictions) return state;
  // Of a roster, the signed header says it all.
  const body = message.name === 'roster' ? message.body.slice(0, headerBytes + signatureBytes) : message.body;
  return { ...state, round: { ...round, contradictions: [...round.contradictions, { name: message.name, body }] } };
}
