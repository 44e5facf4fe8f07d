/** `/api/v1/keys`: what an app needs besides the pinned root key. */

import type { TaskId } from '@chorale/shared';
import { type KeysView, routes as paths } from '@chorale/shared/wire';
import { json, type Route } from '../http/route.ts';
import type { Keyring } from './keyring.ts';

/** A certificate names at most so many tasks; older ones are in the bundles of their own rounds. */
const certifiedTasks = 1000;

/** @param taskIds every task, oldest first; none ever goes away */
export function keyRoutes(keyring: Keyring, taskIds: () => readonly TaskId[]): readonly Route[] {
  const view = signedOncePerTask(keyring, taskIds);
  return [{ method: 'get', path: paths.keys, audience: 'anyone', answer: async () => json(await view()) }];
}

/** Anybody may ask, so asking must cost nothing: what was signed holds until there is another task. */
function signedOncePerTask(keyring: Keyring, taskIds: () => readonly TaskId[]): () => Promise<KeysView> {
  let last: { readonly count: number; readonly view: Promise<KeysView> } | undefined;
  return () => {
    const ids = taskIds();
    if (last?.count === ids.length) return last.view;
    const made = { count: ids.length, view: keyring.view(ids.slice(-certifiedTasks)) };
    last = made;
    made.view.catch(() => {
      if (last === made) last = undefined;
    });
    return made.view;
  };
}
