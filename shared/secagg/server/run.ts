/** What the coordinator knows of one cohort on its way from roster to sum, and the few ways in which a step can end. */

import type { Bytes } from '../../bytes.ts';
import type { CryptoJob, ResultOf, SignedText } from '../../crypto/index.ts';
import { type DeviceId, deviceIdFromBytes } from '../../ids.ts';
import type { Instant } from '../../ports.ts';
import { type DownMessage, type Turn, turns } from '../messages.ts';
import type { Parameters } from '../parameters.ts';
import { type Cohort, neighboursOf } from '../roster.ts';
import {
  type AbandonReason,
  type Account,
  type CohortOutcome,
  type Funnel,
  farewell,
  type ServerEffect,
  type ServerSetup,
  type Stepped,
  type Working,
  workOn,
} from './round.ts';

/** The cohort, once its roster is signed. */
export type Members = {
  readonly cohort: Cohort;
  readonly parameters: Parameters;
  readonly header: Bytes;
  readonly headerSignature: Bytes;
  /** In the order in which they came. */
  readonly arrived: readonly DeviceId[];
  /** By place, and the way back. */
  readonly ids: readonly DeviceId[];
  readonly placeOf: ReadonlyMap<DeviceId, number>;
  /** N(i) by place. */
  readonly neighbourhoods: readonly (readonly number[])[];
};

/** What lasts through all turns. */
export type Run = Account & {
  readonly setup: ServerSetup;
  readonly planHash: Bytes;
  readonly members: Members;
  /** When the event under way happened. */
  readonly now: Instant;
  /** The number of the last job. Cohorts count in steps of G, so that no two of the round have jobs of one number. */
  readonly lastId: number;
  readonly turn: Turn;
  readonly disconnected: ReadonlySet<DeviceId>;
  /** Out by their own wish. */
  readonly withdrawn: ReadonlySet<DeviceId>;
  /** By place: one bit for each turn that the device has answered. */
  readonly answered: Uint8Array;
  /** Places that have left a turn unanswered. */
  readonly lost: ReadonlySet<number>;
};

/** A turn while it is open: what it asked and how it goes on belongs to the turn's own file. */
export type Collecting = {
  readonly at: 'collecting';
  readonly deadline: Instant;
  /** Places that owe an answer. */
  readonly awaited: ReadonlySet<number>;
  /** What a place was sent at the beginning of the turn: repeated when it resumes. */
  readonly request: (place: number) => DownMessage | undefined;
  /** Keeps an answer. @throws ChoraleError `invalid-input` */
  readonly accept: (place: number, body: Bytes) => Collecting;
  readonly close: (run: Run) => Step;
};

export type OpenCohort = {
  readonly at: 'open';
  readonly run: Run;
  readonly phase: Collecting | Working<Run, CohortState>;
};
export type CohortState = OpenCohort | { readonly at: 'ended'; readonly outcome: CohortOutcome };
export type Step = Stepped<CohortState>;

export type TurnRules<Answer> = {
  readonly turn: Turn;
  readonly limitMs: number;
  readonly awaited: ReadonlySet<number>;
  /** undefined for places that this turn does not concern. */
  readonly request: (place: number) => DownMessage | undefined;
  /** @throws ChoraleError `invalid-input` */
  readonly decode: (place: number, body: Bytes) => Answer;
  /** @param answers by place, in ascending order of places */
  readonly close: (run: Run, answers: ReadonlyMap<number, Answer>) => Step;
};

/** Opens a turn: sends every member what concerns it and waits for the answers. */
export function openTurn<Answer>(run: Run, rules: TurnRules<Answer>): Step {
  const members = run.members;
  const deadline = run.now + rules.limitMs;
  const requests = members.ids.flatMap((device, place): ServerEffect[] => {
    const message = isOut(run, place) ? undefined : rules.request(place);
    return message ? [{ do: 'send', to: device, message }] : [];
  });
  const phase = collecting(rules, deadline, []);
  return [{ at: 'open', run: { ...run, turn: rules.turn }, phase }, [...requests, { do: 'wake', at: deadline }]];
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
    close: (run) => {
      const sorted = answers.toSorted((a, b) => a.place - b.place);
      return rules.close(run, new Map(sorted.map(({ place, answer }) => [place, answer])));
    },
  };
}

/** Orders a job and goes on with its result. A job that cannot be done abandons the cohort. */
export function compute<Job extends CryptoJob>(
  run: Run,
  job: Job,
  then: (run: Run, result: ResultOf<Job>) => Step,
): Step {
  const id = run.lastId + run.members.cohort.header.cohortCount;
  const phase = workOn(id, job, then, (later: Run) => abandon(later, 'computation-failed'));
  return [{ at: 'open', run: { ...run, lastId: id }, phase }, [{ do: 'compute', id, job }]];
}

/** Places whose text is signed by their own identity. */
export function verifyPlaces(
  run: Run,
  texts: ReadonlyMap<number, { readonly message: Bytes; readonly signature: Bytes }>,
  then: (run: Run, valid: ReadonlySet<number>) => Step,
): Step {
  const { cohort } = run.members;
  const places = [...texts.keys()];
  const signatures = places.map(
    (place): SignedText => ({ publicKey: cohort.members[place]!.leaf.identityKey, ...texts.get(place)! }),
  );
  return compute(run, { do: 'verifyMany', signatures }, (later, { valid }) =>
    then(later, new Set(places.filter((_, i) => valid[i]))),
  );
}

/** Places that are still in, out of a set. */
export function stillIn(run: Run, places: Iterable<number>): ReadonlySet<number> {
  return new Set([...places].filter((place) => !isOut(run, place)));
}

export function isOut(run: Run, place: number): boolean {
  return run.withdrawn.has(run.members.ids[place]!);
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
export function count(run: Run, stage: keyof Funnel, passed: ReadonlySet<number>, awaited: Iterable<number>): Run {
  const lost = [...awaited].filter((place) => !passed.has(place) && !run.lost.has(place));
  return { ...tally(run, stage, passed.size, lost.length), lost: new Set([...run.lost, ...lost]) };
}

/** The figures of a turn. */
export function tally(run: Run, stage: keyof Funnel, passed: number, lost: number): Run {
  return {
    ...run,
    funnel: { ...run.funnel, [stage]: passed },
    droppedByTurn: { ...run.droppedByTurn, [run.turn]: lost },
  };
}

/** Names devices that misbehaved. */
export function accuse(run: Run, places: Iterable<number>): Run {
  const { ids } = run.members;
  const named = new Set([...run.named, ...[...places].map((place) => ids[place]!)]);
  return { ...run, named: [...named] };
}

export function abandon(run: Run, reason: AbandonReason): Step {
  return end(run, { kind: 'abandoned', reason, turn: run.turn, ...accountOf(run) });
}

export function accountOf({ funnel, droppedByTurn, named }: Run): Account {
  return { funnel, droppedByTurn, named };
}

/** Tells every member how its cohort ended. */
export function end({ members, withdrawn }: Run, outcome: CohortOutcome): Step {
  const told = members.arrived.filter((device) => !withdrawn.has(device));
  const farewells = told.map(
    (device): ServerEffect => ({ do: 'send', to: device, message: farewell(outcome, device) }),
  );
  return [{ at: 'ended', outcome }, farewells];
}

export function turnBit(turn: Turn): number {
  return 1 << turns.indexOf(turn);
}
