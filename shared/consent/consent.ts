/** Decisions over time → what is allowed now. Everything here doubts in favour of refusal. */

import type { Instant } from '../ports.ts';
import { type Purpose, purposes } from './purposes.ts';
import type { Decisions, Receipt } from './receipt.ts';

/**
 * unknown → pending (asked) → granted | denied → withdrawn by the person, expired by time, superseded by a new text.
 * Only `granted` allows anything.
 */
export type ConsentState = 'unknown' | 'pending' | 'granted' | 'denied' | 'withdrawn' | 'expired' | 'superseded';

export type ConsentEvent =
  /** The person was shown the question. */
  | { readonly kind: 'asked'; readonly at: Instant; readonly purposes: readonly Purpose[] }
  | {
      readonly kind: 'decided';
      readonly at: Instant;
      /** Version of the text that the decision was about. */
      readonly policy: string;
      readonly decisions: Decisions;
      readonly expiresAt?: Instant | undefined;
    };

export type ConsentCircumstances = {
  readonly now: Instant;
  /** Version of the text in force: `policyVersion`. */
  readonly policy: string;
  /** Whether a signal such as Global Privacy Control refuses now. It counts as the latest decision. */
  readonly isRefusedBySignal: boolean;
};

/** The event behind a receipt: the coordinator judges by the same rules as the device. */
export function decisionOf({ decidedAt, policy, decisions, expiresAt }: Receipt): ConsentEvent {
  return { kind: 'decided', at: decidedAt, policy: policy.sha256, decisions, expiresAt };
}

/**
 * What a history says about one purpose. The latest decision counts, whatever order the events arrive in; of two at one
 * instant the one that refuses. A refusal outlives the text it was about; a grant does not.
 */
export function consentState(
  purpose: Purpose,
  history: readonly ConsentEvent[],
  circumstances: ConsentCircumstances,
): ConsentState {
  const decided = latestDecision(purpose, history);
  if (decided?.decision === 'withdrawn') return 'withdrawn';
  if (decided?.decision === 'denied' || circumstances.isRefusedBySignal) return 'denied';
  const lapse = decided && lapseOf(decided, circumstances);
  if (decided && !lapse) return 'granted';
  return wasAskedAfter(decided?.at ?? -Infinity, purpose, history) ? 'pending' : (lapse ?? 'unknown');
}

export function consentStates(
  history: readonly ConsentEvent[],
  circumstances: ConsentCircumstances,
): Readonly<Record<Purpose, ConsentState>> {
  const states = purposes.map((purpose) => [purpose, consentState(purpose, history, circumstances)]);
  // fromEntries forgets the key type; the keys are all purposes.
  return Object.fromEntries(states) as Record<Purpose, ConsentState>;
}

export function hasConsent(
  purpose: Purpose,
  history: readonly ConsentEvent[],
  circumstances: ConsentCircumstances,
): boolean {
  return consentState(purpose, history, circumstances) === 'granted';
}

/**
 * The instant to write on a new decision: after every earlier one, even when the clock was set back since. Otherwise a
 * withdrawal could be older than the grant that it takes back.
 */
export function nextDecisionAt(history: readonly ConsentEvent[], now: Instant): Instant {
  return history.reduce((next, { at }) => Math.max(next, at + 1), now);
}

type PurposeDecision = {
  readonly decision: 'granted' | 'denied' | 'withdrawn';
  readonly at: Instant;
  readonly policy: string;
  readonly expiresAt: Instant;
};

function latestDecision(purpose: Purpose, history: readonly ConsentEvent[]): PurposeDecision | undefined {
  let latest: PurposeDecision | undefined;
  for (const event of history) {
    const decision = event.kind === 'decided' ? event.decisions[purpose] : undefined;
    if (event.kind !== 'decided' || decision === undefined) continue;
    const { at, policy, expiresAt = Infinity } = event;
    const candidate = { decision, at, policy, expiresAt };
    if (!latest || outranks(candidate, latest)) latest = candidate;
  }
  return latest;
}

const strictness = { granted: 0, denied: 1, withdrawn: 2 } as const;

function outranks(a: PurposeDecision, b: PurposeDecision): boolean {
  if (a.at !== b.at) return a.at > b.at;
  if (a.decision !== b.decision) return strictness[a.decision] > strictness[b.decision];
  // Two grants at one instant: the texts and terms decide, so that the order of arrival cannot.
  if (a.expiresAt !== b.expiresAt) return a.expiresAt < b.expiresAt;
  return a.policy < b.policy;
}

function lapseOf(
  { policy, expiresAt }: PurposeDecision,
  circumstances: ConsentCircumstances,
): 'superseded' | 'expired' | undefined {
  if (policy !== circumstances.policy) return 'superseded';
  return circumstances.now >= expiresAt ? 'expired' : undefined;
}

function wasAskedAfter(at: Instant, purpose: Purpose, history: readonly ConsentEvent[]): boolean {
  return history.some((event) => event.kind === 'asked' && event.at > at && event.purposes.includes(purpose));
}
