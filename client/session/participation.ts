/** Which tasks this device takes part in: looks at what the coordinator has, joins what the person agreed to, leaves the rest. */

import {
  ChoraleError,
  type Clock,
  deviceIdToBytes,
  fromBase64url,
  invariant,
  type Random,
  type TaskId,
  type Transport,
} from '@chorale/shared';
import type { Purpose } from '@chorale/shared/consent';
import { type MechanismName, zero } from '@chorale/shared/privacy';
import {
  challengeText,
  type Handshake,
  pageOf,
  routes,
  type TaskView,
  taskView,
  wireVersion,
} from '@chorale/shared/wire';
import type { ConsentBook } from '../consent/consent-book.ts';
import { signWith } from '../enrolment/identity.ts';
import { type CoordinatorKeys, fetchKeys } from '../enrolment/keys.ts';
import {
  forgetCredential,
  joinTask,
  type Membership,
  type MembershipPorts,
  sayGrantAgain,
} from '../enrolment/membership.ts';
import { signUnsaidWithdrawalFrom, signWithdrawalFrom } from '../enrolment/withdrawal.ts';
import { TrainingLedger } from '../training/ledger.ts';
import type { RoundOutcome, StopReason } from './outcome.ts';
import { prepareRound, type RoundPorts } from './prepare.ts';
import { SessionRunner } from './runner.ts';

export type ParticipationPorts = MembershipPorts & {
  readonly clock: Clock;
  readonly random: Random;
  readonly clientKey: string;
  readonly rootKey: Membership['rootKey'];
  readonly consent: ConsentBook;
  readonly transport: (handshake: Handshake) => Transport | Promise<Transport>;
  /** Whether this device has what a task asks for: one that would decline every round does not even enrol. */
  readonly canAnswer: (task: TaskView) => boolean;
  readonly round: Omit<RoundPorts, 'clock' | 'crypto' | 'ledger'>;
  readonly onRound: (task: TaskView, round: bigint, outcome: RoundOutcome) => void;
  readonly onStop: (task: TaskView, reason: StopReason) => void;
  /** The person agreed to another text than the task's. */
  readonly onSuperseded: (task: TaskView) => void;
  readonly onError: (error: unknown) => void;
};

/** What the coordinator offers, as far as the pinned key vouches for it. */
export type Offering = { readonly keys: CoordinatorKeys; readonly tasks: readonly TaskView[] };

const mostPages = 20;
const taskPage = pageOf(taskView);

export class Participation {
  readonly #ports: ParticipationPorts;
  readonly #ledger: TrainingLedger;
  readonly #sessions = new Map<TaskId, { readonly purpose: Purpose; readonly runner: SessionRunner }>();

  constructor(ports: ParticipationPorts) {
    this.#ports = ports;
    this.#ledger = new TrainingLedger(ports.store, ports.clock);
  }

  /** Asks the coordinator what there is, and hands over what waits for it. @throws ChoraleError as `Http` does */
  async look(): Promise<Offering> {
    const { http, rootKey, crypto, outbox } = this.#ports;
    const keys = await fetchKeys(http, rootKey, crypto);
    const tasks = await this.#fetchTasks();
    for (const task of tasks) await this.#sayRefusal(task);
    await outbox.deliver();
    return { keys, tasks };
  }

  /** Joins every running task that this device can work for and whose purpose is granted. Refusals of one task do not touch the others. */
  async join({ keys, tasks }: Offering): Promise<void> {
    for (const task of tasks) {
      if (task.state !== 'running' || this.#sessions.has(task.id) || !this.#ports.canAnswer(task)) continue;
      try {
        await this.#joinOne(task, keys);
      } catch (error) {
        if (isSuperseded(error)) this.#ports.onSuperseded(task);
        else this.#ports.onError(error);
      }
    }
  }

  /** Leaves, in the middle of a round too, every task whose purpose is no longer granted. */
  leaveRefused(): void {
    for (const { purpose, runner } of [...this.#sessions.values()]) {
      if (!this.#ports.consent.allows(purpose)) runner.leave();
    }
  }

  leaveAll(): void {
    for (const { runner } of [...this.#sessions.values()]) runner.leave();
  }

  /** Tasks that this device is connected to or waits for. */
  get tasks(): readonly TaskId[] {
    return [...this.#sessions.keys()];
  }

  async #fetchTasks(): Promise<readonly TaskView[]> {
    const tasks: TaskView[] = [];
    let cursor: string | undefined;
    for (let page = 0; page < mostPages; page++) {
      const query = cursor === undefined ? '' : `?cursor=${encodeURIComponent(cursor)}`;
      const { items, next } = await this.#ports.http.get(`${routes.tasks}${query}`, taskPage);
      tasks.push(...items);
      if (next === undefined) break;
      cursor = next;
    }
    return tasks;
  }

  async #joinOne(task: TaskView, keys: CoordinatorKeys): Promise<void> {
    const { consent } = this.#ports;
    const grant = consent.grantOf(task.purpose);
    if (grant === undefined) return;
    const isGranted = () => consent.allows(task.purpose);
    try {
      const membership = await joinTask(task, grant, keys, this.#ports, isGranted);
      if (membership !== undefined) await this.#enter(task, membership);
    } finally {
      if (!isGranted()) await this.#takeBack(task);
    }
  }

  async #enter(task: TaskView, membership: Membership): Promise<void> {
    const lastRound = await this.#ledger.lastRound(task.id);
    // Consent may have gone, or another refresh come, while the coordinator answered.
    if (this.#sessions.has(task.id) || !this.#ports.consent.allows(task.purpose)) return;
    const runner = this.#runnerOf(task, membership, lastRound);
    this.#sessions.set(task.id, { purpose: task.purpose, runner });
    runner.start();
  }

  /** The grant has gone while the device joined by it: the coordinator may have heard of the two in the wrong order. */
  async #takeBack({ id, purpose }: TaskView): Promise<void> {
    const refusal = this.#ports.consent.refusalOf(purpose);
    if (refusal === undefined) return;
    await signWithdrawalFrom(id, refusal, this.#ports);
    await this.#ports.outbox.deliver();
  }

  /** A refusal that is written in the book, but was never signed for this task. */
  async #sayRefusal({ id, purpose }: TaskView): Promise<void> {
    const refusal = this.#ports.consent.refusalOf(purpose);
    if (refusal !== undefined) await signUnsaidWithdrawalFrom(id, refusal, this.#ports);
  }

  #runnerOf(task: TaskView, membership: Membership, lastRound: bigint | undefined): SessionRunner {
    const { clock, random, crypto, clientKey, onError } = this.#ports;
    const handshake = { protocol: wireVersion, clientKey, task: task.id, device: membership.device } as const;
    const identity = { ...membership.identity, task: task.id, device: membership.device, credential: undefined };
    const rounds = this.#roundsOf(membership);
    return new SessionRunner(lastRound, {
      clock,
      random,
      crypto,
      transport: () => this.#ports.transport(handshake),
      prove: (nonce) =>
        signWith(identity, challengeText(fromBase64url(nonce), deviceIdToBytes(membership.device)), crypto),
      ...rounds,
      isGranted: () => this.#ports.consent.allows(task.purpose),
      onRound: (round, outcome) => this.#ports.onRound(task, round, outcome),
      onStop: (reason) => void this.#afterStop(task, reason),
      onError,
    });
  }

  /** A round's preparation and its durable marks, which the ledger keeps. */
  #roundsOf(membership: Membership): Pick<ConstructorParameters<typeof SessionRunner>[1], 'prepare' | 'persist'> {
    const { task, purpose } = membership;
    const ledger = this.#ledger;
    const ports = { ...this.#ports, ...this.#ports.round, ledger };
    const sending = new Map<bigint, { readonly sentBytes: number; readonly mechanism: MechanismName }>();
    return {
      async prepare(offer, lastRound, signal) {
        const prepared = await prepareRound(offer, { membership, lastRound, signal }, ports);
        if (typeof prepared === 'object') {
          const { dimension, mechanism } = prepared.plan;
          sending.set(offer.round, { sentBytes: 4 * dimension, mechanism });
        }
        return prepared;
      },
      async persist({ kind, round, rho = zero }) {
        if (kind === 'claimed') return (await ledger.claim({ task, round, purpose })) ? undefined : 'already-claimed';
        if (kind === 'spent') {
          const sent = sending.get(round);
          invariant(sent !== undefined, 'only a round that was prepared sends');
          sending.delete(round);
          return (await ledger.spend({ task, round }, { ...sent, rho }, ports.limits)) ? undefined : 'budget';
        }
        await ledger.advance({ task, round }, kind);
        return undefined;
      },
    };
  }

  async #afterStop(task: TaskView, reason: StopReason): Promise<void> {
    this.#sessions.delete(task.id);
    this.#ports.onStop(task, reason);
    try {
      // The coordinator does not know this device, or not any more: the next refresh enrols it again.
      if (reason === 'unauthorized') await forgetCredential(task.id, this.#ports);
      if (reason === 'consent-required' && this.#ports.consent.allows(task.purpose))
        await sayGrantAgain(task, this.#ports);
    } catch (error) {
      this.#ports.onError(error);
    }
  }
}

function isSuperseded(error: unknown): boolean {
  return error instanceof ChoraleError && error.code === 'policy-superseded';
}
