/** What the secure-aggregation machine needs to know of a round. */

import type { ServerSetup } from '@chorale/shared/secagg';
import type { Keyring } from '../auth/keyring.ts';
import { devicesNoise } from '../privacy/noise.ts';
import type { OpenedRound } from './opening.ts';

export function serverSetup({ plan, planBytes, invited, encoding }: OpenedRound, keyring: Keyring): ServerSetup {
  return {
    plan,
    planBytes,
    planSecretKey: keyring.planKey.secretKey,
    enrolmentKey: keyring.enrolmentKey.publicKey,
    invited,
    cohort: plan.maxDevices,
    cohorts: 1,
    noiseVariance: (parameters) => devicesNoise(plan, parameters),
    amplitude: encoding.amplitude,
  };
}
