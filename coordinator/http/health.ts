/** For whoever watches the process: alive, and able to work. */

import type { Clock, Store } from '@chorale/shared';
import { apiPath } from '@chorale/shared/wire';
import { storeKeys } from '../store/keys.ts';
import { recent } from './recent.ts';
import { json, type Route } from './route.ts';

type HealthPorts = { readonly store: Pick<Store, 'get'>; readonly clock: Pick<Clock, 'now'> };

export function healthRoutes({ store, clock }: HealthPorts): readonly Route[] {
  const health: Route['answer'] = () => json({ status: 'ok' });
  const canRead = recent(
    () => clock.now(),
    () => store.get(storeKeys.schema),
  );
  const ready: Route['answer'] = async () => {
    await canRead();
    return json({ status: 'ready' });
  };
  return ['', apiPath].flatMap((prefix): Route[] => [
    { method: 'get', path: `${prefix}/health`, audience: 'anyone', answer: health },
    { method: 'get', path: `${prefix}/ready`, audience: 'anyone', answer: ready },
  ]);
}
