/**
 * What this device gave and spent, durably and across all tasks of the app: ten tasks are not ten budgets on one person's
 * data. The ledger also makes a round's claim: an entry is written once, before anything of the round is sent.
 */

import { type Bytes, ChoraleError, type Clock, type Instant, type Store, type TaskId } from '@chorale/shared';
import {
  add,
  type Fraction,
  fractionOf,
  isMore,
  type MechanismName,
  mechanismNames,
  zero,
} from '@chorale/shared/privacy';
import * as z from 'zod/mini';
import { decodeRecord, encodeRecord, readRecords } from '../store-records.ts';

/** How far this device went in a round; each stage is flushed before the message that it names leaves. */
const stages = ['claimed', 'spent', 'signed', 'revealed'] as const;
export type RoundStage = (typeof stages)[number];

const integerText = z.string().check(z.regex(/^[0-9]{1,400}$/));
const roundEntry = z.strictObject({
  task: z.string(),
  purpose: z.string(),
  /** u64 in decimal. */
  round: integerText,
  claimedAt: z.int(),
  stages: z.array(z.enum(stages)),
  /** Who added noise, once a vector was sent. */
  mechanism: z.optional(z.enum(mechanismNames)),
  /** ρ of zero-concentrated differential privacy; 0 in a round without noise, where no ρ bounds anything. */
  rho: z.optional(z.strictObject({ numerator: integerText, denominator: integerText })),
  /** Masked vectors sent, in bytes. */
  sentBytes: z.int(),
});
export type RoundEntry = z.infer<typeof roundEntry>;

type Limits = {
  readonly roundsPerDay: number;
  readonly bytesPerDay: number;
  readonly rhoPerYear: number;
};

/** What this device gives at most, whoever asks, and more narrowly for single purposes. */
export type BudgetLimits = Limits & {
  readonly perPurpose?: Readonly<Record<string, Limits>>;
  /** The same task gets one contribution within so long; no such limit unless said. */
  readonly taskWindowMs?: number;
};

/** What a round costs, or may cost at most. */
export type Charge = { readonly sentBytes: number; readonly rho: Fraction };

/** Who asks for it. */
export type Asked = Charge & { readonly task: string; readonly purpose: string };

export type Claim = { readonly task: TaskId; readonly round: bigint; readonly purpose: string };

const dayMs = 86_400_000;
const yearMs = 365 * dayMs;

/** A ledger in sums: what counts against the limits at some moment. */
export type Used = { readonly roundsToday: number; readonly bytesToday: number; readonly rhoThisYear: Fraction };

/** Only rounds in which a masked vector was sent count: a device that was invited in vain has given nothing. */
export function usedOf(entries: readonly RoundEntry[], now: Instant): Used {
  const given = entries.filter(hasGiven);
  const since = (ageMs: number) => given.filter(({ claimedAt }) => claimedAt > now - ageMs);
  const today = since(dayMs);
  return {
    roundsToday: today.length,
    bytesToday: today.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    rhoThisYear: since(yearMs).reduce((sum, entry) => add(sum, rhoOf(entry)), zero),
  };
}

/** Whether one more round stays within every limit, counting all tasks alike. */
export function isWithinLimits(
  entries: readonly RoundEntry[],
  asked: Asked,
  limits: BudgetLimits,
  now: Instant,
): boolean {
  const { perPurpose, taskWindowMs = 0 } = limits;
  const forPurpose = entries.filter(({ purpose }) => purpose === asked.purpose);
  const narrower = perPurpose?.[asked.purpose];
  // Without a window nothing is too soon: not even after a clock that was set back, for which the last round is to come.
  const isTooSoon =
    taskWindowMs > 0 &&
    entries.some((entry) => entry.task === asked.task && hasGiven(entry) && entry.claimedAt > now - taskWindowMs);
  return (
    !isTooSoon &&
    hasRoom(usedOf(entries, now), asked, limits) &&
    (narrower === undefined || hasRoom(usedOf(forPurpose, now), asked, narrower))
  );
}

function hasRoom({ roundsToday, bytesToday, rhoThisYear }: Used, { sentBytes, rho }: Charge, limits: Limits): boolean {
  return (
    roundsToday < limits.roundsPerDay &&
    bytesToday + sentBytes <= limits.bytesPerDay &&
    !isMore(add(rhoThisYear, rho), fractionOf(limits.rhoPerYear))
  );
}

export function hasGiven({ stages }: RoundEntry): boolean {
  return stages.includes('spent');
}

export function rhoOf({ rho }: RoundEntry): Fraction {
  if (rho === undefined) return zero;
  return { numerator: BigInt(rho.numerator), denominator: BigInt(rho.denominator) };
}

type RoundName = Omit<Claim, 'purpose'>;

export class TrainingLedger {
  readonly #store: Pick<Store, 'get' | 'put' | 'range' | 'compareAndSet'>;
  readonly #clock: Clock;
  #spending: Promise<unknown> = Promise.resolve();

  constructor(store: Pick<Store, 'get' | 'put' | 'range' | 'compareAndSet'>, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
  }

  /** @returns false when the round was claimed before, by this or any other process: it is then never entered again */
  async claim({ task, round, purpose }: Claim): Promise<boolean> {
    const claimedAt = this.#clock.now();
    const entry: RoundEntry = {
      task,
      purpose,
      round: round.toString(),
      claimedAt,
      stages: ['claimed'],
      sentBytes: 0,
    };
    return this.#store.compareAndSet(keyOf(task, round), undefined, encodeRecord(entry));
  }

  /** Notes a further stage of a claimed round. @throws invariant if the round was never claimed */
  async advance(of: RoundName, stage: RoundStage): Promise<void> {
    const before = await this.#entry(of);
    await this.#put(of, { ...before, stages: [...before.stages, stage] });
  }

  /**
   * Charges a claimed round, before its masked vector is sent. Tasks that run side by side ask one after the other.
   *
   * @returns false where a limit would be passed: nothing is charged then, and nothing may be sent
   * @throws invariant if the round was never claimed
   */
  spend(of: RoundName, cost: Charge & { readonly mechanism: MechanismName }, limits: BudgetLimits): Promise<boolean> {
    const spent = this.#spending.then(() => this.#spend(of, cost, limits));
    this.#spending = spent.catch(() => false);
    return spent;
  }

  async #spend(of: RoundName, cost: Charge & { readonly mechanism: MechanismName }, limits: BudgetLimits) {
    const before = await this.#entry(of);
    const isLeft = async () => {
      const others = (await this.entries()).filter(({ task, round }) => task !== of.task || round !== before.round);
      return isWithinLimits(others, { ...cost, task: of.task, purpose: before.purpose }, limits, this.#clock.now());
    };
    if (!(await isLeft())) return false;
    const { sentBytes, mechanism } = cost;
    const rho = { numerator: cost.rho.numerator.toString(), denominator: cost.rho.denominator.toString() };
    await this.#put(of, { ...before, stages: [...before.stages, 'spent'], sentBytes, rho, mechanism });
    // Another tab may have charged meanwhile. Each of two looks after it has written, so at least one sees both.
    if (await isLeft()) return true;
    await this.#put(of, before);
    return false;
  }

  /** Greatest round of a task that was ever claimed here, by its key alone: also where the entry cannot be read. */
  async lastRound(task: TaskId): Promise<bigint | undefined> {
    const [last] = await this.#store.range({ ...roundsOf(task), isReversed: true, limit: 1 });
    return last === undefined ? undefined : BigInt(last.key.slice(last.key.lastIndexOf('/') + 1));
  }

  /**
   * Of every task.
   *
   * @throws ChoraleError `store-unavailable` where one cannot be read: nobody knows what it has spent, so nothing more may be
   */
  async entries(): Promise<readonly RoundEntry[]> {
    const stored = await this.#store.range(ledgerRange);
    return stored.filter(({ key }) => !isOpening(key)).map(({ value }) => readEntry(value));
  }

  /** Those of every task that can be read, for the person to see. */
  async readable(): Promise<readonly RoundEntry[]> {
    return (await readRecords(this.#store, 'ledger', roundEntry)).map(({ record }) => record);
  }

  async #entry({ task, round }: RoundName): Promise<RoundEntry> {
    const entry = decodeRecord(roundEntry, await this.#store.get(keyOf(task, round)));
    if (entry === undefined) throw new Error('invariant: a round is claimed before it goes on');
    return entry;
  }

  #put({ task, round }: RoundName, entry: RoundEntry): Promise<void> {
    return this.#store.put(keyOf(task, round), encodeRecord(entry));
  }
}

const ledgerRange = { from: 'ledger/', to: 'ledger0' };

function readEntry(value: Bytes): RoundEntry {
  const entry = decodeRecord(roundEntry, value);
  if (entry !== undefined) return entry;
  throw new ChoraleError('store-unavailable', 'the ledger of rounds holds an entry that cannot be read');
}

function isOpening(key: string): boolean {
  return key.endsWith('/opened');
}

/** Written together with a task's identity key: a key without it has lost its ledger and is retired. */
export function openedKey(task: TaskId): string {
  return `ledger/${task}/opened`;
}

/** Twenty digits, since a round's upper bits are an epoch. */
function keyOf(task: TaskId, round: bigint): string {
  return `ledger/${task}/${round.toString().padStart(20, '0')}`;
}

/** ':' is the character after '9': the mark of an opened ledger is outside. */
function roundsOf(task: TaskId) {
  return { from: `ledger/${task}/0`, to: `ledger/${task}/:` };
}
