/** The coordinator's keys, believed only as far as the pinned root key vouches for them. */

import { type Bytes, ChoraleError, equal, fromBase64url } from '@chorale/shared';
import type { CryptoProvider } from '@chorale/shared/crypto';
import { decodePlanKeyCertificate, type PlanKeyCertificate, planKeyText } from '@chorale/shared/secagg';
import { enrolmentKeyText, keysView, routes } from '@chorale/shared/wire';
import type { Http } from '../adapters/http.ts';

export type CoordinatorKeys = {
  /** Pinned by the app. */
  readonly rootKey: Bytes;
  readonly enrolmentKey: Bytes;
  readonly planKey: PlanKeyCertificate;
};

/** @throws ChoraleError `unauthorized` where the keys are not the pinned coordinator's, or as `Http` does */
export async function fetchKeys(http: Http, rootKey: Bytes, crypto: CryptoProvider): Promise<CoordinatorKeys> {
  const view = await http.get(routes.keys, keysView);
  const enrolmentKey = fromBase64url(view.enrolmentKey);
  const planKey = decodePlanKeyCertificate(fromBase64url(view.planKeyCertificate));
  const result = await crypto.perform({
    do: 'verifyMany',
    signatures: [
      {
        publicKey: rootKey,
        message: enrolmentKeyText(enrolmentKey),
        signature: fromBase64url(view.enrolmentKeySignature),
      },
      { publicKey: rootKey, message: planKeyText(planKey), signature: planKey.signature },
    ],
  });
  const isVouchedFor = result.did === 'verifyMany' && result.valid.every(Boolean);
  if (!isVouchedFor || !equal(fromBase64url(view.rootKey), rootKey)) {
    throw new ChoraleError('unauthorized', 'this is not the coordinator whose key the app has pinned');
  }
  return { rootKey, enrolmentKey, planKey };
}
