/** What a device knows during a round, and the few ways in which a step can end. */

import { type Bytes, bytes } from '../../bytes.ts';
import type { CryptoJob, CryptoResult, ResultOf } from '../../crypto/index.ts';
import type { EncodedVector } from '../../encoding/encoded-vector.ts';
import { invariant } from '../../errors.ts';
import type { TaskId } from '../../ids.ts';
import type { Effect, Event } from '../../machine.ts';
import type { Instant } from '../../ports.ts';
import type { DeviceFloors, GuardReason } from '../floors.ts';
import type { DownMessage, DownName, UpMessage } from '../messages.ts';
import type { Plan } from '../plan.ts';
import type { Cohort } from '../roster.ts';
import type { SharePair } from '../up-messages.ts';

/** Everything a device brings to a round. The plan's signatures are verified before (`plan-key.ts`). */
export type ClientSetup = {
  readonly plan: Plan;
  /** D as it was received and signed. */
  readonly planBytes: Bytes;
  /** Public keys that the pinned root key vouches for. */
  readonly planKey: Bytes;
  readonly enrolmentKey: Bytes;
  /** Ed25519, one per task; `deviceId` has 16 bytes. */
  readonly identity: { readonly secretKey: Bytes; readonly publicKey: Bytes; readonly deviceId: Bytes };
  /** u32 day ‖ signature */
  readonly credential: Bytes;
  readonly floors: DeviceFloors;
  /** 32 bytes, fresh for this round: every secret of the round is derived from it. */
  readonly seed: Bytes;
  /** Encodes this device's contribution once the roster header has said how much noise it must hold. Pure. */
  readonly encode: (noiseVariance: bigint) => EncodedVector;
  /** Credentials (`credentialName`) that this device has verified before; they are not verified again. */
  readonly knownCredentials?: ReadonlySet<string>;
};

/** ρ of zero-concentrated differential privacy, as an exact fraction. */
export type Rho = { readonly numerator: bigint; readonly denominator: bigint };

/** What must survive a crash before the message that depends on it is sent. */
export type ClientRecord = {
  /** In this order: before R0, R2, R3, R4. `claimed` is a compare-and-set: a round is never claimed twice. */
  readonly kind: 'claimed' | 'spent' | 'signed' | 'revealed';
  readonly task: TaskId;
  readonly round: bigint;
  /** With `spent`, unless the round has no noise. */
  readonly rho?: Rho;
};

export type ClientOutcome = (
  | { readonly kind: 'completed'; readonly survivors: number; readonly isIncluded: boolean }
  | { readonly kind: 'refused'; readonly reason: GuardReason }
  | { readonly kind: 'ended'; readonly by: 'coordinator' | 'device'; readonly detail: string }
) & {
  /** Messages that contradict one that this device had accepted: signs of cheating, for the app to report. */
  readonly contradictions: readonly DownMessage[];
};

export type ClientEvent = Event<DownMessage, CryptoResult>;
export type ClientEffect = Effect<UpMessage, CryptoJob, ClientRecord, ClientOutcome>;

/** What lasts through all phases: no secret of the round. */
export type Round = {
  readonly device: Omit<ClientSetup, 'seed'>;
  readonly planHash: Bytes;
  /** When the event under way happened. */
  readonly now: Instant;
  readonly lastId: number;
  /** The last message sent: repeated as it is after a reconnection. */
  readonly sent: UpMessage | undefined;
  /** Hash of the first message of each name: only the first counts. */
  readonly seen: Readonly<Partial<Record<DownName, Bytes>>>;
  /** Messages that came before their turn. */
  readonly early: readonly DownMessage[];
  readonly contradictions: readonly DownMessage[];
  readonly verifiedCredentials: ReadonlySet<string>;
};

/** The round's own secrets, from the seed. */
export type Secrets = {
  /** X25519 secrets behind pkC and pkM. */
  readonly channel: Bytes;
  readonly mask: Bytes;
  /** b */
  readonly selfMask: Bytes;
  /** For polynomials and salts. */
  readonly dealing: Bytes;
};

/** Where this device sits. */
export type Seat = {
  readonly cohort: Cohort;
  readonly place: number;
  /** N(i): ascending places; *neighbour indices* count along this list. */
  readonly neighbours: readonly number[];
};

/** U1, as this device masked with it. */
export type Maskers = {
  readonly places: ReadonlySet<number>;
  readonly bitmap: Bytes;
  readonly h1: Bytes;
  /** Neighbour indices in U1, ascending. */
  readonly indices: readonly number[];
};

/** What a device keeps after R2 until it reveals. */
export type Holdings = {
  readonly seat: Seat;
  /** By neighbour index: keys that check the neighbour's view tag. */
  readonly viewKeysIn: readonly Bytes[];
  /** By neighbour index: the shares that opened and matched their hashes. */
  readonly shares: ReadonlyMap<number, SharePair>;
  readonly maskers: Maskers;
};

/** Waiting for the coordinator: each member holds exactly what the turns to come need. */
export type Waiting = { readonly deadline: Instant } & (
  | { readonly at: 'awaiting-roster'; readonly secrets: Secrets; readonly leaf: Bytes }
  | {
      readonly at: 'awaiting-shares';
      readonly seat: Seat;
      readonly secrets: Pick<Secrets, 'mask' | 'selfMask'>;
      /** By neighbour index. */
      readonly boxKeysIn: readonly Bytes[];
      readonly viewKeysOut: readonly Bytes[];
      readonly viewKeysIn: readonly Bytes[];
    }
  | {
      readonly at: 'awaiting-sharers';
      readonly seat: Seat;
      readonly secrets: Pick<Secrets, 'mask' | 'selfMask'>;
      readonly viewKeysOut: readonly Bytes[];
      readonly viewKeysIn: readonly Bytes[];
      /** Neighbour indices whose box opened, and so was sealed in this very ctx. */
      readonly opened: ReadonlySet<number>;
      readonly shares: ReadonlyMap<number, SharePair>;
    }
  | { readonly at: 'awaiting-survivors'; readonly holdings: Holdings }
  /** `survivors`: the bitmap U2 that this device accepted. */
  | { readonly at: 'awaiting-certificate'; readonly holdings: Holdings; readonly survivors: Bytes }
  | { readonly at: 'awaiting-outcome'; readonly survivors: number; readonly isIncluded: boolean }
);

/**
 * Waiting for a job or a write. What comes next is a continuation: it holds what it needs and nothing else, so a secret
 * lives no longer than the work that uses it.
 */
export type Working = {
  readonly at: 'working';
  readonly id: number;
  readonly next: (round: Round, result: CryptoResult | undefined) => Step;
};

export type Ended = { readonly at: 'ended'; readonly outcome: ClientOutcome };

export type ClientState = { readonly round: Round; readonly phase: Waiting | Working | Ended };
export type Step = readonly [ClientState, readonly ClientEffect[]];

/** Orders a job and goes on with its result. A job that cannot be done ends the round. */
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
      if (result?.did === 'fail') return leave(later, 'device', `a computation failed: ${result.reason}`);
      invariant(result?.did === job.do, 'the result of another job');
      return then(later, result as ResultOf<Job>);
    },
  };
  return [{ round: { ...round, lastId: id }, phase }, [{ do: 'compute', id, job }]];
}

/** Signs one text with the device's identity. */
export function sign(round: Round, text: Bytes, then: (round: Round, signature: Bytes) => Step): Step {
  const job = { do: 'signMany', secretKey: round.device.identity.secretKey, messages: [text] } as const;
  return compute(round, job, (later, { signatures }) => then(later, signatures[0]!));
}

/** Writes a record and goes on only when it would survive a crash. */
export function persist(round: Round, record: Pick<ClientRecord, 'kind' | 'rho'>, then: (round: Round) => Step): Step {
  const id = round.lastId + 1;
  const { task, round: number } = round.device.plan;
  return [
    { round: { ...round, lastId: id }, phase: { at: 'working', id, next: (later) => then(later) } },
    [{ do: 'persist', id, record: { ...record, task, round: number } }],
  ];
}

/** Sends the turn's one message and waits for the coordinator. */
export function say(round: Round, message: UpMessage, phase: Waiting): Step {
  return [
    { round: { ...round, sent: message }, phase },
    [
      { do: 'send', to: 'coordinator', message },
      { do: 'wake', at: phase.deadline },
    ],
  ];
}

/** Waits without having anything to say. */
export function wait(round: Round, phase: Waiting): Step {
  return [{ round, phase }, [{ do: 'wake', at: phase.deadline }]];
}

/** Ends the round because its numbers or signatures are not good enough. The coordinator learns only that it lost a device. */
export function refuse(round: Round, reason: GuardReason): Step {
  return withdraw(round, { kind: 'refused', reason, contradictions: round.contradictions });
}

/** Ends the round; a device that ends it by itself says so, so that nobody waits for it. */
export function leave(round: Round, by: 'coordinator' | 'device', detail: string): Step {
  const outcome: ClientOutcome = { kind: 'ended', by, detail, contradictions: round.contradictions };
  return by === 'device' ? withdraw(round, outcome) : finish(round, outcome);
}

export function finish(round: Round, outcome: ClientOutcome): Step {
  const ended = { ...round, early: [], sent: undefined };
  return [{ round: ended, phase: { at: 'ended', outcome } }, [{ do: 'finish', outcome }]];
}

function withdraw(round: Round, outcome: ClientOutcome): Step {
  const [state, effects] = finish(round, outcome);
  if (!round.sent) return [state, effects];
  return [state, [{ do: 'send', to: 'coordinator', message: { name: 'withdraw', body: bytes(0) } }, ...effects]];
}

/** Time that the coordinator may need between two turns, beyond the turn's own limit. */
const patienceMs = 60_000;

export function deadlineAfter(round: Round, turnMs: number): Instant {
  return round.now + turnMs + patienceMs;
}
