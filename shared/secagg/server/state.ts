/** What the coordinator knows during a round, and the few ways in which a step can end. */

import { type Bytes, bytes } from '../../bytes.ts';
import type { CryptoJob, CryptoResult, ResultOf, SignedText } from '../../crypto/index.ts';
import { invariant } from '../../errors.ts';
import { type DeviceId, deviceIdFromBytes } from '../../ids.ts';
import type { Effect, Event } from '../../machine.ts';
import type { Instant, Reply } from '../../ports.ts';
import { type CommitteeSignature, encodeOutcome } from '../down-messages.ts';
import { type DownMessage, type Turn, turns, type UpMessage } from '../messages.ts';
import type { Parameters } from '../parameters.ts';
import type { Plan } from '../plan.ts';
import { type Advertisement, type Cohort, neighboursOf } from '../roster.ts';

export type ServerSetup = {
  readonly plan: Plan;
  /** D as it was signed and sent. */
  readonly planBytes: Bytes;
  /** Ed25519 secret of the plan key: signs the roster header. */
  readonly planSecretKey: Bytes;
  /** Public key that verifies credentials. */
  readonly enrolmentKey: Bytes;
  readonly invited: readonly DeviceId[];
  /** The roster of a cohort closes at so many valid advertisements, or at its deadline. */
  readonly cohort: number;
  /** G: how many cohorts the round wants. Where fewer devices come, fewer form. */
  readonly cohorts: number;
  /** σ_c² for the parameters of the cohort that came together; 0n unless noise is distributed. */
  readonly noiseVariance: (parameters: Parameters) => bigint;
  /** Largest absolute value of one encoded coordinate before rounding and noise. */
  readonly amplitude: number;
};

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

export const abandonReasons = [
  'too-few-devices',
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

type Account = {
  readonly funnel: Funnel;
  /** Devices by the first turn that awaited an answer from them which never came or was not valid. */
  readonly droppedByTurn: Readonly<Record<Turn, number>>;
  /** Devices whose own signature proves that they misbehaved. */
  readonly named: readonly DeviceId[];
};

/** How one cohort ended. Its account begins with its roster: all members were invited and have advertised. */
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
    | { readonly kind: 'abandoned'; readonly reason: AbandonReason; readonly turn: Turn }
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
    | { readonly kind: 'abandoned'; readonly reason: AbandonReason; readonly turn: Turn }
  );

/** `from` and `device` are device ids that the shell has authenticated. */
export type ServerEvent = Event<UpMessage, CryptoResult>;
/** Every message is answered at once, in the step that receives it. */
export type ServerEffect =
  | Effect<DownMessage, CryptoJob, never, ServerOutcome>
  | { readonly do: 'answer'; readonly to: DeviceId; readonly reply: Reply };

/** The cohort, once its roster is signed. */
export type Members = {
  readonly cohort: Cohort;
  readonly parameters: Parameters;
  readonly header: Bytes;
  readonly headerSignature: Bytes;
  /** By place, and the way back. */
  readonly ids: readonly DeviceId[];
  readonly placeOf: ReadonlyMap<DeviceId, number>;
  /** N(i) by place. */
  readonly neighbourhoods: readonly (readonly number[])[];
};

/** What lasts through all phases. */
export type Round = Account & {
  readonly setup: ServerSetup;
  readonly planHash: Bytes;
  readonly invited: ReadonlySet<DeviceId>;
  /** When the event under way happened. */
  readonly now: Instant;
  readonly lastId: number;
  readonly turn: Turn;
  readonly disconnected: ReadonlySet<DeviceId>;
  /** Out for good: by their own wish, or because their advertisement was not valid. */
  readonly withdrawn: ReadonlySet<DeviceId>;
  readonly advertised: ReadonlyMap<DeviceId, Advertisement>;
  readonly members: Members | undefined;
  /** By place: one bit for each turn that the device has answered. */
  readonly answered: Uint8Array;
  /** Places that have left a turn unanswered. */
  readonly lost: ReadonlySet<number>;
};

/** R0: the cohort is not known yet. */
export type Gathering = {
  readonly at: 'gathering';
  readonly deadline: Instant;
  /** Advertisements whose signatures have been found valid. */
  readonly verified: ReadonlySet<DeviceId>;
};

/** Any later turn, while it is open: what it asked and how it goes on belongs to the turn's own file. */
export type Collecting = {
  readonly at: 'collecting';
  readonly deadline: Instant;
  /** Places that owe an answer. */
  readonly awaited: ReadonlySet<number>;
  /** What a place was sent at the beginning of the turn: repeated when it resumes. */
  readonly request: (place: number) => DownMessage | undefined;
  /** Keeps an answer. @throws ChoraleError `invalid-input` */
  readonly accept: (place: number, body: Bytes) => Collecting;
  readonly close: (round: Round) => Step;
};

export type Working = {
  readonly at: 'working';
  readonly id: number;
  readonly next: (round: Round, result: CryptoResult) => Step;
};

export type Ended = { readonly at: 'ended'; readonly outcome: CohortOutcome };

export type ServerState = { readonly round: Round; readonly phase: Gathering | Collecting | Working | Ended };
export type Step = readonly [ServerState, readonly ServerEffect[]];

export type TurnRules<Answer> = {
  readonly turn: Turn;
  readonly limitMs: number;
  readonly awaited: ReadonlySet<number>;
  /** undefined for places that this turn does not concern. */
  readonly request: (place: number) => DownMessage | undefined;
  /** @throws ChoraleError `invalid-input` */
  readonly decode: (place: number, body: Bytes) => Answer;
  /** @param answers by place, in ascending order of places */
  readonly close: (round: Round, answers: ReadonlyMap<number, Answer>) => Step;
};

/** Opens a turn: sends every member what concerns it and waits for the answers. */
export function openTurn<Answer>(round: Round, rules: TurnRules<Answer>): Step {
  const members = membersOf(round);
  const deadline = round.now + rules.limitMs;
  const requests = members.ids.flatMap((device, place): ServerEffect[] => {
    const message = isOut(round, place) ? undefined : rules.request(place);
    return message ? [{ do: 'send', to: device, message }] : [];
  });
  const phase = collecting(rules, deadline, []);
  return [{ round: { ...round, turn: rules.turn }, phase }, [...requests, { do: 'wake', at: deadline }]];
}

function collecting<Answer>(
  rules: TurnRules<Answer>,
  deadline: Instant,
  answers: readonly { readonly place: number; readonly answer: Answer }[],
): Collecting {
  const { awaited, request } = rules;
  return {
    at: 'collecting',
    deadline,
    awaited,
    request,
    accept: (place, body) => collecting(rules, deadline, [...answers, { place, answer: rules.decode(place, body) }]),
    close: (round) => {
      const sorted = answers.toSorted((a, b) => a.place - b.place);
      return rules.close(round, new Map(sorted.map(({ place, answer }) => [place, answer])));
    },
  };
}

/** Orders a job and goes on with its result. A job that cannot be done abandons the round. */
export function compute<Job extends CryptoJob>(
  round: Round,
  job: Job,
  then: (round: Round, result: ResultOf<Job>) => Step,
): Step {
  const id = round.lastId + 1;
  const phase: Working = {
    at: 'working',
    id,
    next: (later, result) => {
      if (result.did === 'fail') return abandon(later, 'computation-failed');
      invariant(result.did === job.do, 'the result of another job');
      return then(later, result as ResultOf<Job>);
    },
  };
  return [{ round: { ...round, lastId: id }, phase }, [{ do: 'compute', id, job }]];
}

/** Places whose text is signed by their own identity. */
export function verifyPlaces(
  round: Round,
  texts: ReadonlyMap<number, { readonly message: Bytes; readonly signature: Bytes }>,
  then: (round: Round, valid: ReadonlySet<number>) => Step,
): Step {
  const { cohort } = membersOf(round);
  const places = [...texts.keys()];
  const signatures = places.map(
    (place): SignedText => ({ publicKey: cohort.members[place]!.leaf.identityKey, ...texts.get(place)! }),
  );
  return compute(round, { do: 'verifyMany', signatures }, (later, { valid }) =>
    then(later, new Set(places.filter((_, i) => valid[i]))),
  );
}

/** Places that are still in, out of a set. */
export function stillIn(round: Round, places: Iterable<number>): ReadonlySet<number> {
  return new Set([...places].filter((place) => !isOut(round, place)));
}

export function isOut(round: Round, place: number): boolean {
  return round.withdrawn.has(membersOf(round).ids[place]!);
}

export function membersOf({ members }: Round): Members {
  invariant(members, 'a turn before the roster');
  return members;
}

export function makeMembers(members: Omit<Members, 'ids' | 'placeOf' | 'neighbourhoods'>): Members {
  const { cohort } = members;
  const ids = cohort.members.map(({ leaf }) => deviceIdFromBytes(leaf.deviceId));
  return {
    ...members,
    ids,
    placeOf: new Map(ids.map((id, place) => [id, place])),
    neighbourhoods: ids.map((_, place) => neighboursOf(cohort, place)),
  };
}

/** Counts who came through the turn under way; each device is lost once, at the first turn that it leaves unanswered. */
export function count(
  round: Round,
  stage: keyof Funnel,
  passed: ReadonlySet<number>,
  awaited: Iterable<number>,
): Round {
  const lost = [...awaited].filter((place) => !passed.has(place) && !round.lost.has(place));
  return { ...tally(round, stage, passed.size, lost.length), lost: new Set([...round.lost, ...lost]) };
}

/** The figures of a turn. */
export function tally(round: Round, stage: keyof Funnel, passed: number, lost: number): Round {
  return {
    ...round,
    funnel: { ...round.funnel, [stage]: passed },
    droppedByTurn: { ...round.droppedByTurn, [round.turn]: lost },
  };
}

/** Names devices that misbehaved. */
export function accuse(round: Round, places: Iterable<number>): Round {
  const { ids } = membersOf(round);
  const named = new Set([...round.named, ...[...places].map((place) => ids[place]!)]);
  return { ...round, named: [...named] };
}

export function abandon(round: Round, reason: AbandonReason): Step {
  return end(round, { kind: 'abandoned', reason, turn: round.turn, ...cohortAccountOf(round) });
}

/** What the members' answers came to: a cohort invites nobody. */
export function cohortAccountOf({ funnel, droppedByTurn, named }: Round): Account {
  return {
    funnel: { ...funnel, invited: funnel.advertised },
    droppedByTurn: { ...droppedByTurn, advertise: 0 },
    named,
  };
}

/** Tells every device of the round how it ended. */
export function end(round: Round, outcome: CohortOutcome): Step {
  const told = [...round.advertised.keys()].filter((device) => !round.withdrawn.has(device));
  const farewells = told.map(
    (device): ServerEffect => ({ do: 'send', to: device, message: farewell(outcome, device) }),
  );
  const ended = { ...round, members: undefined, answered: bytes(0) };
  const finish: ServerEffect = { do: 'finish', outcome: wholeOutcome(round, outcome) };
  return [{ round: ended, phase: { at: 'ended', outcome } }, [...farewells, finish]];
}

function wholeOutcome({ members, turn, funnel, droppedByTurn, named }: Round, outcome: CohortOutcome): ServerOutcome {
  const account = { funnel, droppedByTurn, named };
  if (members || outcome.kind === 'committed') return { kind: 'formed', cohorts: [outcome], ...account };
  return { kind: 'abandoned', reason: outcome.reason, turn, ...account };
}

/** Says also whether the device's own vector is in the sum. */
export function farewell(outcome: CohortOutcome, device: DeviceId): DownMessage {
  if (outcome.kind === 'abandoned') return { name: 'outcome', body: encodeOutcome({ isCommitted: false }) };
  const { survivors } = outcome;
  const body = encodeOutcome({
    isCommitted: true,
    survivors: survivors.length,
    isIncluded: survivors.includes(device),
  });
  return { name: 'outcome', body };
}

export function turnBit(turn: Turn): number {
  return 1 << turns.indexOf(turn);
}
