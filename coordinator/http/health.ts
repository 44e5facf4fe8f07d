/** For whoever watches the process: alive, and able to work. */

import type { Store } from '@chorale/shared';
import { apiPath } from '@chorale/shared/wire';
import { storeKeys } from '../store/keys.ts';
import { json, type Route } from './route.ts';

export function healthRoutes(store: Pick<Store, 'get'>): readonly Route[] {
  const health: Route['answer'] = () => json({ status: 'ok' });
  const ready: Route['answer'] = async () => {
    await store.get(storeKeys.schema);
    return json({ status: 'ready' });
  };
  return ['', apiPath].flatMap((prefix): Route[] => [
    { method: 'get', path: `${prefix}/health`, audience: 'anyone', answer: health },
    { method: 'get', path: `${prefix}/ready`, audience: 'anyone', answer: ready },
  ]);
}
