/** `/api/v1/keys`: what an app needs besides the pinned root key. */

import { routes as paths } from '@chorale/shared/wire';
import { json, type Route } from '../http/route.ts';
import type { Tasks } from '../tasks/tasks.ts';
import type { Keyring } from './keyring.ts';

/** A certificate names at most so many tasks; older ones are in the bundles of their own rounds. */
const certifiedTasks = 1000;

export function keyRoutes(keyring: Keyring, tasks: Tasks): readonly Route[] {
  return [
    {
      method: 'get',
      path: paths.keys,
      audience: 'anyone',
      async answer() {
        const ids = (await tasks.all()).map(({ id }) => id);
        return json(await keyring.view(ids.slice(-certifiedTasks)));
      },
    },
  ];
}
