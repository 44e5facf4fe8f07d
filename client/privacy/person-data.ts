/** What the person may see and take with them, and how all of it goes. */

import { base64url, type DeviceId, type Instant, type Store, type TaskId } from '@chorale/shared';
import { type ConsentState, type Purpose, type SignedReceipt, signedReceipt } from '@chorale/shared/consent';
import type { ChoraleEvent } from '@chorale/shared/features';
import type { ModelManifest } from '@chorale/shared/wire';
import { identitiesOf } from '../enrolment/identity.ts';
import { keptModels } from '../personalization/models.ts';
import { readRecords } from '../store-records.ts';
import { add, approximately, zero } from '../training/fraction.ts';
import { type RoundEntry, rhoOf } from '../training/ledger.ts';

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
  /** ρ of zero-concentrated differential privacy spent; rounds without noise on devices count nothing here. */
  readonly rho: number;
  readonly lastContributionAt: Instant | undefined;
  readonly byTask: readonly { readonly task: string; readonly purpose: string; readonly contributions: number }[];
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

export function summarize(entries: readonly RoundEntry[]): Omit<PrivacyReport, 'consent' | 'events'> {
  const given = entries.filter(({ stages }) => stages.includes('spent'));
  const tasks = new Map(given.map(({ task, purpose }) => [task, purpose]));
  return {
    rounds: entries.length,
    contributions: given.length,
    sentBytes: given.reduce((sum, { sentBytes }) => sum + sentBytes, 0),
    rho: approximately(given.reduce((sum, entry) => add(sum, rhoOf(entry)), zero)),
    lastContributionAt: given.length === 0 ? undefined : Math.max(...given.map(({ claimedAt }) => claimedAt)),
    byTask: [...tasks].map(([task, purpose]) => ({
      task,
      purpose,
      contributions: given.filter((entry) => entry.task === task).length,
    })),
  };
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
