/** What devices learn together under a promise to each of them: noise in every sum, accounted by participation. */

import { ChoraleError } from '@chorale/shared';
import { predict, standardize } from '@chorale/shared/models';
import { logisticSpec } from '../baselines/index.ts';
import { type PrivatePropensity, roundsOf, trainPropensity } from '../scenarios/private-propensity.ts';
import type { Ground, Method } from './method.ts';

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
      const setting = settingFor(ground, epsilon);
      const trained = await trainPropensity(setting, { devices, schema, seed, isNoisy: true, onRound });
      const { parameters, standardization, mostParticipations, epsilon: spent } = trained;
      const width = schema.features.length;
      return {
        scores: predict(logisticSpec(width), parameters, standardize(test.features, standardization)),
        ...(spent !== undefined && { epsilon: spent }),
        cost: {
          rounds: roundsOf(setting, devices.length),
          uploadBytes: 4 * (width + 1),
          participations: mostParticipations,
        },
      };
    },
  };
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
