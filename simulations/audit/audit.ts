/**
 * An audit of the trained models: many small models are trained through the real algorithm and encoding, each with a choir
 * of canaries that were in or out by chance; the attacker says which; how often it is right bounds ε from below. It can
 * show that a promise is broken, never that one is kept.
 */

import { invariant } from '@chorale/shared';
import { type FedAvgState, fedAvg, type LabelledRow } from '@chorale/shared/algorithms';
import { encodedBounds, type FeatureSchema } from '@chorale/shared/features';
import type { Standardization } from '@chorale/shared/models';
import { epsilonOf, type NoiseMultiplier, rhoOf } from '@chorale/shared/privacy';
import { type SeededRandom, seededRandom } from '@chorale/shared/testing';
import { logisticSpec } from '../baselines/index.ts';
import { runFast } from '../fast.ts';
import { linearTrainer } from '../scenarios/linear-trainer.ts';
import { guess, type Trace, unexplained } from './attacker.ts';
import { type Canary, throwCanaries } from './canaries.ts';
import { epsilonLowerBound } from './epsilon-bound.ts';

export type Audit = {
  readonly models: number;
  /** Rounds of each model; every device takes part in all of them. */
  readonly participations: number;
  /** Undefined: without noise, to see what the attack can do. */
  readonly multiplier: NoiseMultiplier | undefined;
  readonly delta: number;
  readonly confidence: number;
  /** Share of canaries about whom the attacker guesses; it keeps silent about the rest. */
  readonly guessed: number;
  readonly schema: FeatureSchema;
  /** Rows of devices to draw people from. */
  readonly population: readonly (readonly LabelledRow[])[];
  /** People beside the canaries of each model. */
  readonly people: number;
  readonly seed: string | number;
  /** After each model. */
  readonly onModel?: (done: number) => void;
};

export type Finding = {
  readonly canaries: number;
  readonly guesses: number;
  readonly correct: number;
  /** The greatest ε that the guesses refute. */
  readonly epsilonLowerBound: number;
  /** What the ledger says; null without noise. */
  readonly epsilonAccounted: number | null;
};

/** The same seed throws the same canaries and draws the same people, with noise and without. */
export async function audit(options: Audit): Promise<Finding> {
  const { models, multiplier, participations, delta, guessed, seed, onModel = () => {} } = options;
  const traces: Trace[] = [];
  for (let model = 0; model < models; model++) {
    traces.push(...(await traceCanaries(options, seededRandom(seed).fork(`model ${model}`))));
    onModel(model + 1);
  }
  const canaries = traces.length;
  const { made, correct } = guess(traces, guessed);
  const ratio = multiplier && multiplier.numerator / multiplier.denominator;
  return {
    ...{ canaries, guesses: made, correct },
    epsilonLowerBound: epsilonLowerBound({ canaries, made, correct }, options),
    epsilonAccounted: ratio === undefined ? null : epsilonOf(rhoOf(ratio, participations), delta),
  };
}

/** Trains one model with people and canaries, and attacks it. */
async function traceCanaries(options: Audit, random: SeededRandom): Promise<Trace[]> {
  const standardization = declaredStandardization(options.schema);
  const canaries = throwCanaries(standardization, random.fork('canaries'));
  const people = random.fork('people').shuffle(options.population).slice(0, options.people);
  const cohort = canaries.length + people.length;
  const config = trainingConfig(standardization, options.participations);
  const scores = new Float64Array(canaries.length);
  let before: FedAvgState | undefined;
  for await (const { state, aggregate } of train({ config, canaries, people, cohort, random, options })) {
    invariant(aggregate?.contributors === cohort, 'everybody took part');
    before ??= fedAvg.init(state.config, random);
    const rest = await unexplained(before, state, { people, cohort, trainer: linearTrainer, random });
    canaries.forEach(({ feature }, i) => {
      scores[i] = scores[i]! + rest[feature]!;
    });
    before = state;
  }
  return canaries.map(({ isIn }, i) => ({ isIn, score: scores[i]! }));
}

type Training = {
  readonly config: unknown;
  readonly canaries: readonly Canary[];
  readonly people: readonly (readonly LabelledRow[])[];
  readonly cohort: number;
  readonly random: SeededRandom;
  readonly options: Audit;
};

/** No more survivors than the noise is sized for: what a promise says must hold then, without anybody's surplus. */
function train({ config, canaries, people, cohort, random, options: { multiplier } }: Training) {
  const devices = [...canaries.map(({ rows }) => rows), ...people];
  const everybody = [...devices.keys()];
  return runFast({
    ...{ algorithm: fedAvg, config, devices, cohort, trainer: linearTrainer, seed: 'audit' },
    cohorts: () => [everybody],
    roundSeed: (round, device) => random.fork(`round ${round}, device ${device}`).bytes(32),
    ...(multiplier === undefined ? {} : { noise: { multiplier, honestSurvivors: cohort } }),
  });
}

/** From what the schema declares: an audit of training must not lean on figures that were learned some other way. */
function declaredStandardization({ features }: FeatureSchema): Standardization {
  const bounds = features.map(encodedBounds);
  return {
    mean: bounds.map(({ lo, hi }) => (lo + hi) / 2),
    std: bounds.map(({ lo, hi }) => (hi - lo) / Math.sqrt(12)),
    clip: 4,
  };
}

function trainingConfig(standardization: Standardization, rounds: number) {
  return {
    spec: logisticSpec(standardization.mean.length),
    server: { optimizer: 'sgd', learningRate: 0.5 },
    client: { epochs: 1, batchSize: 64, learningRate: 1 },
    ...{ clipNorm: 0.5, weighting: 'uniform', standardization, rounds },
  };
}
