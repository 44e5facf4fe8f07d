/** From a question and a device's own examples to words mod 2^32. The session and the laboratory both walk this path. */

import type { ClientTools } from '@chorale/shared/algorithms';
import { type EncodedVector, encode, type Vectors } from '@chorale/shared/encoding';
import type { ConsentedExamples } from '../behavior/examples.ts';
import type { Question } from './question.ts';
import type { RoundRandomness } from './round-randomness.ts';

export type Contribution = { readonly question: Question; readonly vectors: Vectors<string> };

/** What the algorithm makes of this device's examples. A device without any answers too: silence would tell. */
export async function contributionFor(
  question: Question,
  examples: ConsentedExamples,
  { randomness, ...tools }: Omit<ClientTools, 'random'> & { readonly randomness: RoundRandomness },
): Promise<Contribution> {
  const random = randomness.training();
  const vectors = await question.algorithm.contribute(question.broadcast, examples, { ...tools, random });
  return { question, vectors };
}

/**
 * The contribution as it will be masked: the same for the same round seed.
 *
 * @param noiseVariance σ_c² of the roster header
 */
export function encodeContribution(
  { question, vectors }: Contribution,
  randomness: RoundRandomness,
  noiseVariance: bigint,
): EncodedVector {
  const { encoding, rounding } = question;
  return encode(vectors, encoding, { random: randomness.encoding(), noiseVariance, rounding });
}
