/**
 * The coordinator's side of secure aggregation as a pure machine. Each turn is a file under `server/`; this one answers
 * messages, knows who is there, and closes a turn when everyone has answered or its time is up.
 */

import { bytes } from '../bytes.ts';
import { ChoraleError, type ErrorCode, invariant } from '../errors.ts';
import { type DeviceId, isDeviceId } from '../ids.ts';
import type { Instant, Reply } from '../ports.ts';
import { type Turn, turns, type UpMessage } from './messages.ts';
import { planHashOf } from './roster.ts';
import { closeGathering, gather, isGathered, keepAdvertisement, withdrawAll } from './server/advertise.ts';
import {
  abandon,
  farewell,
  isOut,
  membersOf,
  type Round,
  type ServerEffect,
  type ServerEvent,
  type ServerSetup,
  type ServerState,
  type Step,
  turnBit,
} from './server/state.ts';

export {
  type AbandonReason,
  abandonReasons,
  type CohortOutcome,
  type Funnel,
  type RoundTranscript,
  type ServerEffect,
  type ServerEvent,
  type ServerOutcome,
  type ServerSetup,
  type ServerState,
} from './server/state.ts';

/** Opens the round for the invited devices, which have the plan and are connected. */
export function startServer(setup: ServerSetup, now: Instant): Step {
  invariant(setup.cohorts === 1, 'devices refuse rounds of several cohorts');
  const none = { advertised: 0, dealt: 0, acknowledged: 0, masked: 0, certified: 0, unmasked: 0 };
  const round: Round = {
    setup,
    planHash: planHashOf(setup.planBytes),
    invited: new Set(setup.invited),
    now,
    lastId: 0,
    turn: 'advertise',
    disconnected: new Set(),
    withdrawn: new Set(),
    advertised: new Map(),
    members: undefined,
    answered: bytes(0),
    funnel: { invited: setup.invited.length, ...none },
    droppedByTurn: Object.fromEntries(turns.map((turn) => [turn, 0])) as Record<Turn, number>,
    lost: new Set(),
    named: [],
  };
  return gather(round);
}

export function stepServer(state: ServerState, event: ServerEvent): Step {
  const current: ServerState = { ...state, round: { ...state.round, now: event.now } };
  switch (event.on) {
    case 'message':
      return isDeviceId(event.from) ? receive(connect(current, event.from), event.from, event.message) : [current, []];
    case 'gone':
      return isDeviceId(event.device) ? closeWhenDue(disconnect(current, event.device)) : [current, []];
    case 'wake':
      return closeWhenDue(current);
    case 'computed': {
      const { round, phase } = current;
      return phase.at === 'working' && phase.id === event.id ? phase.next(round, event.result) : [current, []];
    }
    case 'persisted':
      return [current, []];
  }
}

/** Abandons the round from outside, as when the coordinator shuts down. */
export function stopServer(state: ServerState): Step {
  return state.phase.at === 'ended' ? [state, []] : abandon(state.round, 'stopped');
}

function receive(state: ServerState, from: DeviceId, message: UpMessage): Step {
  const { round, phase } = state;
  if (!round.invited.has(from)) return refuse(state, from, 'forbidden', 'this device was not invited to the round');
  if (message.name === 'resume') return resume(state, from);
  if (phase.at === 'ended') return refuse(state, from, 'round-over', 'the round is over');
  if (round.withdrawn.has(from)) return refuse(state, from, 'round-over', 'this device has left the round');
  if (message.name === 'withdraw') return answering(from, { ok: true }, closeWhenDue(withdraw(state, from)));
  try {
    if (message.name === 'advertise') return receiveAdvertisement(state, from, message);
    return receiveAnswer(state, from, message.name, message);
  } catch (error) {
    if (error instanceof ChoraleError) return refuse(state, from, error.code, error.message);
    throw error;
  }
}

function receiveAdvertisement(state: ServerState, from: DeviceId, { body }: UpMessage): Step {
  const { round, phase } = state;
  if (round.advertised.has(from)) return refuse(state, from, 'duplicate', 'this device has advertised already');
  if (phase.at !== 'gathering') return refuse(state, from, 'round-full', 'the roster is closed');
  const next = { round: keepAdvertisement(round, from, body), phase };
  return answering(from, { ok: true }, closeWhenDue(next));
}

function receiveAnswer(state: ServerState, from: DeviceId, turn: Turn, { body }: UpMessage): Step {
  const { round, phase } = state;
  const place = round.members?.placeOf.get(from);
  if (place === undefined) return refuse(state, from, 'wrong-turn', 'this device is not on the roster');
  if (hasAnswered(round, place, turn)) return refuse(state, from, 'duplicate', 'this turn has been answered already');
  const isDue = phase.at === 'collecting' && round.turn === turn && phase.awaited.has(place);
  if (!isDue) return refuse(state, from, 'wrong-turn', `the round does not await '${turn}' from this device`);
  const next = { round: markAnswered(round, place, turn), phase: phase.accept(place, body) };
  return answering(from, { ok: true }, closeWhenDue(next));
}

/** Repeats what a device may have missed while it was away. */
function resume(state: ServerState, from: DeviceId): Step {
  const { round, phase } = state;
  const missed = () => {
    if (phase.at === 'ended') return round.advertised.has(from) ? farewell(phase.outcome, from) : undefined;
    const place = round.members?.placeOf.get(from);
    if (phase.at !== 'collecting' || place === undefined || isOut(round, place)) return undefined;
    return hasAnswered(round, place, round.turn) ? undefined : phase.request(place);
  };
  const message = missed();
  return answering(from, { ok: true }, [state, message ? [{ do: 'send', to: from, message }] : []]);
}

function withdraw(state: ServerState, from: DeviceId): ServerState {
  const { round } = state;
  if (!round.members) return { ...state, round: withdrawAll(round, [from]) };
  return { ...state, round: { ...round, withdrawn: new Set([...round.withdrawn, from]) } };
}

/** A turn is over when all who are still connected have answered, or at its deadline. */
function closeWhenDue(state: ServerState): Step {
  const { round, phase } = state;
  if (phase.at === 'gathering') {
    return isGathered(round) || round.now >= phase.deadline ? closeGathering(round, phase) : [state, []];
  }
  if (phase.at !== 'collecting') return [state, []];
  return round.now >= phase.deadline || !isOwed(round, phase.awaited) ? phase.close(round) : [state, []];
}

/** Whether an answer may still come. Asked after every message, so it stops at the first who owes one. */
function isOwed(round: Round, awaited: ReadonlySet<number>): boolean {
  for (const place of awaited) if (!hasAnswered(round, place, round.turn) && !isAway(round, place)) return true;
  return false;
}

function isAway(round: Round, place: number): boolean {
  return round.disconnected.has(membersOf(round).ids[place]!) || isOut(round, place);
}

function hasAnswered({ answered }: Round, place: number, turn: Turn): boolean {
  return (answered[place]! & turnBit(turn)) !== 0;
}

function markAnswered(round: Round, place: number, turn: Turn): Round {
  const answered = round.answered.slice();
  answered[place]! |= turnBit(turn);
  return { ...round, answered };
}

function connect(state: ServerState, device: DeviceId): ServerState {
  const { round } = state;
  if (!round.disconnected.has(device)) return state;
  return {
    ...state,
    round: { ...round, disconnected: new Set([...round.disconnected].filter((id) => id !== device)) },
  };
}

function disconnect(state: ServerState, device: DeviceId): ServerState {
  const { round } = state;
  return { ...state, round: { ...round, disconnected: new Set([...round.disconnected, device]) } };
}

function refuse(state: ServerState, to: DeviceId, code: ErrorCode, detail: string): Step {
  return answering(to, { ok: false, code, detail }, [state, []]);
}

function answering(to: DeviceId, reply: Reply, [state, effects]: Step): Step {
  const answer: ServerEffect = { do: 'answer', to, reply };
  return [state, [answer, ...effects]];
}
