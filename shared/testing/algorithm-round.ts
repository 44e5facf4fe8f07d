/** One round of an algorithm as tests want it: contribute, encode, sum, decode and update, with no protocol around them. */

import type { FederatedAlgorithm } from '../algorithms/algorithm.ts';
import { chooseEncoding, noiseVariance } from '../encoding/grid.ts';
import { decode, encode } from '../encoding/pipeline.ts';
import type { Rounding } from '../encoding/stage.ts';
import type { Trainer } from '../models/trainer.ts';
import type { NoiseMultiplier } from '../privacy/charge.ts';
import { sampleDiscreteGaussian } from '../privacy/discrete-gaussian.ts';
import { addModulo } from '../vectors.ts';
import { seededRandom } from './seeded-random.ts';

export type AlgorithmRoundOptions = {
  readonly seed: string | number;
  /** Of the whole sum; none unless said. */
  readonly noise?: NoiseMultiplier;
  /** As a plan would have it unless said. */
  readonly rounding?: Rounding;
  readonly trainer?: Trainer;
};

const untrained: Trainer = {
  backend: 'none',
  train: () => Promise.reject(new Error('this algorithm was thought to train nothing')),
};

/** @returns the state after everybody in `devices` gave their rows */
export async function algorithmRound<Config, State, Broadcast, Example, Name extends string>(
  algorithm: FederatedAlgorithm<Config, State, Broadcast, Example, Name>,
  state: State,
  devices: readonly (readonly Example[])[],
  { seed, noise, rounding = roundingOf(algorithm, noise), trainer = untrained }: AlgorithmRoundOptions,
): Promise<State> {
  const random = seededRandom(seed);
  const broadcast = algorithm.publish(state);
  const maxDevices = devices.length;
  const encoding = chooseEncoding(
    algorithm.layout(broadcast),
    noise ? { mechanism: 'central', maxDevices, noise } : { mechanism: 'none', maxDevices },
  );
  const sum = new Uint32Array(encoding.dimension);
  for (const [i, rows] of devices.entries()) {
    const own = random.fork(`device ${i}`);
    const tools = { trainer, random: own, signal: new AbortController().signal };
    const vectors = await algorithm.contribute(broadcast, rows, tools);
    addModulo(sum, encode(vectors, encoding, { noiseVariance: 0n, random: own, rounding }));
  }
  // Drawn once for all: as much as the devices would have drawn together, in a fraction of the time.
  const centralVariance = noise ? noiseVariance(encoding, { noise, honestSurvivors: 1 }) : 0n;
  addModulo(sum, new Uint32Array(sampleDiscreteGaussian(centralVariance, sum.length, random.fork('noise'))));
  return algorithm.update(
    state,
    decode(sum, encoding, { contributors: maxDevices, noiseVariance: 0n, centralVariance }),
  );
}

function roundingOf({ roundsToNearest }: { roundsToNearest: boolean }, noise: NoiseMultiplier | undefined): Rounding {
  return roundsToNearest && noise === undefined ? 'nearest' : 'stochastic';
}
