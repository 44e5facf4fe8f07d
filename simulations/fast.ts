/**
 * The fast simulator: thousands of devices with the algorithms and the encoding of real ones, and a plain sum mod 2^32 in
 * place of the protocol. On the survivors and round seeds of a world it agrees with that world bit for bit.
 */

import type { ConsentedExamples } from '@chorale/client';
import { contributionFor, encodeContribution, type Question, roundRandomness } from '@chorale/client/session';
import { addModulo, type Bytes, ChoraleError } from '@chorale/shared';
import type { FederatedAlgorithm } from '@chorale/shared/algorithms';
import {
  type Aggregate,
  chooseEncoding,
  decode,
  type Encoding,
  type Layout,
  type NoiseMultiplier,
  noiseVariance,
} from '@chorale/shared/encoding';
import type { Trainer } from '@chorale/shared/models';
import { chargeOf, type Fraction } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import { parseInput } from '@chorale/shared/wire';

export type FastOptions<Config, State, Broadcast, Example, Name extends string> = {
  readonly algorithm: FederatedAlgorithm<Config, State, Broadcast, Example, Name>;
  /** What the algorithm's config schema parses. */
  readonly config: unknown;
  /** Every device's rows; a device is its place in this list. */
  readonly devices: readonly (readonly Example[])[];
  readonly trainer: Trainer;
  /** Decides all that `survivors` and `roundSeed` leave open. */
  readonly seed: string | number;
  /** Most devices in one sum: the grid is cut for them. So many are drawn for a round unless `survivors` names them. */
  readonly cohort: number;
  /** Noise that the devices add together, enough if so many of them are honest and stay; none unless said. */
  readonly noise?: Noise;
  readonly signal?: AbortSignal;
} & Partial<Replay>;

export type Noise = {
  readonly multiplier: NoiseMultiplier;
  readonly honestSurvivors: number;
  /** Those of one round, where cohorts differ in size; the grid is cut for `honestSurvivors` all the same. */
  readonly honestIn?: (round: number) => number;
};

/** Who was in each sum, and what all their draws came from. Rounds count from 0. */
export type Replay = {
  readonly survivors: (round: number) => readonly number[];
  /** 32 bytes. */
  readonly roundSeed: (round: number, device: number) => Bytes;
};

export type FastRound<State, Name extends string> = {
  readonly round: number;
  readonly survivors: readonly number[];
  /** Grid steps mod 2^32, as a coordinator has them after unmasking. */
  readonly sum: Uint32Array<ArrayBuffer>;
  /** What it cost each of its devices, in ρ; undefined without noise. */
  readonly charge: Fraction | undefined;
  /** The sum in the algorithm's own units. */
  readonly aggregate: Aggregate<Name>;
  /** After the round. */
  readonly state: State;
};

/**
 * Yields round after round until the algorithm is done, and keeps nothing of a round but the state.
 *
 * @throws ChoraleError `invalid-input` for a config that is not the algorithm's own, or survivors that are no cohort
 */
export async function* runFast<Config, State, Broadcast, Example, Name extends string>(
  options: FastOptions<Config, State, Broadcast, Example, Name>,
): AsyncGenerator<FastRound<State, Name>, void, undefined> {
  const { algorithm, config, devices, seed, cohort, noise } = options;
  const drawn = drawnReplay(seed, devices.length, cohort);
  const { survivors: survivorsOf = drawn.survivors, roundSeed = drawn.roundSeed } = options;
  let state = algorithm.init(parseInput(algorithm.config, config, 'config'), seededRandom(seed).fork('start'));
  for (let round = 0; !algorithm.isDone(state); round++) {
    const survivors = survivorsOf(round);
    checkCohort(survivors, { devices: devices.length, cohort });
    const broadcast = algorithm.publish(state);
    const grid = cutGrid(algorithm.layout(broadcast), cohort, noise, round);
    const contributions = survivors.map((device) => ({ rows: devices[device]!, seed: roundSeed(round, device) }));
    const sum = await sumOf(contributions, { ...options, ...grid, broadcast });
    const aggregate = decode(sum, grid.encoding, { contributors: survivors.length, noiseVariance: grid.noiseVariance });
    state = algorithm.update(state, aggregate);
    yield { round, survivors, sum, charge: grid.charge, aggregate, state };
  }
}

/** Cohorts and round seeds of a run that replays nothing. */
function drawnReplay(seed: string | number, devices: number, cohort: number): Replay {
  const random = seededRandom(seed);
  const everybody = Array.from({ length: devices }, (_, device) => device);
  return {
    survivors: (round) => random.fork(`cohort ${round}`).shuffle(everybody).slice(0, cohort),
    roundSeed: (round, device) => random.fork(`round ${round}, device ${device}`).bytes(32),
  };
}

/** More devices than the grid was cut for could leave its 32 bits, and one device twice has never been in a sum. */
function checkCohort(survivors: readonly number[], { devices, cohort }: { devices: number; cohort: number }): void {
  const isCohort =
    survivors.length > 0 &&
    survivors.length <= cohort &&
    new Set(survivors).size === survivors.length &&
    survivors.every((device) => Number.isInteger(device) && device >= 0 && device < devices);
  if (!isCohort)
    throw new ChoraleError('invalid-input', `survivors: not 1 to ${cohort} different devices of ${devices}`);
}

type Grid<Name extends string> = {
  readonly encoding: Encoding<Name>;
  /** What each device adds, in grid steps squared. */
  readonly noiseVariance: bigint;
  readonly charge: Fraction | undefined;
};

function cutGrid<Name extends string>(
  layout: Layout<Name>,
  maxDevices: number,
  noise: Noise | undefined,
  round: number,
): Grid<Name> {
  if (noise === undefined)
    return {
      encoding: chooseEncoding(layout, { mechanism: 'none', maxDevices }),
      noiseVariance: 0n,
      charge: undefined,
    };
  const { multiplier, honestSurvivors, honestIn = () => honestSurvivors } = noise;
  const encoding = chooseEncoding(layout, { mechanism: 'distributed', maxDevices, noise: multiplier, honestSurvivors });
  const honest = honestIn(round);
  const variance = noiseVariance(encoding, { noise: multiplier, honestSurvivors: honest });
  const charge = chargeOf({ sensitivitySquared: encoding.sensitivitySquared, honestSurvivors: honest }, variance);
  return { encoding, noiseVariance: variance, charge };
}

type Asked = {
  readonly algorithm: unknown;
  readonly broadcast: unknown;
  readonly encoding: Encoding<string>;
  readonly noiseVariance: bigint;
  readonly trainer: Trainer;
  readonly signal?: AbortSignal;
};

/** One device after the other, on the path that a real one walks from its rows to the words that it would mask. */
async function sumOf(
  contributions: readonly { readonly rows: readonly unknown[]; readonly seed: Bytes }[],
  { algorithm, broadcast, encoding, noiseVariance, trainer, signal = new AbortController().signal }: Asked,
): Promise<Uint32Array<ArrayBuffer>> {
  // The path knows algorithms without their types, as it does on a device.
  const question = { algorithm, broadcast, encoding, examples: { source: 'laboratory' } } as Question;
  const sum = new Uint32Array(encoding.dimension);
  for (const { rows, seed } of contributions) {
    signal.throwIfAborted();
    const randomness = roundRandomness(seed);
    // Nobody's consent is needed for what a laboratory holds.
    const examples = rows as ConsentedExamples;
    const contribution = await contributionFor(question, examples, { trainer, signal, randomness });
    addModulo(sum, encodeContribution(contribution, randomness, noiseVariance));
  }
  return sum;
}
