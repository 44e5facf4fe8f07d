/** A round of cohorts: hands every device's words to its own cohort, and ends when the last cohort has ended. */

import type { DeviceId } from '../../ids.ts';
import type { Instant } from '../../ports.ts';
import type { RosterHeader } from '../header.ts';
import type { UpMessage } from '../messages.ts';
import { receiveFrom, stepCohort, stopCohort } from './cohort.ts';
import {
  answering,
  noOutcome,
  refuse,
  type ServerEffect,
  type ServerEvent,
  type ServerOutcome,
  type Stepped,
  wholeAccount,
} from './round.ts';
import type { CohortState, Step as CohortStep } from './run.ts';
import type { Formed } from './state.ts';

type Step = Stepped<Formed>;

/** @param steps the first step of every cohort, by its number */
export function openCohorts(round: Omit<Formed, 'at' | 'cohorts' | 'wakeAt'>, steps: readonly CohortStep[]): Step {
  const cohorts = steps.map(([cohort]) => cohort);
  const sorry = [...round.surplus].map((device): ServerEffect => ({ do: 'send', to: device, message: noOutcome }));
  const effects = [...sorry, ...steps.flatMap(([, own]) => own)];
  return settle({ at: 'formed', ...round, cohorts, wakeAt: undefined }, effects);
}

export function stepFormed(state: Formed, event: ServerEvent): Step {
  switch (event.on) {
    case 'message':
      return receive(state, event.from as DeviceId, event.message, event.now);
    case 'gone': {
      const cohort = state.cohortOf.get(event.device as DeviceId);
      return cohort === undefined ? [state, []] : advance(state, [cohort], (one) => stepCohort(one, event));
    }
    case 'wake': {
      const isDue = state.wakeAt !== undefined && state.wakeAt <= event.now;
      const awake = isDue ? { ...state, wakeAt: undefined } : state;
      return advance(awake, state.cohorts.keys(), (one) => stepCohort(one, event));
    }
    case 'computed':
    case 'persisted':
      return advance(state, state.cohorts.keys(), (one) => stepCohort(one, event));
  }
}

export function stopFormed(state: Formed): Step {
  return advance(state, state.cohorts.keys(), (cohort) => stopCohort(cohort));
}

/** The header of the cohort that a device is in, while that runs. */
export function headerIn({ cohortOf, cohorts }: Formed, device: DeviceId): RosterHeader | undefined {
  const cohort = cohorts[cohortOf.get(device) ?? -1];
  return cohort?.at === 'open' ? cohort.run.members.cohort.header : undefined;
}

function receive(state: Formed, from: DeviceId, message: UpMessage, now: Instant): Step {
  if (!state.invited.has(from)) return refuse(state, from, 'forbidden', 'this device was not invited to the round');
  const cohort = state.cohortOf.get(from);
  if (cohort === undefined) return receiveFromOutside(state, from, message);
  return advance(state, [cohort], (one) => receiveFrom(from, message, one, now));
}

/** A device that is in none of the cohorts. */
function receiveFromOutside(state: Formed, from: DeviceId, { name }: UpMessage): Step {
  const { surplus, withdrawn } = state;
  if (name === 'resume') {
    const missed: ServerEffect[] = surplus.has(from) ? [{ do: 'send', to: from, message: noOutcome }] : [];
    return answering(from, { ok: true }, [state, missed]);
  }
  if (isOver(state)) return refuse(state, from, 'round-over', 'the round is over');
  if (withdrawn.has(from)) return refuse(state, from, 'round-over', 'this device has left the round');
  if (surplus.has(from)) return refuse(state, from, 'round-over', 'the cohorts of the round had no room');
  if (name === 'withdraw') {
    return answering(from, { ok: true }, [{ ...state, withdrawn: new Set([...withdrawn, from]) }, []]);
  }
  if (name === 'advertise') return refuse(state, from, 'round-full', 'the roster is closed');
  return refuse(state, from, 'wrong-turn', 'this device is not on a roster');
}

/** Lets some cohorts take a step, each for itself. */
function advance(state: Formed, numbers: Iterable<number>, step: (cohort: CohortState) => CohortStep): Step {
  const cohorts = [...state.cohorts];
  const effects: ServerEffect[] = [];
  for (const number of numbers) {
    const [next, own] = step(cohorts[number]!);
    cohorts[number] = next;
    effects.push(...own);
  }
  const next = { ...state, cohorts };
  return isOver(state) ? [next, effects] : settle(next, effects);
}

/**
 * Ends what is left where too little of it is, orders one wake for all cohorts, since each replaces the one before, and says
 * when the last cohort has ended.
 */
function settle(before: Formed, effects: readonly ServerEffect[]): Step {
  const [state, last] = isInVain(before) ? endInVain(before) : [before, []];
  const own = [...effects, ...last].filter((effect) => effect.do !== 'wake');
  const wakeAt = earliestDeadline(state);
  const wakes: ServerEffect[] = wakeAt === undefined || wakeAt === state.wakeAt ? [] : [{ do: 'wake', at: wakeAt }];
  const outcome = outcomeOf(state);
  const finish: ServerEffect[] = outcome ? [{ do: 'finish', outcome }] : [];
  return [{ ...state, wakeAt: wakeAt ?? state.wakeAt }, [...own, ...wakes, ...finish]];
}

/** Whether too many cohorts have failed for the sums of the others to be of use. */
function isInVain({ cohorts, leastCohorts }: Formed): boolean {
  const hopeful = cohorts.filter((cohort) => cohort.at === 'open' || cohort.outcome.kind === 'committed');
  return hopeful.length < leastCohorts;
}

function endInVain(state: Formed): Step {
  const steps = state.cohorts.map((cohort) => stopCohort(cohort, 'too-few-cohorts'));
  return [{ ...state, cohorts: steps.map(([cohort]) => cohort) }, steps.flatMap(([, effects]) => effects)];
}

function earliestDeadline({ cohorts }: Formed): Instant | undefined {
  const deadlines = cohorts.flatMap((cohort) =>
    cohort.at === 'open' && cohort.phase.at === 'collecting' ? [cohort.phase.deadline] : [],
  );
  return deadlines.length === 0 ? undefined : Math.min(...deadlines);
}

function isOver({ cohorts }: Formed): boolean {
  return cohorts.every(({ at }) => at === 'ended');
}

function outcomeOf({ cohorts, account }: Formed): ServerOutcome | undefined {
  const outcomes = cohorts.flatMap((cohort) => (cohort.at === 'ended' ? [cohort.outcome] : []));
  if (outcomes.length < cohorts.length) return undefined;
  return { kind: 'formed', cohorts: outcomes, ...wholeAccount(account, outcomes) };
}
