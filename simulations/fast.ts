/**
 * The fast simulator: thousands of devices with the algorithms and the encoding of real ones, and a plain sum mod 2^32 in
 * place of the protocol. On the survivors and round seeds of a world it agrees with that world bit for bit, cohort by
 * cohort.
 */

import { ChoraleError } from '@chorale/shared';
import { builtIn, type FederatedAlgorithm } from '@chorale/shared/algorithms';
import {
  type Aggregate,
  chooseEncoding,
  type Encoding,
  isPlausible,
  type Layout,
  leastCohorts,
  type MergeRule,
  mergeCohorts,
  type NoiseMultiplier,
  noiseVariance,
} from '@chorale/shared/encoding';
import type { Trainer } from '@chorale/shared/models';
import { chargeOf, type Fraction } from '@chorale/shared/privacy';
import { seededRandom } from '@chorale/shared/testing';
import { parseInput } from '@chorale/shared/wire';
import { type Crew, crewOfOne, crewOfWorkers } from './fast/crew.ts';
import type { Adversary } from './fast/devices.ts';
import { drawnCohorts, drawnSeeds, type Replay, type Seed } from './fast/replay.ts';
import { type TrainerName, trainerOf } from './fast/trainers.ts';

export type { Adversary, Forgery } from './fast/devices.ts';
export type { Replay } from './fast/replay.ts';

export type FastOptions<Config, State, Broadcast, Example, Name extends string> = {
  readonly algorithm: FederatedAlgorithm<Config, State, Broadcast, Example, Name>;
  /** What the algorithm's config schema parses. */
  readonly config: unknown;
  /** Every device's rows; a device is its place in this list. */
  readonly devices: readonly (readonly Example[])[];
  readonly trainer: Trainer | TrainerName;
  /**
   * Threads that play the devices, for the same outcome to the bit; 0, as it is unless said, for this one. They need a
   * trainer by its name, an algorithm of the registry, and no adversary.
   */
  readonly workers?: number;
  /** Decides all that `cohorts` and `roundSeed` leave open. */
  readonly seed: Seed;
  /** Most devices in one sum: the grid is cut for them. So many are drawn for a cohort unless `cohorts` names them. */
  readonly cohort: number;
  /** Cohorts that are drawn for a round; 1 unless said. */
  readonly cohortCount?: number;
  /** How their sums become one aggregate; added up unless said. */
  readonly merge?: MergeRule;
  /** Noise that the devices add together, enough if so many of them are honest and stay; none unless said. */
  readonly noise?: Noise;
  /** Devices that do not give what they should; none unless said. */
  readonly adversary?: Adversary<Example>;
  readonly signal?: AbortSignal;
} & Partial<Replay>;

export type Noise = {
  readonly multiplier: NoiseMultiplier;
  readonly honestSurvivors: number;
  /** Those of one cohort, where they differ in size; the grid is cut for `honestSurvivors` all the same. */
  readonly honestIn?: (round: number, cohort: number) => number;
};

export type FastCohort = {
  readonly survivors: readonly number[];
  /** Grid steps mod 2^32, as a coordinator has them after unmasking. */
  readonly sum: Uint32Array<ArrayBuffer>;
  /** What it cost each of its devices, in ρ; undefined without noise. */
  readonly charge: Fraction | undefined;
  /** Whether honest devices could have given this sum; one that they could not have given is discarded. */
  readonly isPlausible: boolean;
};

export type FastRound<State, Name extends string> = {
  readonly round: number;
  readonly cohorts: readonly FastCohort[];
  /** The sums that count, merged, in the algorithm's own units; undefined where too few do: then the round gives nothing. */
  readonly aggregate: Aggregate<Name> | undefined;
  /** After the round. */
  readonly state: State;
};

/**
 * Yields round after round until the algorithm is done, and keeps nothing of a round but the state.
 *
 * @throws ChoraleError `invalid-input` for a config that is not the algorithm's own, survivors that are no cohorts, or
 *   workers where the devices cannot be played by any
 */
export async function* runFast<Config, State, Broadcast, Example, Name extends string>(
  options: FastOptions<Config, State, Broadcast, Example, Name>,
): AsyncGenerator<FastRound<State, Name>, void, undefined> {
  const { algorithm, config, devices, seed, cohort, cohortCount = 1 } = options;
  const { cohorts: cohortsOf = drawnCohorts(seed, { devices: devices.length, cohort, cohortCount }) } = options;
  const { noise, merge = { rule: 'sum' } } = options;
  const terms = { cohort, noiseMultiplier: noise ? noise.multiplier.numerator / noise.multiplier.denominator : 0 };
  let state = algorithm.init(parseInput(algorithm.config, config, 'config'), seededRandom(seed).fork('start'), terms);
  const crew = await crewFor(options);
  try {
    for (let round = 0; !algorithm.isDone(state); round++) {
      const rosters = cohortsOf(round);
      checkCohorts(rosters, { devices: devices.length, cohort });
      const broadcast = algorithm.publish(state);
      const encoding = cutGrid(algorithm.layout(broadcast), options);
      const rounding = noise === undefined && algorithm.roundsToNearest ? 'nearest' : 'stochastic';
      const cohorts: (FastCohort & { readonly noiseVariance: bigint })[] = [];
      for (const [index, survivors] of rosters.entries()) {
        const share = shareOf(encoding, noise, { round, cohort: index });
        const { noiseVariance } = share;
        const sum = await crew.sum(survivors, { round, broadcast, encoding, rounding, noiseVariance });
        const of = { contributors: survivors.length, noiseVariance };
        cohorts.push({ survivors, sum, ...share, isPlausible: isPlausible(sum, encoding, of) });
      }
      const aggregate = aggregateOf(cohorts, encoding, merge);
      if (aggregate !== undefined) state = algorithm.update(state, aggregate);
      yield { round, cohorts, aggregate, state };
    }
  } finally {
    await crew.end();
  }
}

async function crewFor<Config, State, Broadcast, Example, Name extends string>(
  options: FastOptions<Config, State, Broadcast, Example, Name>,
): Promise<Crew> {
  const { algorithm, devices, trainer, seed, roundSeed, adversary, signal, workers = 0 } = options;
  if (workers === 0) {
    const drawn = { roundSeed: roundSeed ?? drawnSeeds(seed), trainer: await trainerOf(trainer) };
    return crewOfOne({ algorithm, devices, adversary, signal, ...drawn });
  }
  const { name: algorithmName } = algorithm;
  if (typeof trainer !== 'string' || adversary !== undefined || !isOfRegistry(algorithm))
    throw new ChoraleError(
      'invalid-input',
      'workers: they need a trainer by its name, an algorithm of the registry, and no adversary',
    );
  return crewOfWorkers({ workers, algorithmName, devices, trainer, seed, roundSeed, signal });
}

/** Threads find it there by its name: one of the same name would not be the one that is asked for. */
function isOfRegistry(algorithm: { readonly name: string }): boolean {
  const known: unknown = builtIn.get(algorithm.name);
  return known === algorithm;
}

function aggregateOf<Name extends string>(
  cohorts: readonly (FastCohort & { readonly noiseVariance: bigint })[],
  encoding: Encoding<Name>,
  merge: MergeRule,
): Aggregate<Name> | undefined {
  const counted = cohorts.filter((cohort) => cohort.isPlausible);
  if (counted.length < leastCohorts(merge)) return undefined;
  const sums = counted.map((cohort) => ({ ...cohort, contributors: cohort.survivors.length }));
  return mergeCohorts(sums, encoding, merge);
}

/** More devices than the grid was cut for could leave its 32 bits, and one device twice has never been in a round. */
function checkCohorts(
  cohorts: readonly (readonly number[])[],
  { devices, cohort }: { devices: number; cohort: number },
): void {
  const all = cohorts.flat();
  const areCohorts =
    all.length > 0 &&
    cohorts.every(({ length }) => length > 0 && length <= cohort) &&
    new Set(all).size === all.length &&
    all.every((device) => Number.isInteger(device) && device >= 0 && device < devices);
  if (!areCohorts)
    throw new ChoraleError('invalid-input', `survivors: not 1 to ${cohort} different devices of ${devices}`);
}

function cutGrid<Name extends string>(
  layout: Layout<Name>,
  { cohort: maxDevices, noise }: { readonly cohort: number; readonly noise?: Noise },
): Encoding<Name> {
  if (noise === undefined) return chooseEncoding(layout, { mechanism: 'none', maxDevices });
  const { multiplier, honestSurvivors } = noise;
  return chooseEncoding(layout, { mechanism: 'distributed', maxDevices, noise: multiplier, honestSurvivors });
}

type Share = {
  /** What each device of the cohort adds, in grid steps squared. */
  readonly noiseVariance: bigint;
  readonly charge: Fraction | undefined;
};

function shareOf(
  encoding: Encoding<string>,
  noise: Noise | undefined,
  { round, cohort }: { readonly round: number; readonly cohort: number },
): Share {
  if (noise === undefined) return { noiseVariance: 0n, charge: undefined };
  const { multiplier, honestSurvivors: usual, honestIn = () => usual } = noise;
  const honestSurvivors = honestIn(round, cohort);
  const variance = noiseVariance(encoding, { noise: multiplier, honestSurvivors });
  const charge = chargeOf({ sensitivitySquared: encoding.sensitivitySquared, honestSurvivors }, variance);
  return { noiseVariance: variance, charge };
}
