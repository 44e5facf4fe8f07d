/**
 * The fast simulator: thousands of devices with the algorithms and the encoding of real ones, and a plain sum mod 2^32 in
 * place of the protocol. On the survivors and round seeds of a world it agrees with that world bit for bit, cohort by
 * cohort.
 */

import type { ConsentedExamples } from '@chorale/client';
import {
  type Contribution,
  contributionFor,
  encodeContribution,
  type Question,
  type RoundRandomness,
  roundRandomness,
} from '@chorale/client/session';
import { type Bytes, ChoraleError } from '@chorale/shared';
import { nodePrimitives } from '@chorale/shared/adapters/node';
import type { FederatedAlgorithm } from '@chorale/shared/algorithms';
import {
  type Aggregate,
  chooseEncoding,
  EncodedSum,
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

export type FastOptions<Config, State, Broadcast, Example, Name extends string> = {
  readonly algorithm: FederatedAlgorithm<Config, State, Broadcast, Example, Name>;
  /** What the algorithm's config schema parses. */
  readonly config: unknown;
  /** Every device's rows; a device is its place in this list. */
  readonly devices: readonly (readonly Example[])[];
  readonly trainer: Trainer;
  /** Decides all that `cohorts` and `roundSeed` leave open. */
  readonly seed: string | number;
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

/** Who was in each sum, and what all their draws came from. Rounds count from 0. */
export type Replay = {
  readonly cohorts: (round: number) => readonly (readonly number[])[];
  /** 32 bytes. */
  readonly roundSeed: (round: number, device: number) => Bytes;
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
 * @throws ChoraleError `invalid-input` for a config that is not the algorithm's own, or survivors that are no cohorts
 */
export async function* runFast<Config, State, Broadcast, Example, Name extends string>(
  options: FastOptions<Config, State, Broadcast, Example, Name>,
): AsyncGenerator<FastRound<State, Name>, void, undefined> {
  const { algorithm, config, devices, seed, cohort, noise, merge = { rule: 'sum' } } = options;
  const drawn = drawnReplay(options);
  const { cohorts: cohortsOf = drawn.cohorts, roundSeed = drawn.roundSeed } = options;
  const terms = { cohort, noiseMultiplier: noise ? noise.multiplier.numerator / noise.multiplier.denominator : 0 };
  let state = algorithm.init(parseInput(algorithm.config, config, 'config'), seededRandom(seed).fork('start'), terms);
  const adding = new EncodedSum();
  for (let round = 0; !algorithm.isDone(state); round++) {
    const rosters = cohortsOf(round);
    checkCohorts(rosters, { devices: devices.length, cohort });
    const broadcast = algorithm.publish(state);
    const encoding = cutGrid(algorithm.layout(broadcast), options);
    const cohorts: (FastCohort & { readonly noiseVariance: bigint })[] = [];
    for (const [index, survivors] of rosters.entries()) {
      const share = shareOf(encoding, noise, { round, cohort: index });
      const asked: Asked<Example> = { ...options, ...share, broadcast, encoding, round, roundSeed };
      const sum = await sumOf(adding, survivors, asked);
      const of = { contributors: survivors.length, noiseVariance: share.noiseVariance };
      cohorts.push({ survivors, sum, ...share, isPlausible: isPlausible(sum, encoding, of) });
    }
    const aggregate = aggregateOf(cohorts, encoding, merge);
    if (aggregate !== undefined) state = algorithm.update(state, aggregate);
    yield { round, cohorts, aggregate, state };
  }
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

/**
 * Cohorts and round seeds of a run that replays nothing. Who is in which cohort is a uniform draw, as the order of hashes
 * is by which real devices are assigned.
 */
function drawnReplay({
  seed,
  devices,
  cohort,
  cohortCount = 1,
}: Pick<
  FastOptions<unknown, unknown, unknown, unknown, string>,
  'seed' | 'devices' | 'cohort' | 'cohortCount'
>): Replay {
  const random = seededRandom(seed);
  const everybody = [...devices.keys()];
  return {
    cohorts(round) {
      const drawn = random.fork(`cohort ${round}`).shuffle(everybody);
      return Array.from({ length: cohortCount }, (_, i) => drawn.slice(i * cohort, (i + 1) * cohort));
    },
    roundSeed: (round, device) => random.fork(`round ${round}, device ${device}`).bytes(32),
  };
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

type Asked<Example> = {
  readonly algorithm: { readonly roundsToNearest: boolean };
  readonly noise?: Noise;
  readonly broadcast: unknown;
  readonly devices: readonly (readonly Example[])[];
  readonly encoding: Encoding<string>;
  readonly noiseVariance: bigint;
  readonly round: number;
  readonly roundSeed: Replay['roundSeed'];
  readonly trainer: Trainer;
  readonly adversary?: Adversary<Example>;
  readonly signal?: AbortSignal;
};

/** One device after the other. */
async function sumOf<Example>(
  sum: EncodedSum,
  cohort: readonly number[],
  asked: Asked<Example>,
): Promise<Uint32Array<ArrayBuffer>> {
  const { encoding, adversary, round, noiseVariance } = asked;
  const question = questionOf(asked);
  sum.begin(encoding);
  for (const device of cohort) {
    asked.signal?.throwIfAborted();
    const encode = encoderOf(question, device, asked);
    const forged = await adversary?.forge({ round, device, cohort, encoding, noiseVariance, encode });
    if (forged === undefined) await addContribution(sum, question, device, asked);
    else sum.addWords(forged);
  }
  return sum.words();
}

const neverAborted = new AbortController().signal;

function questionOf<Example>(asked: Asked<Example>): Question {
  const { algorithm, broadcast, encoding, noise } = asked;
  const rounding = noise === undefined && algorithm.roundsToNearest ? 'nearest' : 'stochastic';
  // The path knows algorithms without their types, as it does on a device.
  return { algorithm, broadcast, encoding, rounding, examples: { source: 'laboratory' } } as Question;
}

/** The path that a real device walks from its rows to the words that it would mask; they are added as they come to be. */
async function addContribution<Example>(sum: EncodedSum, question: Question, device: number, asked: Asked<Example>) {
  const randomness = randomnessOf(device, asked);
  const { vectors } = await contributionOf(question, asked.devices[device]!, randomness, asked);
  const { rounding } = question;
  sum.add(vectors, { random: randomness.encoding, noiseVariance: asked.noiseVariance, rounding });
}

function encoderOf<Example>(question: Question, device: number, asked: Asked<Example>): Forgery<Example>['encode'] {
  return async (rows, noiseVariance = asked.noiseVariance) => {
    const randomness = randomnessOf(device, asked);
    return encodeContribution(await contributionOf(question, rows, randomness, asked), randomness, noiseVariance);
  };
}

function randomnessOf<Example>(device: number, { round, roundSeed }: Asked<Example>): RoundRandomness {
  return roundRandomness(roundSeed(round, device), nodePrimitives.encryptCounterMode);
}

function contributionOf<Example>(
  question: Question,
  rows: readonly Example[],
  randomness: RoundRandomness,
  { trainer, signal = neverAborted }: Asked<Example>,
): Promise<Contribution> {
  // Nobody's consent is needed for what a laboratory holds.
  const examples = rows as readonly unknown[] as ConsentedExamples;
  return contributionFor(question, examples, { trainer, signal, randomness });
}
