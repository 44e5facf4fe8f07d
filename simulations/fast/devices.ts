/** What simulated devices give, one after the other: the path that real ones walk from their rows to words mod 2^32. */

import type { ConsentedExamples } from '@chorale/client';
import {
  type Contribution,
  contributionFor,
  type Derivation,
  encodeContribution,
  type Question,
  type RoundRandomness,
  roundRandomness,
} from '@chorale/client/session';
import { nodeHkdfMany, nodePrimitives } from '@chorale/shared/adapters/node';
import type { EncodedSum, Encoding, Rounding } from '@chorale/shared/encoding';
import type { Trainer } from '@chorale/shared/models';
import type { Replay } from './replay.ts';

/** What all devices of a cohort are asked. Nothing in it is bound to a thread. */
export type Asking = {
  readonly round: number;
  readonly broadcast: unknown;
  readonly encoding: Encoding<string>;
  readonly rounding: Rounding;
  /** What each device adds, in grid steps squared. */
  readonly noiseVariance: bigint;
};

/** Who is asked, and what they need to answer. */
export type Population<Example> = {
  /** With its types or without: a device does not know them either. */
  readonly algorithm: unknown;
  readonly devices: readonly (readonly Example[])[];
  readonly trainer: Trainer;
  readonly roundSeed: Replay['roundSeed'];
  readonly adversary?: Adversary<Example> | undefined;
  readonly signal?: AbortSignal | undefined;
};

export type Adversary<Example> = {
  /** What a device adds to its cohort's sum; undefined where it does as it should. */
  readonly forge: (at: Forgery<Example>) => Promise<Uint32Array | undefined>;
};

/** What a device knows and can do before it sends its vector. */
export type Forgery<Example> = {
  readonly round: number;
  readonly device: number;
  /** All devices of its cohort: a roster is shown to everybody. */
  readonly cohort: readonly number[];
  readonly encoding: Encoding<string>;
  /** What an honest device adds, in grid steps squared. */
  readonly noiseVariance: bigint;
  /** What an honest device with these rows would send; its noise is left out where so said. */
  readonly encode: (rows: readonly Example[], noiseVariance?: bigint) => Promise<Uint32Array>;
};

/** Adds to a sum that has begun what each of these devices gives. */
export async function addDevices<Example>(
  cohort: readonly number[],
  asking: Asking,
  among: Population<Example>,
  sum: EncodedSum,
): Promise<void> {
  for (const device of cohort) {
    among.signal?.throwIfAborted();
    const forged = await among.adversary?.forge({
      ...asking,
      device,
      cohort,
      encode: encoderOf(device, asking, among),
    });
    if (forged !== undefined) sum.addWords(forged);
    else await addContribution(device, asking, among, sum);
  }
}

async function addContribution<Example>(
  device: number,
  asking: Asking,
  among: Population<Example>,
  sum: EncodedSum,
): Promise<void> {
  const randomness = randomnessOf(device, asking, among);
  const { vectors } = await contributionOf(among.devices[device]!, randomness, asking, among);
  sum.add(vectors, { ...asking, random: () => randomness.encoding() });
}

function encoderOf<Example>(device: number, asking: Asking, among: Population<Example>): Forgery<Example>['encode'] {
  return async (rows, noiseVariance = asking.noiseVariance) => {
    const randomness = randomnessOf(device, asking, among);
    return encodeContribution(await contributionOf(rows, randomness, asking, among), randomness, noiseVariance);
  };
}

function randomnessOf<Example>(device: number, { round }: Asking, { roundSeed }: Population<Example>): RoundRandomness {
  return roundRandomness(roundSeed(round, device), derivation);
}

const derivation: Derivation = { encryptCounterMode: nodePrimitives.encryptCounterMode, hkdfMany: nodeHkdfMany };
const neverAborted = new AbortController().signal;

function contributionOf<Example>(
  rows: readonly Example[],
  randomness: RoundRandomness,
  { broadcast, encoding, rounding }: Asking,
  { algorithm, trainer, signal = neverAborted }: Population<Example>,
): Promise<Contribution> {
  // The path knows algorithms without their types, as it does on a device.
  const question = { algorithm, broadcast, encoding, rounding, examples: { source: 'laboratory' } } as Question;
  // Nobody's consent is needed for what a laboratory holds.
  const examples = rows as readonly unknown[] as ConsentedExamples;
  return contributionFor(question, examples, { trainer, signal, randomness });
}
