/**
 * Logistic regression of a purchase, with everything that was learned from people inside one promise: where features lie,
 * how far they spread, how often people buy, and the model. Each device takes part a bounded number of times in all of it,
 * at one noise multiplier, so its account is one sum, as a device's own ledger counts over several tasks.
 */

import { base64url, floatsToBytes, invariant } from '@chorale/shared';
import {
  columnCentersOf,
  deviceMoments,
  type FedAvgState,
  type FederatedAlgorithm,
  fedAvg,
  type LabelledRow,
  type Preparation,
  preparationOf,
} from '@chorale/shared/algorithms';
import { encodedBounds, type FeatureSchema } from '@chorale/shared/features';
import { epsilonOf, type NoiseMultiplier, noiseMultiplierFor, toNumber } from '@chorale/shared/privacy';
import { chooseParameters } from '@chorale/shared/secagg';
import { seededRandom } from '@chorale/shared/testing';
import { logisticSpec } from '../baselines/index.ts';
import { runFast } from '../fast.ts';
import { Pool } from './pool.ts';

export type PrivatePropensity = {
  /** Devices in each sum. Nobody drops out, yet the noise is sized for those who might. */
  readonly cohort: number;
  readonly corrupt: number;
  readonly dropout: number;
  readonly epsilon: number;
  readonly delta: number;
  /** How often a device takes part in each of the two askings that come before training: for centres and for spreads. */
  readonly preparatoryParticipations: number;
  readonly rounds: number;
  /** How often a device takes part in training at most. */
  readonly participations: number;
  readonly clientLearningRate: number;
  readonly serverLearningRate: number;
  readonly clipNorm: number;
};

export type TrainedPropensity = Preparation & {
  readonly parameters: Float32Array;
  /** ε that the device which gave most has spent, counted from what each round charged; undefined without noise. */
  readonly epsilon: number | undefined;
  readonly mostParticipations: number;
};

export type TrainingRun = {
  readonly devices: readonly (readonly LabelledRow[])[];
  readonly schema: FeatureSchema;
  readonly seed: number;
  readonly isNoisy: boolean;
  /** Threads for the rounds that train; 0, as it is unless said, for none but this one. */
  readonly workers?: number;
  /** After each round. */
  readonly onRound?: (done: number) => void;
  /** After each round that trains. */
  readonly onModel?: (round: number, model: Pick<TrainedPropensity, 'parameters' | 'standardization'>) => void;
};

type Assumptions = Pick<PrivatePropensity, 'cohort' | 'corrupt' | 'dropout'>;

const askings = 2;

/** Rounds of a whole run, preparation included. */
export function roundsOf(setting: PrivatePropensity, devices: number): number {
  return askings * roundsOfAsking(setting, devices) + setting.rounds;
}

/** Most participations of a device in a whole run. */
export function participationsOf({ preparatoryParticipations, participations }: PrivatePropensity): number {
  return askings * preparatoryParticipations + participations;
}

/** z at which as many participations as a device may have keep the promise. */
export function multiplierOf(setting: PrivatePropensity): NoiseMultiplier {
  const { epsilon, delta } = setting;
  const promise = { unit: 'device-enrolment', epsilon, delta, participations: participationsOf(setting) } as const;
  return noiseMultiplierFor({ mechanism: 'distributed', ...promise });
}

/** h: survivors who are surely honest in the smallest cohort that still counts. */
export function honestSurvivorsOf({ cohort, corrupt, dropout }: Assumptions): number {
  const [corruptBasisPoints, dropoutBasisPoints] = [Math.round(corrupt * 10_000), Math.round(dropout * 10_000)];
  const parameters = chooseParameters({ devices: cohort, corruptBasisPoints, dropoutBasisPoints, sigma: 80, eta: 30 });
  return parameters.minSurvivors - parameters.corrupt;
}

export async function trainPropensity(setting: PrivatePropensity, run: TrainingRun): Promise<TrainedPropensity> {
  const stage = createStage(setting, run);
  const rounds = roundsOfAsking(setting, run.devices.length);
  const bounds = columnBounds(run.schema);
  const centers = bounds.lower.map(() => 0);
  const around = { ...bounds, centers, clipNorms: { distances: Math.sqrt(centers.length) }, rounds };
  const found = columnCentersOf(await stage.play(deviceMoments, around, inTurns(setting, run, 0)));
  const spreads = { ...bounds, centers: found, clipNorms: usualLengths, rounds };
  const preparation = preparationOf(await stage.play(deviceMoments, spreads, inTurns(setting, run, 1)));
  const training = trainingConfig(setting, run.schema, preparation);
  const { standardization } = preparation;
  const parametersOf = ({ average, parameters }: FedAvgState) => average ?? parameters;
  const onState = (state: FedAvgState) =>
    run.onModel?.(state.round, { parameters: parametersOf(state), standardization });
  const trained = await stage.play(fedAvg, training, () => participationsOf(setting), onState);
  return { ...preparation, parameters: parametersOf(trained), ...stage.spent() };
}

/** Rounds in which everybody is asked once, but for fewer than a cohort. */
function roundsOfTurn({ cohort }: PrivatePropensity, devices: number): number {
  return Math.floor(devices / cohort);
}

function roundsOfAsking(setting: PrivatePropensity, devices: number): number {
  return setting.preparatoryParticipations * roundsOfTurn(setting, devices);
}

/** Most participations of a device in a round of an asking: nobody is asked again before the others were asked. */
function inTurns(setting: PrivatePropensity, { devices }: TrainingRun, asking: number): (round: number) => number {
  const before = asking * setting.preparatoryParticipations;
  return (round) => before + 1 + Math.floor(round / roundsOfTurn(setting, devices.length));
}

/**
 * Around centres that are nearly right, most devices' mean distances and mean squares are shorter than this. Written down
 * beforehand like any clip norm: the others are clipped, which shrinks spreads a little.
 */
const usualLengths = { distances: 1.5, squares: 0.75 };

/** Of the features and, last, the label. */
function columnBounds({ features }: FeatureSchema) {
  const bounds = features.map(encodedBounds);
  return { lower: [...bounds.map(({ lo }) => lo), 0], upper: [...bounds.map(({ hi }) => hi), 1] };
}

function trainingConfig(setting: PrivatePropensity, { features }: FeatureSchema, preparation: Preparation) {
  const { standardization, baseRate } = preparation;
  const start = new Float32Array(features.length + 1);
  // The model that knows the base rate alone: otherwise the first rounds are spent on finding it.
  start[features.length] = Math.log(baseRate / (1 - baseRate));
  return {
    spec: logisticSpec(features.length),
    server: { optimizer: 'sgd', learningRate: setting.serverLearningRate },
    // All rows of a device in one batch: smaller ones drift at this step size.
    client: { epochs: 1, batchSize: 64, learningRate: setting.clientLearningRate },
    clipNorm: setting.clipNorm,
    weighting: 'uniform',
    standardization,
    parameters: base64url(floatsToBytes(start)),
    rounds: setting.rounds,
    // What the first half finds, the second repeats under ever new noise: its mean has a fraction of it.
    averageLast: Math.ceil(setting.rounds / 2),
  };
}

/** Plays one algorithm after the other with the same devices, and keeps their accounts. */
function createStage(
  setting: PrivatePropensity,
  { devices, seed, isNoisy, workers = 0, onRound = () => {} }: TrainingRun,
) {
  const { cohort, delta } = setting;
  const pool = new Pool(devices.length, seededRandom(seed).fork('cohorts'));
  const noise = isNoisy
    ? { noise: { multiplier: multiplierOf(setting), honestSurvivors: honestSurvivorsOf(setting) } }
    : {};
  let done = 0;
  return {
    /** @param most participations that a device may have by the end of a round, earlier algorithms included */
    async play<Config, State, Broadcast, Name extends string>(
      algorithm: FederatedAlgorithm<Config, State, Broadcast, LabelledRow, Name>,
      config: unknown,
      most: (round: number) => number,
      onState: (state: State) => void = () => {},
    ): Promise<State> {
      const randomness = `${seed}, from round ${done}`;
      const cohorts = (round: number) => [pool.draw(cohort, most(round))];
      let state: State | undefined;
      for await (const round of runFast({
        ...{ algorithm, config, devices, trainer: 'linear', seed: randomness, cohort, cohorts, ...noise },
        workers,
      })) {
        for (const { charge, survivors } of round.cohorts) if (charge !== undefined) pool.charge(survivors, charge);
        state = round.state;
        onRound(++done);
        onState(state);
      }
      invariant(state !== undefined, 'an algorithm has a round');
      return state;
    },
    spent() {
      const { participations, rho } = pool.mostSpent();
      return { mostParticipations: participations, epsilon: isNoisy ? epsilonOf(toNumber(rho), delta) : undefined };
    },
  };
}
