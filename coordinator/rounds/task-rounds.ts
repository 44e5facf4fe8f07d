/** The rounds of one task, one after the other: who waits, and when the next one opens. */

import { ChoraleError, type DeviceId, type Instant, type Reply } from '@chorale/shared';
import type { SignedReceipt } from '@chorale/shared/consent';
import type { UpMessage } from '@chorale/shared/secagg';
import type { paceHeader } from '@chorale/shared/wire';
import type * as z from 'zod';
import type { RoundConfig } from '../config.ts';
import { leastDevices, type Task } from '../tasks/task.ts';
import { roundOver } from './engine.ts';
import { Lobby } from './lobby.ts';
import { OpenRound, type OpenRoundParts } from './open-round.ts';
import { type OpenedRound, type OpeningParts, openRound } from './opening.ts';
import { dayOf, notBeforeAfter, startAt } from './pacing.ts';
import { type Candidate, invitationCount, selectDevices } from './selection.ts';

export type TaskRoundsParts = OpeningParts & OpenRoundParts & { readonly config: RoundConfig };

export class TaskRounds {
  readonly #parts: TaskRoundsParts;
  readonly #lobby: Lobby;
  #task: Task;
  #open: OpenRound | undefined;
  /** The round under way, from selection to its record. */
  #work: Promise<void> | undefined;
  #notBefore: Instant;
  #cancelStart: () => void = () => {};
  #isStopped = false;

  constructor(task: Task, parts: TaskRoundsParts) {
    this.#parts = parts;
    this.#task = task;
    this.#lobby = new Lobby({ plenty: this.#invitations, enough: leastDevices(task) });
    this.#notBefore = notBeforeAfter(task.abandoned, this.#now(), parts.config);
  }

  get task(): Task {
    return this.#task;
  }

  get waitingCount(): number {
    return this.#lobby.size;
  }

  /** The device offers itself. One that has claimed the open round and still checks in has lost its memory of it. */
  checkIn(candidate: Candidate, lastRound: bigint | undefined): void {
    const { device } = candidate;
    const open = this.#openWith(device);
    if (this.#task.state !== 'running') {
      this.#pace(device, restReason(this.#task));
    } else if (open && (lastRound === undefined || lastRound < open.number)) {
      open.sendPlan(device);
    } else {
      open?.leave(device);
      this.#lobby.enter(candidate, this.#now());
      this.#consider();
    }
  }

  /** @param consent the receipt that allows the message */
  async receive(device: DeviceId, round: bigint, message: UpMessage, consent: SignedReceipt): Promise<Reply> {
    if (this.#open?.number !== round) return roundOver;
    const open = this.#openWith(device);
    if (!open) throw new ChoraleError('not-eligible', 'this device was not invited to the round');
    return open.receive(device, message, consent);
  }

  /** Takes the device out of the pool and, before unmasking, out of the open round. */
  async withdraw(device: DeviceId): Promise<void> {
    this.#lobby.leave([device], this.#now());
    this.#consider();
    await this.#openWith(device)?.withdraw(device);
  }

  /** The device's connection ended. Unless it said goodbye, it may come back for a moment within a turn. */
  leave(device: DeviceId, isDeliberate: boolean): void {
    const { ports, config, devices } = this.#parts;
    this.#lobby.leave([device], this.#now());
    this.#consider();
    const open = this.#openWith(device);
    if (open === undefined) return;
    if (isDeliberate) open.leave(device);
    else {
      ports.clock.wakeAt(this.#now() + config.reconnectMs, () => {
        if (!devices.isConnected(device)) open.leave(device);
      });
    }
  }

  /** After the operator paused or resumed the task. A round that is open goes on to its end. */
  follow(task: Task): void {
    this.#task = task;
    if (task.state !== 'running') this.#dismiss();
    this.#consider();
  }

  /** Abandons what is open and sends everybody away. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#cancelStart();
    this.#open?.stop();
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
    const { config, tasks } = this.#parts;
    // Whatever fails below, the next attempt waits.
    this.#notBefore = this.#now() + config.backOffMs;
    this.#task = await tasks.settle(await tasks.get(this.#task.id));
    if (this.#task.state !== 'running') return this.#dismiss();
    if (!(await this.#keepThoseWithBudget())) return;
    const opened = await this.#openNext();
    try {
      this.#open = new OpenRound(opened, this.#parts);
      if (this.#isStopped) this.#open.stop();
      this.#task = await tasks.settle(await this.#open.finish());
    } finally {
      this.#open = undefined;
    }
    const pauseEnd = this.#now() + this.#task.intervalMs;
    this.#notBefore = Math.max(notBeforeAfter(this.#task.abandoned, this.#now(), config), pauseEnd);
    this.#release(opened.invited);
  }

  /** A device may have spent its last participation while it waited. @returns whether enough are left for a round */
  async #keepThoseWithBudget(): Promise<boolean> {
    const waiting = this.#lobby.candidates.map(({ device }) => device);
    const mayGive = await Promise.all(waiting.map((device) => this.#parts.accounts.mayGive(this.#task, device)));
    const spentUp = waiting.filter((_, i) => !mayGive[i]);
    this.#lobby.leave(spentUp, this.#now());
    for (const device of spentUp) this.#pace(device, 'not-selected');
    return this.#lobby.size >= leastDevices(this.#task) || spentUp.length === 0;
  }

  async #openNext(): Promise<OpenedRound> {
    const { ports, tasks } = this.#parts;
    const { candidates } = this.#lobby;
    const count = this.#invitations;
    const invited = selectDevices(candidates, { count, today: dayOf(this.#now()), random: ports.random });
    this.#lobby.leave(invited, this.#now());
    try {
      return await openRound(this.#parts, this.#task, await tasks.learning(this.#task), invited);
    } catch (error) {
      this.#takeBack(candidates.filter(({ device }) => invited.includes(device)));
      throw error;
    }
  }

  /** To all cohorts of a round. */
  get #invitations(): number {
    const { size, count } = this.#task.cohort;
    return invitationCount(size * count, this.#parts.config.inviteFactor);
  }

  #takeBack(candidates: readonly Candidate[]): void {
    const connected = candidates.filter(({ device }) => this.#parts.devices.isConnected(device));
    for (const candidate of connected) this.#lobby.enter(candidate, this.#now());
  }

  /** After a round: its devices may check in again, but those who have done so already stay where they are. */
  #release(invited: readonly DeviceId[]): void {
    const away = invited.filter((device) => !this.#lobby.has(device));
    if (this.#task.state !== 'running') this.#dismiss(away);
    else for (const device of away) this.#pace(device, 'round-over', this.#task.intervalMs);
  }

  /** Sends everybody who waits away, and whom else it concerns. */
  #dismiss(others: readonly DeviceId[] = []): void {
    const waiting = this.#lobby.candidates.map(({ device }) => device);
    this.#lobby.leave(waiting, this.#now());
    for (const device of [...waiting, ...others]) this.#pace(device, restReason(this.#task));
  }

  #pace(device: DeviceId, reason: PaceReason, checkInAfterMs?: number): void {
    const header = { reason, ...(checkInAfterMs === undefined ? {} : { checkInAfterMs }) };
    this.#parts.devices.push(device, { name: 'pace', header });
  }

  #openWith(device: DeviceId): OpenRound | undefined {
    return this.#open?.has(device) ? this.#open : undefined;
  }

  #now(): Instant {
    return this.#parts.ports.clock.now();
  }
}

type PaceReason = z.infer<typeof paceHeader>['reason'];

function restReason({ state }: Task): PaceReason {
  if (state === 'exhausted') return 'task-exhausted';
  return state === 'paused' ? 'task-paused' : 'task-done';
}
