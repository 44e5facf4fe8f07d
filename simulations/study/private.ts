/** What devices learn together under a promise to each of them: noise in every sum, accounted by participation. */

import { ChoraleError } from '@chorale/shared';
import { parameterCount, predict, standardize } from '@chorale/shared/models';
import { logisticSpec, type Rows, type Scorer } from '../baselines/index.ts';
import {
  type PrivatePropensity,
  roundsOf,
  type TrainedPropensity,
  type TrainingRun,
  trainPropensity,
} from '../scenarios/private-propensity.ts';
import type { Ground, Method, Outcome } from './method.ts';
import { learningCurve } from './trained-outcome.ts';

/** Below this the noise of a cohort drowns what it has to say, whatever the settings. */
const leastDevices = 200;

export function privateLogistic(epsilon: number): Method {
  return {
    name: `private-logistic-${epsilon}`,
    title: `Federated logistic regression at ε = ${epsilon}`,
    kind: 'private',
    isRandom: true,
    rounds: (ground) => roundsOf(settingFor(ground, epsilon), ground.people.devices.length),
    async run(ground, seed, onRound) {
      const { people, schema } = ground;
      const { devices, test } = people;
      const run = { devices, schema, seed, isNoisy: true, onRound };
      return (await privateOutcome(settingFor(ground, epsilon), run, test)).outcome;
    },
  };
}

/** @returns what was trained beside its outcome; the learning curve counts rounds of training only */
export async function privateOutcome(
  setting: PrivatePropensity,
  run: TrainingRun,
  test: Rows,
): Promise<{ readonly trained: TrainedPropensity; readonly outcome: Outcome }> {
  const spec = logisticSpec(run.schema.features.length);
  const scorerOf =
    ({ parameters, standardization }: Pick<TrainedPropensity, 'parameters' | 'standardization'>): Scorer =>
    ({ features }) =>
      predict(spec, parameters, standardize(features, standardization));
  const curve = learningCurve(test, setting.rounds);
  const onModel: TrainingRun['onModel'] = (round, model) => {
    if (curve.isDue(round)) curve.look(round, scorerOf(model)(test));
  };
  const trained = await trainPropensity(setting, { ...run, onModel });
  const scoresOf = scorerOf(trained);
  const outcome = {
    scores: scoresOf(test),
    scoresOf,
    learning: curve.points,
    ...(trained.epsilon !== undefined && { epsilon: trained.epsilon }),
    cost: {
      rounds: roundsOf(setting, run.devices.length),
      uploadBytes: 4 * parameterCount(spec),
      participations: trained.mostParticipations,
    },
  };
  return { trained, outcome };
}

/** Cohorts of a quarter of everybody and few participations: the promise is divided among those. */
function settingFor({ people: { devices } }: Ground, epsilon: number): PrivatePropensity {
  if (devices.length < leastDevices)
    throw new ChoraleError(
      'invalid-input',
      `--epsilon: ${devices.length} devices; a promise of ε takes at least ${leastDevices}`,
    );
  const cohort = Math.min(1000, Math.floor(devices.length / 4));
  const rounds = 40;
  return {
    ...{ cohort, corrupt: 0.1, dropout: 0.3, epsilon, delta: 1e-5, rounds },
    preparatoryParticipations: 2,
    participations: Math.ceil((rounds * cohort) / devices.length) + 1,
    ...{ clientLearningRate: 1, serverLearningRate: 0.5, clipNorm: 0.5 },
  };
}
