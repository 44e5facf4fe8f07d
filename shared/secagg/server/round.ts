/** A round to whoever runs the machine: what it is given, what happens to it, what it orders, and how it ends. */

import type { Bytes } from '../../bytes.ts';
import type { CryptoJob, CryptoResult, ResultOf } from '../../crypto/index.ts';
import { type ErrorCode, invariant } from '../../errors.ts';
import type { DeviceId } from '../../ids.ts';
import type { Effect, Event } from '../../machine.ts';
import type { Reply } from '../../ports.ts';
import { type CommitteeSignature, encodeOutcome } from '../down-messages.ts';
import { type DownMessage, type Turn, turns, type UpMessage } from '../messages.ts';
import type { Parameters } from '../parameters.ts';
import type { Plan } from '../plan.ts';

export type ServerSetup = {
  readonly plan: Plan;
  /** D as it was signed and sent. */
  readonly planBytes: Bytes;
  /** Ed25519 secret of the plan key: signs the roster headers. */
  readonly planSecretKey: Bytes;
  /** Public key that verifies credentials. */
  readonly enrolmentKey: Bytes;
  readonly invited: readonly DeviceId[];
  /** Devices that the round wants in a cohort: rosters close at so many valid advertisements for each, or at the deadline. */
  readonly cohort: number;
  /** G: cohorts that the round wants. Where too few devices come for the plan's least cohort, fewer form. */
  readonly cohorts: number;
  /**
   * Cohorts without whose sums the round gives nothing; 1 unless said. Fewer do not form, and where fewer can still come to
   * an end, those are ended too: nobody gives a vector for nothing.
   */
  readonly leastCohorts?: number;
  /** σ_c² for the parameters of a cohort that came together; 0n unless noise is distributed. */
  readonly noiseVariance: (parameters: Parameters) => bigint;
  /** Largest absolute value of one encoded coordinate before rounding and noise. */
  readonly amplitude: number;
};

/** `from` and `device` are device ids that the shell has authenticated. */
export type ServerEvent = Event<UpMessage, CryptoResult>;
/** Every message is answered at once, in the step that receives it; `finish` comes once, when every cohort has ended. */
export type ServerEffect =
  | Effect<DownMessage, CryptoJob, never, ServerOutcome>
  | { readonly do: 'answer'; readonly to: DeviceId; readonly reply: Reply };

/** How many devices came through each turn. */
export type Funnel = {
  readonly invited: number;
  readonly advertised: number;
  readonly dealt: number;
  readonly acknowledged: number;
  readonly masked: number;
  readonly certified: number;
  readonly unmasked: number;
};

export type Account = {
  readonly funnel: Funnel;
  /** Devices by the first turn that awaited an answer from them which never came or was not valid. */
  readonly droppedByTurn: Readonly<Record<Turn, number>>;
  /** Devices whose own signature proves that they misbehaved. */
  readonly named: readonly DeviceId[];
};

export const abandonReasons = [
  'too-few-devices',
  'too-few-cohorts',
  'no-parameters',
  'too-few-survivors',
  'too-few-signatures',
  'too-few-shares',
  'bad-dealer',
  'sum-out-of-range',
  'computation-failed',
  'stopped',
] as const;
export type AbandonReason = (typeof abandonReasons)[number];

/** What proves afterwards how a cohort's sum came about: no vectors, no shares. */
export type RoundTranscript = {
  readonly planHash: Bytes;
  readonly header: Bytes;
  readonly headerSignature: Bytes;
  readonly rosterRoot: Bytes;
  /** Bitmaps U1 and U2. */
  readonly maskers: Bytes;
  readonly survivors: Bytes;
  readonly committeeSignatures: readonly CommitteeSignature[];
};

type Abandoned = { readonly kind: 'abandoned'; readonly reason: AbandonReason; readonly turn: Turn };

/** How one cohort ended. Its account begins with its roster: all its members were invited and have advertised. */
export type CohortOutcome = Account &
  (
    | {
        readonly kind: 'committed';
        /** Σ x over the survivors, mod 2^32. */
        readonly sum: Uint32Array<ArrayBuffer>;
        readonly survivors: readonly DeviceId[];
        readonly parameters: Parameters;
        readonly transcript: RoundTranscript;
      }
    | Abandoned
  );

/** How the whole round ended, with the account of all its devices. */
export type ServerOutcome = Account &
  (
    | {
        readonly kind: 'formed';
        /** By number of the cohort, at least one. */
        readonly cohorts: readonly CohortOutcome[];
      }
    /** No cohort came together. */
    | Abandoned
  );

/** An account before any answer. */
export function emptyAccount(invited: number, advertised = 0): Account {
  const later = { dealt: 0, acknowledged: 0, masked: 0, certified: 0, unmasked: 0 };
  const dropped = Object.fromEntries(turns.map((turn) => [turn, 0])) as Record<Turn, number>;
  return { funnel: { invited, advertised, ...later }, droppedByTurn: dropped, named: [] };
}

/** The account of a round whose devices went on in these cohorts. @param gathered up to their rosters */
export function wholeAccount(gathered: Account, cohorts: readonly Account[]): Account {
  const { invited, advertised } = gathered.funnel;
  const total = (of: (cohort: Account) => number) => cohorts.reduce((sum, cohort) => sum + of(cohort), 0);
  const later = (turn: Turn) => total(({ droppedByTurn }) => droppedByTurn[turn]);
  return {
    funnel: {
      ...{ invited, advertised },
      dealt: total(({ funnel }) => funnel.dealt),
      acknowledged: total(({ funnel }) => funnel.acknowledged),
      masked: total(({ funnel }) => funnel.masked),
      certified: total(({ funnel }) => funnel.certified),
      unmasked: total(({ funnel }) => funnel.unmasked),
    },
    droppedByTurn: {
      ...(Object.fromEntries(turns.map((turn) => [turn, later(turn)])) as Record<Turn, number>),
      advertise: gathered.droppedByTurn.advertise,
    },
    named: cohorts.flatMap(({ named }) => named),
  };
}

/** Tells a device that nothing came of the round for it. */
export const noOutcome: DownMessage = { name: 'outcome', body: encodeOutcome({ isCommitted: false }) };

/** Tells a device how its cohort ended, and whether its own vector is in the sum. */
export function farewell(outcome: CohortOutcome, device: DeviceId): DownMessage {
  if (outcome.kind === 'abandoned') return noOutcome;
  const { survivors } = outcome;
  const body = encodeOutcome({
    isCommitted: true,
    survivors: survivors.length,
    isIncluded: survivors.includes(device),
  });
  return { name: 'outcome', body };
}

/** What a step gives, whatever its state is the state of. */
export type Stepped<State> = readonly [State, readonly ServerEffect[]];

export function answering<State>(to: DeviceId, reply: Reply, [state, effects]: Stepped<State>): Stepped<State> {
  const answer: ServerEffect = { do: 'answer', to, reply };
  return [state, [answer, ...effects]];
}

export function refuse<State>(state: State, to: DeviceId, code: ErrorCode, detail: string): Stepped<State> {
  return answering(to, { ok: false, code, detail }, [state, []]);
}

/** Waiting for a job, to go on from what was known when it was ordered and from what happened since. */
export type Working<Known, State> = {
  readonly at: 'working';
  readonly id: number;
  readonly next: (known: Known, result: CryptoResult) => Stepped<State>;
};

/** @param failed where the job cannot be done */
export function workOn<Known, State, Job extends CryptoJob>(
  id: number,
  job: Job,
  then: (known: Known, result: ResultOf<Job>) => Stepped<State>,
  failed: (known: Known) => Stepped<State>,
): Working<Known, State> {
  return {
    at: 'working',
    id,
    next: (known, result) => {
      if (result.did === 'fail') return failed(known);
      invariant(result.did === job.do, 'the result of another job');
      return then(known, result as ResultOf<Job>);
    },
  };
}
