/** What the secure-aggregation machine needs to know of a round. */

import type { ServerSetup } from '@chorale/shared/secagg';
import type { Keyring } from '../auth/keyring.ts';
import type { OpenedRound } from './opening.ts';

export function serverSetup({ plan, planBytes, invited, encoding }: OpenedRound, keyring: Keyring): ServerSetup {
  return {
    plan,
    planBytes,
    planSecretKey: keyring.planKey.secretKey,
    enrolmentKey: keyring.enrolmentKey.publicKey,
    invited,
    cohort: plan.maxDevices,
    // Devices add no noise under mechanism `none`, the only one there is.
    noiseVariance: () => 0n,
    amplitude: encoding.amplitude,
  };
}
