/**
 * The coordinator's side of secure aggregation as a pure machine. Devices gather; then each cohort that forms runs by
 * itself, turn by turn, and the round is over with the last of them. Each turn is a file under `server/`.
 */

import { invariant } from '../errors.ts';
import { type DeviceId, isDeviceId } from '../ids.ts';
import type { Instant } from '../ports.ts';
import type { RosterHeader } from './header.ts';
import type { UpMessage } from './messages.ts';
import { gather, stepGathering } from './server/advertise.ts';
import { headerIn, stepFormed, stopFormed } from './server/formed.ts';
import { answering, noOutcome, refuse, type ServerEvent, type ServerSetup } from './server/round.ts';
import { type Dissolved, dissolve, type ServerState, type Step } from './server/state.ts';

export {
  type AbandonReason,
  type Account,
  abandonReasons,
  type CohortOutcome,
  type Funnel,
  noOutcome,
  type RoundTranscript,
  type ServerEffect,
  type ServerEvent,
  type ServerOutcome,
  type ServerSetup,
} from './server/round.ts';
export type { ServerState } from './server/state.ts';

/** Opens the round for the invited devices, which have the plan and are connected. */
export function startServer(setup: ServerSetup, now: Instant): Step {
  invariant(Number.isInteger(setup.cohorts) && setup.cohorts >= 1, 'a round wants a whole number of cohorts');
  return gather(setup, now);
}

export function stepServer(state: ServerState, event: ServerEvent): Step {
  if (event.on === 'message' && !isDeviceId(event.from)) return [state, []];
  if (event.on === 'gone' && !isDeviceId(event.device)) return [state, []];
  switch (state.at) {
    case 'gathering':
      return stepGathering(state, event);
    case 'formed':
      return stepFormed(state, event);
    case 'dissolved':
      return event.on === 'message' ? receive(state, event.from as DeviceId, event.message) : [state, []];
  }
}

/** Ends what is open from outside, as when the coordinator shuts down. */
export function stopServer(state: ServerState): Step {
  switch (state.at) {
    case 'gathering':
      return dissolve(state.gathered, 'stopped');
    case 'formed':
      return stopFormed(state);
    case 'dissolved':
      return [state, []];
  }
}

/** The header under which a device runs, while its cohort does. */
export function headerFor(state: ServerState, device: DeviceId): RosterHeader | undefined {
  return state.at === 'formed' ? headerIn(state, device) : undefined;
}

function receive(state: Dissolved, from: DeviceId, { name }: UpMessage): Step {
  if (!state.invited.has(from)) return refuse(state, from, 'forbidden', 'this device was not invited to the round');
  if (name !== 'resume') return refuse(state, from, 'round-over', 'the round is over');
  return answering(from, { ok: true }, [
    state,
    state.waiting.has(from) ? [{ do: 'send', to: from, message: noOutcome }] : [],
  ]);
}
