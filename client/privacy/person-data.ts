/** What the person may see and take with them, and how all of it goes. */

import { base64url, type DeviceId, type Instant, type Store, type TaskId } from '@chorale/shared';
import { type ConsentState, type Purpose, type SignedReceipt, signedReceipt } from '@chorale/shared/consent';
import type { ChoraleEvent } from '@chorale/shared/features';
import { add, type MechanismName, toNumber, zero } from '@chorale/shared/privacy';
import type { ModelManifest } from '@chorale/shared/wire';
import { identitiesOf } from '../enrolment/identity.ts';
import { keptModels } from '../personalization/models.ts';
import { readRecords } from '../store-records.ts';
import { hasGiven, type RoundEntry, rhoOf, usedOf } from '../training/ledger.ts';

/** Everything that this device holds about its person, as plain data. Secret keys stay out: they prove, they do not tell. */
export type PersonData = {
  readonly exportedAt: Instant;
  readonly person: string | undefined;
  readonly consent: Readonly<Record<Purpose, ConsentState>>;
  readonly receipts: readonly SignedReceipt[];
  readonly events: readonly ChoraleEvent[];
  readonly rounds: readonly RoundEntry[];
  readonly identities: readonly { readonly task: TaskId; readonly device: DeviceId; readonly publicKey: string }[];
  readonly models: readonly ModelManifest[];
};

/** What this device gave, and what that cost, in figures for people. */
export type PrivacyReport = {
  readonly consent: Readonly<Record<Purpose, ConsentState>>;
  readonly events: number;
  /** Rounds entered, and rounds in which a masked vector was sent. */
  readonly rounds: number;
  readonly contributions: number;
  readonly sentBytes: number;
  /** ρ of zero-concentrated differential privacy spent; rounds without noise count nothing here, and promise nothing. */
  readonly rho: number;
  readonly lastContributionAt: Instant | undefined;
  /** What counts against this device's own limits now, over all tasks. */
  readonly used: { readonly roundsToday: number; readonly bytesToday: number; readonly rhoThisYear: number };
  readonly limits: { readonly roundsPerDay: number; readonly bytesPerDay: number; readonly rhoPerYear: number };
  readonly byTask: readonly TaskReport[];
};

export type TaskReport = {
  readonly task: string;
  readonly purpose: string;
  readonly contributions: number;
  readonly rho: number;
  /** Who added noise: `central` trusts the coordinator to do so, `none` is sums without any. */
  readonly mechanisms: readonly MechanismName[];
};

export async function readReceipts(store: Pick<Store, 'range'>): Promise<readonly SignedReceipt[]> {
  return (await readRecords(store, 'receipt', signedReceipt)).map(({ record }) => record);
}

export async function readIdentities(store: Pick<Store, 'range'>): Promise<PersonData['identities']> {
  const identities = await identitiesOf(store);
  return identities.map(({ task, device, publicKey }) => ({ task, device, publicKey: base64url(publicKey) }));
}

export async function readManifests(store: Pick<Store, 'range'>): Promise<readonly ModelManifest[]> {
  return (await keptModels(store)).map(({ manifest }) => manifest);
}

export function summarize(
  entries: readonly RoundEntry[],
  { roundsPerDay, bytesPerDay, rhoPerYear }: PrivacyReport['limits'],
  now: Instant,
): Omit<PrivacyReport, 'consent' | 'events'> {
  const given = entries.filter(hasGiven);
  const { roundsToday, bytesToday, rhoThisYear } = usedOf(entries, now);
  return {
    rounds: entries.length,
    contributions: given.length,
    sentBytes: given.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    rho: rhoOfAll(given),
    lastContributionAt: given.length === 0 ? undefined : Math.max(...given.map(({ claimedAt }) => claimedAt)),
    used: { roundsToday, bytesToday, rhoThisYear: toNumber(rhoThisYear) },
    limits: { roundsPerDay, bytesPerDay, rhoPerYear },
    byTask: [...new Set(given.map(({ task }) => task))].map((task) =>
      reportOf(
        task,
        given.filter((entry) => entry.task === task),
      ),
    ),
  };
}

function reportOf(task: string, given: readonly RoundEntry[]): TaskReport {
  const mechanisms = new Set(given.flatMap(({ mechanism }) => mechanism ?? []));
  return {
    task,
    purpose: given[0]!.purpose,
    contributions: given.length,
    rho: rhoOfAll(given),
    mechanisms: [...mechanisms],
  };
}

function rhoOfAll(entries: readonly RoundEntry[]): number {
  return toNumber(entries.reduce((sum, entry) => add(sum, rhoOf(entry)), zero));
}

const wipedAtOnce = 1000;

/** Deletes every key there is, also such as were written while others went. */
export async function wipe(store: Pick<Store, 'range' | 'batch'>): Promise<void> {
  for (;;) {
    const entries = await store.range({ from: '', to: '\u{10ffff}', limit: wipedAtOnce });
    if (entries.length === 0) return;
    await store.batch(entries.map(({ key }) => ({ do: 'delete', key })));
  }
}
