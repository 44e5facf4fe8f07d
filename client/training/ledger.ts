/**
 * What this device gave and spent, durably and across all tasks of the app: ten tasks are not ten budgets on one person's
 * data. The ledger also makes a round's claim: an entry is written once, before anything of the round is sent.
 */

import type { Clock, Instant, Store, TaskId } from '@chorale/shared';
import * as z from 'zod/mini';
import { decodeRecord, encodeRecord, readRecords } from '../store-records.ts';
import { add, type Fraction, fractionOf, isMore, zero } from './fraction.ts';

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
  /** ρ of zero-concentrated differential privacy; absent where no device adds noise. */
  rho: z.optional(z.strictObject({ numerator: integerText, denominator: integerText })),
  /** Masked vectors sent, in bytes. */
  sentBytes: z.int(),
});
export type RoundEntry = z.infer<typeof roundEntry>;

export type BudgetLimits = {
  readonly roundsPerDay: number;
  readonly bytesPerDay: number;
  readonly rhoPerYear: number;
};

/** What a round may cost at most. */
export type Charge = { readonly sentBytes: number; readonly rho: Fraction };

export type Claim = { readonly task: TaskId; readonly round: bigint; readonly purpose: string };

const dayMs = 86_400_000;

/**
 * Whether one more round stays within every limit, counting all tasks alike. Only rounds in which a masked vector was sent
 * count: a device that was invited in vain has given nothing.
 */
export function isWithinLimits(
  entries: readonly RoundEntry[],
  charge: Charge,
  limits: BudgetLimits,
  now: Instant,
): boolean {
  const given = entries.filter(({ stages }) => stages.includes('spent'));
  const since = (ageMs: number) => given.filter(({ claimedAt }) => claimedAt > now - ageMs);
  const today = since(dayMs);
  const sentBytes = today.reduce((sum, entry) => sum + entry.sentBytes, charge.sentBytes);
  const rho = since(365 * dayMs).reduce((sum, entry) => add(sum, rhoOf(entry)), charge.rho);
  return (
    today.length < limits.roundsPerDay && sentBytes <= limits.bytesPerDay && !isMore(rho, fractionOf(limits.rhoPerYear))
  );
}

export function rhoOf({ rho }: RoundEntry): Fraction {
  if (rho === undefined) return zero;
  return { numerator: BigInt(rho.numerator), denominator: BigInt(rho.denominator) };
}

export class TrainingLedger {
  readonly #store: Pick<Store, 'get' | 'put' | 'range' | 'compareAndSet'>;
  readonly #clock: Clock;

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

  /** Notes a further stage of a claimed round, with what it costs. @throws invariant if the round was never claimed */
  async advance({ task, round }: Omit<Claim, 'purpose'>, stage: RoundStage, cost?: Charge): Promise<void> {
    const key = keyOf(task, round);
    const before = decodeRecord(roundEntry, await this.#store.get(key));
    if (before === undefined) throw new Error('invariant: a round is claimed before it goes on');
    const rho = cost && { numerator: cost.rho.numerator.toString(), denominator: cost.rho.denominator.toString() };
    const sentBytes = before.sentBytes + (cost?.sentBytes ?? 0);
    const entry = { ...before, stages: [...before.stages, stage], sentBytes, ...(rho === undefined ? {} : { rho }) };
    await this.#store.put(key, encodeRecord(entry));
  }

  /** Greatest round of a task that was ever claimed here; an entry that cannot be read still stands in the way of `claim`. */
  async lastRound(task: TaskId): Promise<bigint | undefined> {
    const [last] = await this.#store.range({ ...roundsOf(task), isReversed: true, limit: 1 });
    const entry = decodeRecord(roundEntry, last?.value);
    return entry === undefined ? undefined : BigInt(entry.round);
  }

  /** Of every task. */
  async entries(): Promise<readonly RoundEntry[]> {
    return (await readRecords(this.#store, 'ledger', roundEntry)).map(({ record }) => record);
  }
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
