/** What the secure-aggregation machine needs to know of a round. */

import { leastCohorts } from '@chorale/shared/encoding';
import type { ServerSetup } from '@chorale/shared/secagg';
import type { Keyring } from '../auth/keyring.ts';
import { devicesNoise } from '../privacy/noise.ts';
import type { OpenedRound } from './opening.ts';

export function serverSetup(opened: OpenedRound, keyring: Keyring): ServerSetup {
  const { plan, planBytes, invited, encoding, cohorts, merge } = opened;
  return {
    plan,
    planBytes,
    planSecretKey: keyring.planKey.secretKey,
    enrolmentKey: keyring.enrolmentKey.publicKey,
    invited,
    cohort: plan.maxDevices,
    cohorts,
    leastCohorts: leastCohorts(merge),
    noiseVariance: (parameters) => devicesNoise(plan, parameters),
    amplitude: encoding.amplitude,
  };
}
