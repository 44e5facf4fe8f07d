/** What an app holds in its hand. */

import type { ChoraleError, Instant, TaskId, Unsubscribe } from '@chorale/shared';
import type { PlaceOf } from '@chorale/shared/algorithms';
import type { ConsentState, PolicyText, Purpose, SignedReceipt } from '@chorale/shared/consent';
import type { EventProperties, StandardEventName } from '@chorale/shared/features';
import type { Listener } from './notices.ts';
import type { Explanation, Score } from './personalization/scorer.ts';
import type { PersonData, PrivacyReport } from './privacy/person-data.ts';
import type { RoundOutcome } from './session/outcome.ts';

export type ConsentStates = Readonly<Record<Purpose, ConsentState>>;

export type ChoraleNotices = {
  /**
   * Once: what the device knew is loaded, and the coordinator has been asked, if the client starts by itself. It need not
   * have answered: scores come from the device, with or without it (`isReachable`).
   */
  ready: undefined;
  /** A round of secure aggregation is over for this device. */
  round: { readonly task: TaskId; readonly name: string; readonly round: string; readonly outcome: RoundOutcome };
  /** A newer model can be scored with. */
  model: { readonly task: TaskId; readonly name: string; readonly version: number };
  consent: ConsentStates;
  /** A task shows another text than the one agreed to: it rests until the person is asked again. */
  superseded: { readonly task: TaskId; readonly purpose: Purpose; readonly policy: PolicyText };
  error: ChoraleError;
};

export type TrackOptions = {
  /** Now, unless said. */
  readonly at?: Instant;
  /** What local time adds to UTC; the device's own, unless said. */
  readonly tzOffsetMinutes?: number;
};

export type ConsentTerms = {
  /** The text that the person was shown. Without it, the grant is for the text that each task has when the device joins. */
  readonly policy?: PolicyText;
  /** From then on the grant does not count. */
  readonly expiresAt?: Instant;
};

/** All methods that promise something resolve; what went wrong is said to the listeners of `error`. */
export interface Chorale {
  /** Remembers an event on this device. Nothing leaves it, and nothing is stored before a purpose is granted. */
  track(name: StandardEventName, properties?: EventProperties, options?: TrackOptions): void;
  track(name: string, properties?: EventProperties, options?: TrackOptions): void;
  page(properties?: EventProperties, options?: TrackOptions): void;
  /** Says whose events these are, on this device only. Another person's events do not mix with those before. */
  identify(person: string): void;
  /** Forgets the person and their events. Consent belongs to the device: withdraw it as well if somebody else takes over. */
  reset(): void;

  readonly consent: {
    grant(purposes: readonly Purpose[], terms?: ConsentTerms): Promise<void>;
    /** Refuses purposes; all of them, unless said. */
    deny(purposes?: readonly Purpose[]): Promise<void>;
    /** Takes grants back: at once on this device, and as soon as there is a way at the coordinator. */
    withdraw(purposes?: readonly Purpose[]): Promise<void>;
    state(): ConsentStates;
    receipts(): Promise<readonly SignedReceipt[]>;
  };

  /** @param task its id or its name */
  score(task: string): Score;
  /**
   * The same score, and why: what each feature adds to its log-odds. Never asks anybody, and waits for nothing.
   *
   * @param task its id or its name
   * @throws ChoraleError `invalid-input` for a model that is not a sum over features, such as an mlp or segments
   */
  explain(task: string): Explanation;

  /**
   * This device's own draws, for experiments: `drawnArm` of them says which arm to show, and the same to a source that tells of it.
   * The secret behind them is drawn once and never sent.
   *
   * @returns undefined where no purpose is granted: nothing is kept then, so show the control, and tell of nothing
   */
  ownPlaces(): Promise<PlaceOf | undefined>;

  /**
   * Where the person is among everybody, by the map of a `density/1` task that is done: it is fetched once, and looked up here. Needs
   * a grant for scoring, and `current` of the task's source.
   *
   * @param task its id or its name
   * @returns the number of the cluster, 0 for the largest; undefined where people are few, and where nothing can be said
   */
  cluster(task: string): Promise<number | undefined>;

  /** @returns whether the client became ready in time, as the notice `ready` means it; never rejects */
  ready(options?: { readonly timeoutMs?: number }): Promise<boolean>;
  /** Whether the coordinator answered as it should when it was last asked what there is; false before that. */
  readonly isReachable: boolean;
  on<Name extends keyof ChoraleNotices>(name: Name, listener: Listener<ChoraleNotices[Name]>): Unsubscribe;
  /** Looks now for tasks to join and models to fetch. */
  refresh(): Promise<void>;

  readonly privacy: {
    /** Everything this device holds about its person. */
    export(): Promise<PersonData>;
    /** Withdraws every grant, then deletes everything. @returns whether the coordinator has heard of it */
    erase(): Promise<boolean>;
    /** What this device gave, in figures. */
    report(): Promise<PrivacyReport>;
  };

  /** Leaves rounds, finishes writes, closes the store. Afterwards no listener is called any more. */
  close(): Promise<void>;
}
