/** One round from its plan to its record: devices talk to the machine, and what comes of it is stored. */

import { type Bytes, type DeviceId, invariant, type Packet, type Reply, type TaskId } from '@chorale/shared';
import { receiptHash, type SignedReceipt } from '@chorale/shared/consent';
import { chargeIn, type RosterHeader, type UpMessage } from '@chorale/shared/secagg';
import type { Keyring } from '../auth/keyring.ts';
import type { Models } from '../models/models.ts';
import type { Ports } from '../ports.ts';
import type { Accounts } from '../privacy/accounts.ts';
import type { Task } from '../tasks/task.ts';
import type { Tasks } from '../tasks/tasks.ts';
import { type Committed, judge, type RoundOutcome } from './aggregation.ts';
import { abandonRound, commitRound, figuresOf } from './commit.ts';
import { RoundEngine } from './engine.ts';
import type { OpenedRound } from './opening.ts';
import { serverSetup } from './setup.ts';

/** What a test or the laboratory may watch: the moments at which a coordinator might be killed. */
export type Moment = {
  readonly task: string;
  readonly round: bigint;
  readonly at: 'reserved' | 'committing' | 'committed' | `sent ${string}`;
};

/** Connected devices, as rounds see them. */
export type Audience = {
  push(device: DeviceId, packet: Packet): void;
  isConnected(device: DeviceId): boolean;
};

export type OpenRoundParts = {
  readonly ports: Ports;
  readonly keyring: Keyring;
  readonly tasks: Tasks;
  readonly models: Models;
  readonly accounts: Accounts;
  readonly devices: Audience;
  /** Lets a device take part in the task no more. */
  readonly bar: (task: TaskId, device: DeviceId) => Promise<void>;
  readonly onMoment: (moment: Moment) => void;
};

export class OpenRound {
  readonly #parts: OpenRoundParts;
  readonly #opened: OpenedRound;
  readonly #members: ReadonlySet<DeviceId>;
  readonly #engine: RoundEngine;
  /** By whom a vector was taken, and the receipt that allowed it then. */
  readonly #receipts = new Map<DeviceId, Bytes>();
  readonly #expiries: (() => void)[] = [];
  readonly #charged = new Set<DeviceId>();
  #charging: Promise<void> = Promise.resolve();

  /** Sends the plan to everybody who is invited. */
  constructor(opened: OpenedRound, parts: OpenRoundParts) {
    const { ports, keyring, devices } = parts;
    this.#parts = parts;
    this.#opened = opened;
    this.#members = new Set(opened.invited);
    ports.events.roundOpened(this.#name, opened.invited.length);
    this.#note('reserved');
    this.#engine = new RoundEngine({
      ...{ ports, setup: serverSetup(opened, keyring) },
      push: (device, packet) => devices.push(device, packet),
      beforeAsking: (asked, header) => this.#charge(asked, header),
      onSent: (name) => {
        ports.events.turnEntered(this.#name, name);
        this.#note(`sent ${name}`);
      },
    });
    for (const device of opened.invited) this.sendPlan(device);
    this.#note('sent plan');
    for (const device of opened.invited) if (!devices.isConnected(device)) this.#engine.leave(device);
  }

  get number(): bigint {
    return this.#opened.plan.round;
  }

  has(device: DeviceId): boolean {
    return this.#members.has(device);
  }

  sendPlan(device: DeviceId): void {
    const { plan, bundle, algorithm } = this.#opened;
    const header = { round: plan.round.toString(), algorithm };
    this.#parts.devices.push(device, { name: 'plan', header, body: bundle });
  }

  /** @param consent the receipt that allows the message */
  async receive(device: DeviceId, message: UpMessage, consent: SignedReceipt): Promise<Reply> {
    const answered = this.#engine.receive(device, message);
    const isTaken = message.name === 'masked-input' && (await answered).ok;
    if (isTaken) {
      this.#receipts.set(device, receiptHash(consent));
      this.#watchExpiry(device, consent);
    }
    return answered;
  }

  /** A receipt that ends before it is fixed whose vectors are added up ends the device's part in the sum. */
  #watchExpiry(device: DeviceId, { receipt: { expiresAt } }: SignedReceipt): void {
    if (expiresAt === undefined) return;
    this.#expiries.push(this.#parts.ports.clock.wakeAt(expiresAt, () => void this.withdraw(device)));
  }

  /** Takes the device out of the sum, if its vector is not in it already. */
  async withdraw(device: DeviceId): Promise<void> {
    await this.#engine.receive(device, { name: 'withdraw', body: new Uint8Array(0) });
  }

  /** Nothing waits for the device any more. */
  leave(device: DeviceId): void {
    this.#engine.leave(device);
  }

  stop(): void {
    this.#engine.stop();
  }

  /**
   * Waits for the round's end and stores what came of it; only then are the devices told. After a commit that failed
   * there is nothing true to tell them.
   *
   * @returns the task as it stands afterwards
   */
  async finish(): Promise<Task> {
    const outcome = await this.#outcome();
    const { record } = this.#opened;
    if (outcome === undefined) return abandonRound(this.#parts, record, { reason: 'a defect ended the round' });
    await this.#bar(outcome);
    const task = await (outcome.kind === 'committed' ? this.#commit(outcome) : this.#abandon(outcome));
    if (task === undefined) return abandonRound(this.#parts, record, { reason: 'the commit failed' });
    this.#engine.sayFarewell(outcome.kind === 'committed');
    return task;
  }

  /** @returns undefined where a defect broke the round: then nothing of it is used */
  async #outcome(): Promise<RoundOutcome | undefined> {
    try {
      return judge(await this.#engine.outcome, this.#opened.merge);
    } catch (error) {
      this.#parts.ports.events.defectFound(`round ${this.number} of ${this.#name.task}`, error);
      return undefined;
    } finally {
      for (const cancel of this.#expiries) cancel();
    }
  }

  /**
   * Counts a participation for everybody who is about to be asked for a vector, whatever becomes of the round: a device
   * that answers has spent it, and a coordinator that dies now must still know.
   */
  #charge(asked: readonly DeviceId[], header: RosterHeader): Promise<void> {
    const devices = asked.filter((device) => !this.#charged.has(device));
    for (const device of devices) this.#charged.add(device);
    const rho = chargeIn(this.#opened.plan, header);
    // Who comes back is asked again, but not before the first charge is durable.
    if (rho === undefined || devices.length === 0) return this.#charging;
    const { tasks, accounts } = this.#parts;
    const charge = async () => {
      await tasks.change(this.#opened.plan.task, async (before) => {
        const { mostSpent, writes } = await accounts.charge(before, devices, rho);
        return { task: { ...before, mostSpent }, writes };
      });
    };
    this.#charging = this.#charging.then(charge);
    return this.#charging;
  }

  #receiptOf(device: DeviceId): Bytes {
    const receipt = this.#receipts.get(device);
    invariant(receipt, 'no vector is taken without a receipt');
    return receipt;
  }

  /** @returns undefined where nothing was written */
  async #commit(outcome: Committed): Promise<Task | undefined> {
    const { events, clock } = this.#parts.ports;
    this.#note('committing');
    const survivors = outcome.cohorts.flatMap((cohort) => cohort.survivors);
    const receipts = survivors.map((device) => this.#receiptOf(device));
    const task = await commitRound(this.#parts, this.#opened, outcome, receipts).catch((error: unknown) => {
      events.defectFound(`commit of round ${this.number} of ${this.#name.task}`, error);
      return undefined;
    });
    if (task === undefined) return undefined;
    const durationMs = clock.now() - this.#opened.plan.openedAt;
    events.roundCommitted(this.#name, { contributors: survivors.length, durationMs });
    this.#note('committed');
    return task;
  }

  /** One device that lies would spoil every cohort that it is in, so it is in no other. */
  async #bar({ named }: RoundOutcome): Promise<void> {
    const { ports, bar } = this.#parts;
    if (named.length === 0) return;
    ports.events.devicesNamed(this.#name, named);
    try {
      for (const device of named) await bar(this.#name.task, device);
    } catch (error) {
      ports.events.defectFound(`barring after round ${this.number} of ${this.#name.task}`, error);
    }
  }

  #abandon(outcome: Exclude<RoundOutcome, Committed>): Promise<Task> {
    const { reason, turn } = outcome;
    return abandonRound(this.#parts, this.#opened.record, { reason: `${reason} at ${turn}`, ...figuresOf(outcome) });
  }

  get #name() {
    const { task, round } = this.#opened.plan;
    return { task, round };
  }

  #note(at: Moment['at']): void {
    this.#parts.onMoment({ ...this.#name, at });
  }
}
