/**
 * A device's life with one task, as a sans-IO machine: connect, prove the identity, check in, prepare a round's
 * contribution, run the secure aggregation, rest, again. Lost connections are met with `resume` and the same bytes as
 * before; everything about a round lives in memory only, so a restarted device is a dropout of that round.
 */

import { type Bytes, base64url, equal, type Instant, type Packet, type Reply } from '@chorale/shared';
import { type CryptoJob, type CryptoResult, sha256 } from '@chorale/shared/crypto';
import {
  type ClientEffect,
  type ClientEvent,
  type ClientOutcome,
  type ClientRecord,
  type ClientSetup,
  type ClientState,
  downNames,
  resendClient,
  startClient,
  stepClient,
  type UpMessage,
  verifiedCredentials,
} from '@chorale/shared/secagg';
import { challengeHeader, paceHeader, planHeader, roundHeader } from '@chorale/shared/wire';
import * as z from 'zod/mini';
import { backoffMs, patientBackoff, roundBackoff } from './backoff.ts';
import { type DeclineReason, type RoundOutcome, type StopReason, stopCodeOf } from './outcome.ts';

/** A plan as it came, for the shell to verify and to train for. */
export type Offer = { readonly round: bigint; readonly algorithm: string; readonly bundle: Bytes };

type Link =
  | { readonly is: 'down'; readonly until: Instant }
  /** Connecting, or connected and waiting for the challenge. */
  | { readonly is: 'opening'; readonly until: Instant }
  | { readonly is: 'proving'; readonly nonce: string }
  /** The signature proves the identity as long as this connection lasts. */
  | {
      readonly is: 'up';
      readonly signature: string;
      /** Until a `resume` is answered, the coordinator does not know yet who speaks: messages of the round wait. */
      readonly isLetIn: boolean;
    }
  | { readonly is: 'closed' };

/** A round that this device was invited to. */
type Invitation = {
  readonly round: bigint;
  /** SHA-256 of the plan as it came. */
  readonly planHash: Bytes;
  /** Plans for the same round that are not this one: two of them are proof that the coordinator cheats. */
  readonly otherPlans: number;
};

type Work =
  | { readonly is: 'resting'; readonly until: Instant }
  /** Checked in: a plan may come. Whoever waits longer checks in again: its plan, or the check-in itself, may be lost. */
  | { readonly is: 'waiting'; readonly until: Instant }
  | ({ readonly is: 'preparing' } & Invitation)
  | ({
      readonly is: 'running';
      readonly client: ClientState;
      readonly wakeAt: Instant | undefined;
      /** When even the slowest honest round is over. */
      readonly endsAt: Instant;
    } & Invitation);

export type SessionState = {
  readonly link: Link;
  readonly work: Work;
  /** In a row: connections and check-ins that failed, rounds that were declined. */
  readonly failures: number;
  readonly declines: number;
  /** Greatest round that this device has claimed or declined. */
  readonly lastRound: bigint | undefined;
  /** Neighbours' credentials verified in earlier rounds: most neighbours come again. */
  readonly knownCredentials: ReadonlySet<string>;
};

/** `chance` is uniform in [0, 1): all that a step needs of randomness, for jitter. */
export type SessionEvent = { readonly now: Instant; readonly chance: number } & SessionHappening;
export type SessionHappening =
  | { readonly on: 'start' | 'wake' | 'leave' }
  /** Also a connection that did not come about; with the code of a refused handshake. */
  | { readonly on: 'disconnected'; readonly code?: string | undefined; readonly retryAfterMs?: number | undefined }
  | { readonly on: 'packet'; readonly packet: Packet }
  | { readonly on: 'proved'; readonly nonce: string; readonly signature: Bytes }
  | { readonly on: 'replied'; readonly to: string; readonly round: bigint | undefined; readonly reply: Reply }
  | { readonly on: 'prepared'; readonly round: bigint; readonly setup: ClientSetup }
  | { readonly on: 'declined'; readonly round: bigint; readonly reason: DeclineReason }
  | { readonly on: 'computed'; readonly round: bigint; readonly id: number; readonly result: CryptoResult }
  | { readonly on: 'persisted'; readonly round: bigint; readonly id: number };

export type SessionEffect =
  | { readonly do: 'connect' | 'disconnect' }
  /** Sign the challenge with the identity key. */
  | { readonly do: 'prove'; readonly nonce: string }
  | { readonly do: 'send'; readonly packet: Packet; readonly round: bigint | undefined }
  | { readonly do: 'prepare'; readonly offer: Offer; readonly lastRound: bigint | undefined }
  /** Whatever is being prepared or computed for a round is of no use any more. */
  | { readonly do: 'drop'; readonly round: bigint }
  | { readonly do: 'compute'; readonly round: bigint; readonly id: number; readonly job: CryptoJob }
  | { readonly do: 'persist'; readonly round: bigint; readonly id: number; readonly record: ClientRecord }
  /** Replaces the wake before it. */
  | { readonly do: 'wake'; readonly at: Instant }
  | { readonly do: 'report'; readonly round: bigint; readonly outcome: RoundOutcome }
  | { readonly do: 'stop'; readonly reason: StopReason };

export type SessionStep = readonly [SessionState, readonly SessionEffect[]];

/** A challenge comes at once; a coordinator that sends none is not one. */
const challengeMs = 30_000;
/** Resting longer than this, a device hangs up meanwhile. */
const longRestMs = 60_000;
const defaultRestMs = 5_000;
const longWaitMs = 300_000;
/** Devices leave a round together; they do not come back in the same instant. */
const spreadMs = 250;
const mostCredentials = 4096;

export function newSession(lastRound: bigint | undefined): SessionState {
  return {
    link: { is: 'down', until: Number.POSITIVE_INFINITY },
    work: { is: 'resting', until: 0 },
    failures: 0,
    declines: 0,
    lastRound,
    knownCredentials: new Set(),
  };
}

/** One step; every step says anew when the shell must wake the machine. */
export function stepSession(state: SessionState, event: SessionEvent): SessionStep {
  if (state.link.is === 'closed') return [state, []];
  const [next, effects] = happen(state, event);
  const at = wakeTime(next);
  return at === undefined ? [next, effects] : [next, [...effects, { do: 'wake', at }]];
}

function happen(state: SessionState, event: SessionEvent): SessionStep {
  switch (event.on) {
    case 'start':
      return open(state, event);
    case 'disconnected':
      return afterLoss(state, event);
    case 'packet':
      return receive(state, event, event.packet);
    case 'proved':
      return greet(state, event);
    case 'replied':
      return afterReply(state, event);
    case 'prepared':
      return enterRound(state, event);
    case 'declined':
      return roundOf(state) === event.round ? decline(state, event, event.reason) : [state, []];
    case 'computed':
    case 'persisted':
      return roundOf(state) === event.round ? stepRound(state, event) : [state, []];
    case 'wake':
      return wake(state, event);
    case 'leave':
      return leave(state);
  }
}

// Connection

function open(state: SessionState, { now }: SessionEvent): SessionStep {
  return [{ ...state, link: { is: 'opening', until: now + challengeMs } }, [{ do: 'connect' }]];
}

type Loss = Extract<SessionEvent, { on: 'disconnected' }>;

/** In a round the others wait for this device; otherwise nobody does. */
function afterLoss(state: SessionState, event: Loss): SessionStep {
  if (state.link.is === 'down') return [state, []];
  const stopCode = stopCodeOf(event.code);
  if (stopCode !== undefined) return stop(state, stopCode);
  const failures = state.failures + 1;
  const isBusy = state.work.is === 'preparing' || state.work.is === 'running';
  const delay = backoffMs(failures, event.chance, isBusy ? roundBackoff : patientBackoff);
  const until = event.now + Math.max(delay, event.retryAfterMs ?? 0);
  const work: Work = state.work.is === 'waiting' ? { is: 'resting', until: event.now } : state.work;
  return [{ ...state, failures, work, link: { is: 'down', until } }, []];
}

/** The identity is proved: back into the round, or into the pool of those who wait for one. */
function greet(state: SessionState, event: Extract<SessionEvent, { on: 'proved' }>): SessionStep {
  if (state.link.is !== 'proving' || state.link.nonce !== event.nonce) return [state, []];
  const signature = base64url(event.signature);
  const up: SessionState = { ...state, link: { is: 'up', signature, isLetIn: true } };
  const { work } = up;
  if (work.is === 'preparing' || work.is === 'running') {
    const header = { signature, round: work.round.toString() };
    return [
      { ...up, link: { is: 'up', signature, isLetIn: false } },
      [{ do: 'send', round: work.round, packet: { name: 'resume', header } }],
    ];
  }
  return work.is === 'resting' && work.until <= event.now ? checkIn(up, event, signature) : [up, []];
}

function checkIn(state: SessionState, { now, chance }: Moment, signature: string): SessionStep {
  const last = state.lastRound === undefined ? {} : { lastRound: state.lastRound.toString() };
  const packet = { name: 'check-in', header: { signature, ...last } };
  const until = now + Math.floor(longWaitMs * (1 + chance));
  // It proves who speaks as well as a resume does, and no plan comes before it has arrived.
  return [{ ...letIn(state), work: { is: 'waiting', until } }, [{ do: 'send', round: undefined, packet }]];
}

function stop(state: SessionState, reason: StopReason): SessionStep {
  const dropped = dropWork(state);
  const next: SessionState = { ...state, link: { is: 'closed' }, work: { is: 'resting', until: 0 } };
  return [next, [...dropped, { do: 'disconnect' }, { do: 'stop', reason }]];
}

function leave(state: SessionState): SessionStep {
  const round = roundOf(state);
  const [next, effects] = stop(state, 'left');
  if (round === undefined) return [next, [...withdrawal(state, round), ...effects]];
  const report: SessionEffect = { do: 'report', round, outcome: { outcome: 'ended', reason: 'left' } };
  return [next, [...withdrawal(state, round), report, ...effects]];
}

// What the coordinator says

function receive(state: SessionState, event: SessionEvent, packet: Packet): SessionStep {
  switch (packet.name) {
    case 'challenge':
      return afterChallenge(state, packet);
    case 'plan':
      return afterPlan(state, packet);
    case 'pace':
      return afterPace(state, event, packet);
    default:
      return afterRoundPacket(state, event, packet);
  }
}

function afterChallenge(state: SessionState, packet: Packet): SessionStep {
  const header = z.safeParse(challengeHeader, packet.header);
  if (!header.success || state.link.is !== 'opening') return [state, []];
  const { nonce } = header.data;
  return [{ ...state, link: { is: 'proving', nonce } }, [{ do: 'prove', nonce }]];
}

/** Only who has checked in has asked for a plan; the first one counts. */
function afterPlan(state: SessionState, packet: Packet): SessionStep {
  const header = z.safeParse(planHeader, packet.header);
  if (!header.success || packet.body === undefined) return [state, []];
  const { algorithm } = header.data;
  const round = BigInt(header.data.round);
  const planHash = sha256(packet.body);
  if (state.work.is !== 'waiting') return [withOtherPlan(state, round, planHash), []];
  const offer = { round, algorithm, bundle: packet.body };
  const effect: SessionEffect = { do: 'prepare', offer, lastRound: state.lastRound };
  return [{ ...state, work: { is: 'preparing', round, planHash, otherPlans: 0 } }, [effect]];
}

function withOtherPlan(state: SessionState, round: bigint, planHash: Bytes): SessionState {
  const { work } = state;
  if (roundOf(state) !== round || !('planHash' in work) || equal(work.planHash, planHash)) return state;
  return { ...state, work: { ...work, otherPlans: work.otherPlans + 1 } };
}

function afterPace(state: SessionState, event: SessionEvent, packet: Packet): SessionStep {
  const header = z.safeParse(paceHeader, packet.header);
  if (!header.success) return [state, []];
  const { reason, checkInAfterMs = defaultRestMs } = header.data;
  const [idle, effects] = endRound(state, event, { outcome: 'ended', reason });
  if (reason === 'task-done' || reason === 'task-exhausted') {
    const [closed, last] = stop(idle, 'task-done');
    return [closed, [...effects, ...last]];
  }
  // A tenth of spread, so that those who were told the same do not come at the same instant.
  const [next, more] = rest(idle, event, Math.ceil(checkInAfterMs * (1 + event.chance / 10)));
  return [next, [...effects, ...more]];
}

function afterRoundPacket(state: SessionState, event: SessionEvent, packet: Packet): SessionStep {
  const header = z.safeParse(roundHeader, packet.header);
  if (!header.success || packet.body === undefined) return [state, []];
  if (roundOf(state) !== BigInt(header.data.round)) return [state, []];
  const { name, body } = packet;
  const known = downNames.find((one) => one === name);
  if (known === undefined) return [state, []];
  return stepRound(state, { ...momentOf(event), on: 'message', from: 'coordinator', message: { name: known, body } });
}

function afterReply(state: SessionState, event: Extract<SessionEvent, { on: 'replied' }>): SessionStep {
  const { reply, round } = event;
  const stopCode = reply.ok ? undefined : stopCodeOf(reply.code);
  if (stopCode !== undefined) return stop(state, stopCode);
  if (event.to === 'check-in') return afterCheckIn(state, event, reply);
  if (round === undefined || roundOf(state) !== round) return [state, []];
  // To be let back in proves nothing yet: only a message that is taken ends a row of failures.
  if (reply.ok) return event.to === 'resume' ? resendRound(letIn(state), event) : [{ ...state, failures: 0 }, []];
  if (isHarmless(reply.code)) return [state, []];
  if (reply.code === 'rate-limited' || reply.code === 'store-unavailable') return hangUp(state, event, reply);
  return endRound(state, event, { outcome: 'ended', reason: reply.code });
}

function letIn(state: SessionState): SessionState {
  return state.link.is === 'up' ? { ...state, link: { ...state.link, isLetIn: true } } : state;
}

/** The message may be taken later: the connection that comes next resends it. */
function hangUp(state: SessionState, { now, chance }: Moment, { retryAfterMs = 0 }: Refusal): SessionStep {
  const failures = state.failures + 1;
  const until = now + Math.max(retryAfterMs, backoffMs(failures, chance, roundBackoff));
  return [{ ...state, failures, link: { is: 'down', until } }, [{ do: 'disconnect' }]];
}

/** The coordinator has the message already, or no use for it any more: who is late in one turn may help in the next. */
function isHarmless(code: string): boolean {
  return code === 'duplicate' || code === 'wrong-turn';
}

function afterCheckIn(state: SessionState, event: SessionEvent, reply: Reply): SessionStep {
  if (reply.ok || reply.code === 'duplicate') return [{ ...state, failures: 0 }, []];
  if (state.work.is !== 'waiting') return [state, []];
  const failures = state.failures + 1;
  const delay = Math.max(reply.retryAfterMs ?? 0, backoffMs(failures, event.chance, patientBackoff));
  return rest({ ...state, failures }, event, delay);
}

// The round

type Running = SessionState & { readonly work: Extract<Work, { is: 'running' }> };
/** What the secure-aggregation machine eats, with the session's own share of chance. */
type RoundEvent = ClientEvent & Moment;

function enterRound(state: SessionState, event: Extract<SessionEvent, { on: 'prepared' }>): SessionStep {
  const { round, setup, now } = event;
  if (state.work.is !== 'preparing' || state.work.round !== round) return [state, []];
  const { planHash, otherPlans } = state.work;
  const [client, effects] = startClient({ ...setup, knownCredentials: state.knownCredentials }, now);
  const turns = Object.values(setup.plan.limits).reduce((sum, limit) => sum + limit, 0);
  const endsAt = now + turns + longRestMs;
  const work = { is: 'running', round, planHash, otherPlans, client, wakeAt: undefined, endsAt } as const;
  // The claim is about to be written, and the next plan must be for a later round whatever becomes of this one.
  return follow({ ...state, lastRound: round, work }, event, effects);
}

function stepRound(state: SessionState, event: RoundEvent): SessionStep {
  if (!isRunning(state)) return [state, []];
  const [client, effects] = stepClient(state.work.client, event);
  return follow({ ...state, work: { ...state.work, client } }, event, effects);
}

function resendRound(state: SessionState, moment: Moment): SessionStep {
  if (!isRunning(state)) return [state, []];
  return follow(state, moment, resendClient(state.work.client));
}

/** Translates what the round's machine orders; its end is the end of the round. */
function follow(start: Running, moment: Moment, orders: readonly ClientEffect[]): SessionStep {
  let state: Running = start;
  const { round } = state.work;
  const effects: SessionEffect[] = [];
  for (const order of orders) {
    switch (order.do) {
      case 'send':
        effects.push(...sendOf(state, order.message));
        break;
      case 'wake':
        state = { ...state, work: { ...state.work, wakeAt: order.at } };
        break;
      case 'finish': {
        const [next, last] = finish({ ...state, knownCredentials: withVerified(state) }, moment, order.outcome);
        return [next, [...effects, ...last]];
      }
      default:
        effects.push({ ...order, round });
    }
  }
  return [state, effects];
}

/** A task has more devices than a device ever meets; what it met long ago it may verify again. */
function withVerified({ knownCredentials, work }: Running): ReadonlySet<string> {
  const met = verifiedCredentials(work.client);
  return knownCredentials.size + met.size > mostCredentials ? met : new Set([...knownCredentials, ...met]);
}

function finish(state: SessionState, moment: Moment, outcome: ClientOutcome): SessionStep {
  const contradictions = outcome.contradictions.length;
  switch (outcome.kind) {
    case 'completed': {
      const { survivors, isIncluded } = outcome;
      const completed = { outcome: 'completed', survivors, isIncluded, contradictions } as const;
      return endRound({ ...state, declines: 0 }, moment, completed);
    }
    case 'refused':
      return decline(state, moment, outcome.reason, contradictions);
    case 'ended': {
      const said = outcome.by === 'device' ? withdrawal(state, roundOf(state)) : [];
      const [next, effects] = endRound(state, moment, { outcome: 'ended', reason: outcome.detail, contradictions });
      return [next, [...said, ...effects]];
    }
  }
}

/** The coordinator learns that this device withdraws, not why: reasons would tell it private history. */
function decline(state: SessionState, moment: Moment, reason: DeclineReason, contradictions = 0): SessionStep {
  const round = roundOf(state);
  const declines = state.declines + 1;
  const said = withdrawal(state, round);
  // The coordinator must not offer this round again: the answer would be the same.
  const [ended, effects] = endRound({ ...state, declines, lastRound: round ?? state.lastRound }, moment, {
    outcome: 'declined',
    reason,
    contradictions,
  });
  const [next, more] = rest(ended, moment, backoffMs(declines, moment.chance, patientBackoff));
  return [next, [...said, ...effects, ...more]];
}

/** Leaves the round, if there is one, and comes back at once unless told otherwise. */
function endRound(state: SessionState, moment: Moment, said: RoundOutcome): SessionStep {
  const round = roundOf(state);
  const outcome = withOtherPlans(said, state.work);
  const dropped = dropWork(state);
  const [next, effects] = rest(state, moment, Math.floor(moment.chance * spreadMs));
  if (round === undefined) return [next, effects];
  return [next, [...dropped, { do: 'report', round, outcome }, ...effects]];
}

function withOtherPlans(outcome: RoundOutcome, work: Work): RoundOutcome {
  const count = 'otherPlans' in work ? work.otherPlans : 0;
  return count === 0 ? outcome : { ...outcome, contradictions: (outcome.contradictions ?? 0) + count };
}

/** Waits before the next check-in; for a longer rest it hangs up. */
function rest(state: SessionState, { now }: Moment, delayMs: number): SessionStep {
  const next: SessionState = { ...state, work: { is: 'resting', until: now + delayMs } };
  if (delayMs <= longRestMs || state.link.is !== 'up') return [next, []];
  return [{ ...next, link: { is: 'down', until: now + delayMs } }, [{ do: 'disconnect' }]];
}

// Time

function wake(state: SessionState, event: SessionEvent): SessionStep {
  const { link, work } = state;
  const isDue = (at: Instant | undefined) => at !== undefined && at <= event.now;
  if (work.is === 'running' && isDue(work.endsAt))
    return endRound(state, event, { outcome: 'ended', reason: 'too late' });
  if (work.is === 'running' && isDue(work.wakeAt)) {
    const awake = { ...state, work: { ...work, wakeAt: undefined } };
    return stepRound(awake, { ...momentOf(event), on: 'wake' });
  }
  if (link.is === 'opening' && isDue(link.until)) return [state, [{ do: 'disconnect' }]];
  if (link.is === 'down' && isDue(connectTime(state))) return open(state, event);
  if (link.is === 'up' && (work.is === 'resting' || work.is === 'waiting') && isDue(work.until))
    return checkIn(state, event, link.signature);
  return [state, []];
}

/** When the machine next has something to do by itself. */
function wakeTime(state: SessionState): Instant | undefined {
  const { link, work } = state;
  const times = [
    link.is === 'down' ? connectTime(state) : undefined,
    link.is === 'opening' ? link.until : undefined,
    link.is === 'up' && (work.is === 'resting' || work.is === 'waiting') ? work.until : undefined,
    work.is === 'running' ? work.wakeAt : undefined,
    work.is === 'running' ? work.endsAt : undefined,
  ].filter((time) => time !== undefined && Number.isFinite(time));
  return times.length === 0 ? undefined : Math.min(...(times as Instant[]));
}

/** Nobody connects only to wait. */
function connectTime({ link, work }: SessionState): Instant | undefined {
  if (link.is !== 'down') return undefined;
  return work.is === 'resting' ? Math.max(link.until, work.until) : link.until;
}

// Parts

type Moment = Pick<SessionEvent, 'now' | 'chance'>;
type Refusal = Extract<Reply, { ok: false }>;

function momentOf({ now, chance }: Moment): Moment {
  return { now, chance };
}

function roundOf({ work }: SessionState): bigint | undefined {
  return work.is === 'preparing' || work.is === 'running' ? work.round : undefined;
}

function isRunning(state: SessionState): state is Running {
  return state.work.is === 'running';
}

/** Without a connection nothing is sent: the round's machine keeps its message for a resend. Withdrawals are ours to say. */
function sendOf(state: SessionState, message: UpMessage): readonly SessionEffect[] {
  const round = roundOf(state);
  const isHeard = state.link.is === 'up' && state.link.isLetIn;
  if (!isHeard || round === undefined || message.name === 'withdraw') return [];
  const packet = { name: message.name, header: { round: round.toString() }, body: message.body };
  return [{ do: 'send', round, packet }];
}

function withdrawal({ link }: SessionState, round: bigint | undefined): readonly SessionEffect[] {
  if (link.is !== 'up') return [];
  const header = round === undefined ? {} : { round: round.toString() };
  return [{ do: 'send', round, packet: { name: 'withdraw', header } }];
}

function dropWork(state: SessionState): readonly SessionEffect[] {
  const round = roundOf(state);
  return round === undefined ? [] : [{ do: 'drop', round }];
}
