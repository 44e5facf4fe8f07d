/** One cohort from its roster on: answers its members, knows who of them is there, and closes a turn when it is over. */

import { type Bytes, bytes } from '../../bytes.ts';
import { ChoraleError } from '../../errors.ts';
import type { DeviceId } from '../../ids.ts';
import type { Instant } from '../../ports.ts';
import type { Turn, UpMessage } from '../messages.ts';
import { openDeal } from './deal.ts';
import { type Account, answering, emptyAccount, farewell, refuse, type ServerEvent } from './round.ts';
import { abandon, type CohortState, isOut, type OpenCohort, type Run, type Step, turnBit } from './run.ts';

/** Sends the roster. @param round the members, and who of them is away or has left already */
export function startCohort(round: Omit<Run, keyof Account | 'turn' | 'answered' | 'lost'>, roster: Bytes): Step {
  const devices = round.members.ids.length;
  const fresh = { turn: 'deal', answered: bytes(devices), lost: new Set<number>() } as const;
  return openDeal({ ...round, ...emptyAccount(devices, devices), ...fresh }, roster);
}

/** @param event a message of a member, or what concerns the whole round */
export function stepCohort(state: CohortState, event: ServerEvent): Step {
  if (state.at === 'ended') return [state, []];
  const current = { ...state, run: { ...state.run, now: event.now } };
  switch (event.on) {
    case 'gone':
      return closeWhenDue(disconnect(current, event.device as DeviceId));
    case 'wake':
      return closeWhenDue(current);
    case 'computed':
      return current.phase.at === 'working' && current.phase.id === event.id
        ? current.phase.next(current.run, event.result)
        : [current, []];
    case 'message':
    case 'persisted':
      return [current, []];
  }
}

/** Answers a member. */
export function receiveFrom(from: DeviceId, message: UpMessage, state: CohortState, now: Instant): Step {
  if (state.at === 'ended') return afterEnd(from, message, state);
  const current = connect({ ...state, run: { ...state.run, now } }, from);
  if (message.name === 'resume') return resume(current, from);
  if (current.run.withdrawn.has(from)) return refuse(current, from, 'round-over', 'this device has left the round');
  if (message.name === 'withdraw') return answering(from, { ok: true }, closeWhenDue(withdraw(current, from)));
  if (message.name === 'advertise') return refuse(current, from, 'duplicate', 'this device has advertised already');
  try {
    return receiveAnswer(current, from, message.name, message);
  } catch (error) {
    if (error instanceof ChoraleError) return refuse(current, from, error.code, error.message);
    throw error;
  }
}

/** Ends the cohort from outside, as when the coordinator shuts down. */
export function stopCohort(state: CohortState, reason: 'stopped' | 'too-few-cohorts' = 'stopped'): Step {
  return state.at === 'ended' ? [state, []] : abandon(state.run, reason);
}

function afterEnd(from: DeviceId, { name }: UpMessage, state: Extract<CohortState, { at: 'ended' }>): Step {
  if (name !== 'resume') return refuse(state, from, 'round-over', 'the round is over');
  const message = farewell(state.outcome, from);
  return answering(from, { ok: true }, [state, [{ do: 'send', to: from, message }]]);
}

function receiveAnswer(state: OpenCohort, from: DeviceId, turn: Turn, { body }: UpMessage): Step {
  const { run, phase } = state;
  const place = run.members.placeOf.get(from)!;
  if (hasAnswered(run, place, turn)) return refuse(state, from, 'duplicate', 'this turn has been answered already');
  const isDue = phase.at === 'collecting' && run.turn === turn && phase.awaited.has(place);
  if (!isDue) return refuse(state, from, 'wrong-turn', `the round does not await '${turn}' from this device`);
  const next = { ...state, run: markAnswered(run, place, turn), phase: phase.accept(place, body) };
  return answering(from, { ok: true }, closeWhenDue(next));
}

/** Repeats what a device may have missed while it was away. */
function resume(state: OpenCohort, from: DeviceId): Step {
  const { run, phase } = state;
  const place = run.members.placeOf.get(from)!;
  const isMissing = phase.at === 'collecting' && !isOut(run, place) && !hasAnswered(run, place, run.turn);
  const message = isMissing ? phase.request(place) : undefined;
  return answering(from, { ok: true }, [state, message ? [{ do: 'send', to: from, message }] : []]);
}

/** A turn is over when all who are still connected have answered, or at its deadline. */
function closeWhenDue(state: OpenCohort): Step {
  const { run, phase } = state;
  if (phase.at !== 'collecting') return [state, []];
  return run.now >= phase.deadline || !isOwed(run, phase.awaited) ? phase.close(run) : [state, []];
}

/** Whether an answer may still come. Asked after every message, so it stops at the first who owes one. */
function isOwed(run: Run, awaited: ReadonlySet<number>): boolean {
  for (const place of awaited) if (!hasAnswered(run, place, run.turn) && !isAway(run, place)) return true;
  return false;
}

function isAway(run: Run, place: number): boolean {
  return run.disconnected.has(run.members.ids[place]!) || isOut(run, place);
}

function hasAnswered({ answered }: Run, place: number, turn: Turn): boolean {
  return (answered[place]! & turnBit(turn)) !== 0;
}

function markAnswered(run: Run, place: number, turn: Turn): Run {
  const answered = run.answered.slice();
  answered[place]! |= turnBit(turn);
  return { ...run, answered };
}

function connect(state: OpenCohort, device: DeviceId): OpenCohort {
  const { run } = state;
  if (!run.disconnected.has(device)) return state;
  return { ...state, run: { ...run, disconnected: new Set([...run.disconnected].filter((id) => id !== device)) } };
}

function disconnect(state: OpenCohort, device: DeviceId): OpenCohort {
  const { run } = state;
  return { ...state, run: { ...run, disconnected: new Set([...run.disconnected, device]) } };
}

function withdraw(state: OpenCohort, device: DeviceId): OpenCohort {
  const { run } = state;
  return { ...state, run: { ...run, withdrawn: new Set([...run.withdrawn, device]) } };
}
