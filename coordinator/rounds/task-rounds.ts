/** The rounds of one task, one after the other: who waits, when the next one opens, and what becomes of it. */

import { ChoraleError, type DeviceId, type Instant, type Packet, type Reply } from '@chorale/shared';
import type { ServerOutcome, UpMessage } from '@chorale/shared/secagg';
import type { paceHeader } from '@chorale/shared/wire';
import type * as z from 'zod';
import type { RoundConfig } from '../config.ts';
import type { Models } from '../models/models.ts';
import type { Task } from '../tasks/task.ts';
import type { Tasks } from '../tasks/tasks.ts';
import { abandonRound, type Committed, commitRound, figuresOf } from './commit.ts';
import { RoundEngine, roundOver } from './engine.ts';
import { Lobby } from './lobby.ts';
import { type OpenedRound, type OpeningParts, openRound } from './opening.ts';
import { dayOf, notBeforeAfter, startAt } from './pacing.ts';
import type { Candidate } from './selection.ts';
import { invitationCount, selectDevices } from './selection.ts';
import { serverSetup } from './setup.ts';

/** What a test or the laboratory may watch; the moments at which a coordinator might be killed. */
export type Moment = {
  readonly task: string;
  readonly round: bigint;
  readonly at: 'reserved' | 'committing' | 'committed' | `sent ${string}`;
};

export type TaskRoundsParts = OpeningParts & {
  readonly tasks: Tasks;
  readonly models: Models;
  readonly config: RoundConfig;
  readonly devices: { push(device: DeviceId, packet: Packet): void; isConnected(device: DeviceId): boolean };
  readonly onMoment: (moment: Moment) => void;
};

type OpenRound = {
  readonly opened: OpenedRound;
  readonly engine: RoundEngine;
  readonly members: ReadonlySet<DeviceId>;
};

export class TaskRounds {
  readonly #parts: TaskRoundsParts;
  readonly #lobby: Lobby;
  #task: Task;
  #open: OpenRound | undefined;
  #work: Promise<void> | undefined;
  #notBefore: Instant;
  #cancelStart: () => void = () => {};
  #isStopped = false;

  constructor(task: Task, parts: TaskRoundsParts) {
    const { size, minSize = size } = task.cohort;
    this.#parts = parts;
    this.#task = task;
    this.#lobby = new Lobby({ plenty: invitationCount(size, parts.config.inviteFactor), enough: minSize });
    this.#notBefore = notBeforeAfter(task.abandoned, this.#now(), parts.config);
  }

  get task(): Task {
    return this.#task;
  }

  get waitingCount(): number {
    return this.#lobby.size;
  }

  get openRound(): OpenedRound | undefined {
    return this.#open?.opened;
  }

  /** The device offers itself. One that comes with no memory of the open round has left it. */
  checkIn(candidate: Candidate, lastRound: bigint | undefined): void {
    const { device } = candidate;
    const open = this.#open?.members.has(device) ? this.#open : undefined;
    if (this.#task.state !== 'running') {
      this.#pace(device, paceReason(this.#task));
    } else if (open && (lastRound === undefined || lastRound < open.opened.plan.round)) {
      this.#sendPlan(device, open.opened);
    } else {
      open?.engine.leave(device);
      this.#lobby.enter(candidate, this.#now());
      this.#consider();
    }
  }

  async receive(device: DeviceId, round: bigint, message: UpMessage): Promise<Reply> {
    const open = this.#open;
    if (open === undefined || open.opened.plan.round !== round) return roundOver;
    if (!open.members.has(device)) throw new ChoraleError('not-eligible', 'this device was not invited to the round');
    return open.engine.receive(device, message);
  }

  /** Takes the device out of the pool and, before unmasking, out of the open round. */
  async withdraw(device: DeviceId): Promise<void> {
    this.#lobby.leave([device], this.#now());
    const open = this.#open;
    if (open?.members.has(device)) await open.engine.receive(device, { name: 'withdraw', body: new Uint8Array(0) });
  }

  /** The device's connection ended. Within a turn it may come back for a moment. */
  leave(device: DeviceId, isDeliberate: boolean): void {
    this.#lobby.leave([device], this.#now());
    this.#consider();
    const engine = this.#open?.members.has(device) ? this.#open.engine : undefined;
    const { ports, config, devices } = this.#parts;
    if (isDeliberate) engine?.leave(device);
    else if (engine) {
      ports.clock.wakeAt(ports.clock.now() + config.reconnectMs, () => {
        if (!devices.isConnected(device)) engine.leave(device);
      });
    }
  }

  /** After the operator paused or resumed the task. */
  follow(task: Task): void {
    this.#task = task;
    if (task.state !== 'running') this.#dismiss();
    this.#consider();
  }

  /** Abandons what is open and sends everybody away. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelStart();
    this.#open?.engine.stop();
    await this.#work;
    for (const { device } of this.#lobby.candidates) this.#pace(device, 'draining');
  }

  #consider(): void {
    this.#cancelStart();
    if (this.#isStopped || this.#work !== undefined || this.#task.state !== 'running') return;
    const { plentySince, enoughSince } = this.#lobby;
    const start = startAt({ plentySince, enoughSince, notBefore: this.#notBefore }, this.#parts.config);
    if (start !== undefined) this.#cancelStart = this.#parts.ports.clock.wakeAt(start, () => this.#start());
  }

  #start(): void {
    if (this.#isStopped || this.#work !== undefined) return;
    this.#work = this.#runRound()
      .catch((error: unknown) => this.#parts.ports.events.defectFound(`rounds of ${this.#task.id}`, error))
      .finally(() => {
        this.#work = undefined;
        this.#consider();
      });
  }

  async #runRound(): Promise<void> {
    const { config } = this.#parts;
    // Whatever fails below, the next attempt waits.
    this.#notBefore = this.#now() + config.backOffMs;
    this.#task = await this.#parts.tasks.get(this.#task.id);
    if (this.#task.state !== 'running') return this.#dismiss();
    const candidates = this.#lobby.candidates;
    const invited = this.#invite(candidates);
    const opened = await this.#openFor(invited).catch((error: unknown) => {
      this.#takeBack(candidates, invited);
      throw error;
    });
    try {
      await this.#close(opened, await this.#aggregate(opened));
    } finally {
      this.#open = undefined;
    }
    this.#notBefore = Math.max(
      notBeforeAfter(this.#task.abandoned, this.#now(), config),
      this.#now() + this.#task.intervalMs,
    );
    // Who is back in the pool already must not be sent resting from there.
    const away = invited.filter((device) => !this.#lobby.has(device));
    for (const device of away) this.#pace(device, 'round-over', this.#task.intervalMs);
    if (this.#task.state !== 'running') this.#dismiss();
  }

  #invite(candidates: readonly Candidate[]): readonly DeviceId[] {
    const { ports, config } = this.#parts;
    const count = invitationCount(this.#task.cohort.size, config.inviteFactor);
    const invited = selectDevices(candidates, { count, today: dayOf(this.#now()), random: ports.random });
    this.#lobby.leave(invited, this.#now());
    return invited;
  }

  async #openFor(invited: readonly DeviceId[]): Promise<OpenedRound> {
    const learning = await this.#parts.tasks.learning(this.#task);
    return openRound(this.#parts, this.#task, learning, invited);
  }

  #takeBack(candidates: readonly Candidate[], invited: readonly DeviceId[]): void {
    const { devices } = this.#parts;
    const back = candidates.filter(({ device }) => invited.includes(device) && devices.isConnected(device));
    for (const candidate of back) this.#lobby.enter(candidate, this.#now());
  }

  async #aggregate(opened: OpenedRound): Promise<ServerOutcome | undefined> {
    const { ports, keyring, devices } = this.#parts;
    const { invited, plan } = opened;
    ports.events.roundOpened(this.#nameOf(opened), invited.length);
    this.#note(opened, 'reserved');
    const engine = new RoundEngine({
      setup: serverSetup(opened, keyring),
      ports,
      push: (device, packet) => devices.push(device, packet),
      onSent: (name) => {
        ports.events.turnEntered(this.#nameOf(opened), name);
        this.#note(opened, `sent ${name}`);
      },
    });
    this.#open = { opened, engine, members: new Set(invited) };
    for (const device of invited) this.#sendPlan(device, opened);
    this.#note(opened, 'sent plan');
    for (const device of invited) if (!devices.isConnected(device)) engine.leave(device);
    try {
      return await engine.outcome;
    } catch (error) {
      ports.events.defectFound(`round ${plan.round} of ${plan.task}`, error);
      return undefined;
    }
  }

  /** Stores what came of the round, and only then tells the devices; after a failed commit it has nothing to tell. */
  async #close(opened: OpenedRound, outcome: ServerOutcome | undefined): Promise<void> {
    const { record } = opened;
    const engine = this.#open?.engine;
    if (outcome === undefined) {
      this.#task = await abandonRound(this.#parts, record, { reason: 'a defect ended the round' });
    } else if (outcome.kind === 'abandoned') {
      this.#task = await this.#recordAbandoned(opened, outcome);
      engine?.sayFarewell();
    } else {
      const committed = await this.#commit(opened, outcome);
      this.#task = committed ?? (await abandonRound(this.#parts, record, { reason: 'the commit failed' }));
      if (committed) engine?.sayFarewell();
    }
  }

  /** @returns undefined where nothing was written */
  async #commit(opened: OpenedRound, outcome: Committed): Promise<Task | undefined> {
    const { events } = this.#parts.ports;
    this.#note(opened, 'committing');
    const task = await commitRound(this.#parts, opened, outcome).catch((error: unknown) => {
      events.defectFound(`commit of round ${opened.record.number} of ${opened.record.task}`, error);
      return undefined;
    });
    if (task === undefined) return undefined;
    const durationMs = this.#now() - Date.parse(opened.record.openedAt);
    events.roundCommitted(this.#nameOf(opened), { contributors: outcome.survivors.length, durationMs });
    this.#note(opened, 'committed');
    return task;
  }

  #recordAbandoned(opened: OpenedRound, outcome: Extract<ServerOutcome, { kind: 'abandoned' }>): Promise<Task> {
    if (outcome.named.length > 0) this.#parts.ports.events.devicesNamed(this.#nameOf(opened), outcome.named);
    const reason = `${outcome.reason} at ${outcome.turn}`;
    return abandonRound(this.#parts, opened.record, { reason, ...figuresOf(outcome) });
  }

  #sendPlan(device: DeviceId, { plan, bundle }: OpenedRound): void {
    const header = { round: plan.round.toString(), algorithm: this.#task.algorithm };
    this.#parts.devices.push(device, { name: 'plan', header, body: bundle });
  }

  /** Sends everybody who waits away. */
  #dismiss(): void {
    const waiting = this.#lobby.candidates.map(({ device }) => device);
    this.#lobby.leave(waiting, this.#now());
    for (const device of waiting) this.#pace(device, paceReason(this.#task));
  }

  #pace(device: DeviceId, reason: PaceReason, checkInAfterMs?: number): void {
    const header = { reason, ...(checkInAfterMs === undefined ? {} : { checkInAfterMs }) };
    this.#parts.devices.push(device, { name: 'pace', header });
  }

  #nameOf({ plan }: OpenedRound) {
    return { task: plan.task, round: plan.round };
  }

  #note(opened: OpenedRound, at: Moment['at']): void {
    this.#parts.onMoment({ ...this.#nameOf(opened), at });
  }

  #now(): Instant {
    return this.#parts.ports.clock.now();
  }
}

type PaceReason = z.infer<typeof paceHeader>['reason'];

function paceReason({ state }: Task): PaceReason {
  return state === 'paused' ? 'task-paused' : 'task-done';
}
