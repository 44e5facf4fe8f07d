/** From an offered plan to everything that a round needs: verify, judge, learn. All of it happens before the first turn. */

import { type Bytes, ChoraleError, type Clock, deviceIdToBytes, hex, type TaskId } from '@chorale/shared';
import type { Registry } from '@chorale/shared/algorithms';
import type { Purpose } from '@chorale/shared/consent';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { Trainer } from '@chorale/shared/models';
import {
  type ClientSetup,
  type DeviceFloors,
  decodePlan,
  decodePlanKeyCertificate,
  type Plan,
  type PlanKeyCertificate,
  verifyPlanJob,
} from '@chorale/shared/secagg';
import { decodePlanBundle, type PlanBundle } from '@chorale/shared/wire';
import type { ConsentedExamples } from '../behavior/examples.ts';
import type { Membership } from '../enrolment/membership.ts';
import type { BudgetLimits, TrainingLedger } from '../training/ledger.ts';
import { contributionFor, encodeContribution } from './contribution.ts';
import { inspectOffer, inspectQuestion } from './guard.ts';
import type { DeclineReason } from './outcome.ts';
import { type ExamplesQuery, readQuestion } from './question.ts';
import { roundRandomness } from './round-randomness.ts';
import type { Offer } from './session.ts';

export type RoundPorts = {
  readonly clock: Clock;
  readonly crypto: CryptoProvider;
  readonly ledger: TrainingLedger;
  readonly algorithms: Registry;
  readonly trainer: Trainer;
  readonly floors: DeviceFloors;
  readonly limits: BudgetLimits;
  /** 32 secret bytes: drawn anew for each round. */
  readonly roundSeed: (task: TaskId, round: bigint) => Bytes;
  /** A broadcast too large for the socket, by its hash in hexadecimal. */
  readonly fetchBroadcast: (sha256: string) => Promise<Bytes>;
  /** Whether this is a good moment for the person, and still wanted. */
  readonly isEligible: () => Promise<boolean>;
  /** @throws ChoraleError */
  readonly examples: (query: ExamplesQuery, purpose: Purpose) => Promise<ConsentedExamples>;
  /** What went wrong on this device, for the app to hear: the coordinator does not. */
  readonly onError: (error: unknown) => void;
};

export type PrepareOptions = {
  readonly membership: Membership;
  readonly lastRound: bigint | undefined;
  readonly signal: AbortSignal;
};

/** @returns what the secure aggregation starts from, or why this device sits the round out. Never rejects */
export async function prepareRound(
  offer: Offer,
  options: PrepareOptions,
  ports: RoundPorts,
): Promise<ClientSetup | DeclineReason> {
  try {
    const read = readOffer(offer);
    // Nobody who may sign has made what cannot even be read.
    if (read === undefined) return 'bad-signature';
    return (await refusalOf({ offer, ...read }, options, ports)) ?? (await learn(read, options, ports));
  } catch (error) {
    const reason = reasonOf(error);
    // A person who said no is no error, and a plan that cannot be read is the coordinator's.
    if (reason === 'training-failed' && !options.signal.aborted) ports.onError(error);
    return reason;
  }
}

type Read = { readonly bundle: PlanBundle; readonly plan: Plan; readonly certificate: PlanKeyCertificate };

function readOffer({ bundle: bytes }: Offer): Read | undefined {
  try {
    const bundle = decodePlanBundle(bytes);
    const certificate = decodePlanKeyCertificate(bundle.planKeyCertificate);
    return { bundle, plan: decodePlan(bundle.plan), certificate };
  } catch (error) {
    if (error instanceof ChoraleError) return undefined;
    throw error;
  }
}

async function refusalOf(
  { offer, bundle, plan, certificate }: Read & { readonly offer: Offer },
  { membership, lastRound }: PrepareOptions,
  { clock, crypto, ledger, floors, limits, isEligible }: RoundPorts,
): Promise<DeclineReason | undefined> {
  const { task, purpose, policyHash, promise, rootKey } = membership;
  const signed = { planBytes: bundle.plan, signature: bundle.signature, certificate };
  const verified = await crypto.perform(verifyPlanJob(rootKey, signed));
  if (verified.did !== 'verifyMany' || !verified.valid.every(Boolean)) return 'bad-signature';
  if (plan.round !== offer.round) return 'bad-signature';
  const own = { task, purpose, floors, policyHash, promise, limits };
  const stance = { ...own, lastRound, ledger: await ledger.entries(), now: clock.now() };
  const reason = inspectOffer(plan, certificate, stance);
  if (reason !== undefined) return reason;
  return (await isEligible()) ? undefined : 'not-eligible';
}

async function learn(
  { bundle, plan, certificate }: Read,
  { membership, signal }: PrepareOptions,
  ports: RoundPorts,
): Promise<ClientSetup | DeclineReason> {
  const broadcast = bundle.broadcast ?? (await ports.fetchBroadcast(hex(plan.broadcastHash)));
  const question = readQuestion(plan, broadcast, ports.algorithms);
  if (typeof question === 'string') return question;
  const range = inspectQuestion(plan, question, ports.floors);
  if (range !== undefined) return range;
  const examples = await ports.examples(question.examples, membership.purpose);
  const randomness = roundRandomness(ports.roundSeed(plan.task, plan.round));
  const contribution = await contributionFor(question, examples, { trainer: ports.trainer, signal, randomness });
  const { identity, credential, enrolmentKey } = membership;
  return {
    plan,
    planBytes: bundle.plan,
    planKey: certificate.key,
    enrolmentKey,
    identity: { ...identity, deviceId: deviceIdToBytes(membership.device) },
    credential,
    floors: ports.floors,
    seed: randomness.aggregation,
    encode: (noiseVariance) => encodeContribution(contribution, randomness, noiseVariance),
  };
}

function reasonOf(error: unknown): DeclineReason {
  return error instanceof ChoraleError && error.code === 'consent-required' ? 'not-eligible' : 'training-failed';
}
