/** Broadcasts too large for the socket: served under their hash while their round, or the one after it, is open. */

import { type Bytes, ChoraleError, hex, type TaskId } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import { routes } from '@chorale/shared/wire';
import type { Route } from '../http/route.ts';

/** A device that was invited late may still be fetching when the next round opens. */
const keptPerTask = 2;

type Shelved = { readonly sha256: string; readonly bytes: Bytes };

export class Broadcasts {
  readonly #shelves = new Map<TaskId, readonly Shelved[]>();

  shelve(task: TaskId, bytes: Bytes): void {
    const shelved = { sha256: hex(sha256(bytes)), bytes };
    const others = (this.#shelves.get(task) ?? []).filter((other) => other.sha256 !== shelved.sha256);
    this.#shelves.set(task, [shelved, ...others].slice(0, keptPerTask));
  }

  /** @throws ChoraleError `not-found` */
  get(sha256: string): Bytes {
    const found = [...this.#shelves.values()].flat().find((shelved) => shelved.sha256 === sha256);
    if (!found) throw new ChoraleError('not-found', 'no open round has this broadcast');
    return found.bytes;
  }
}

export function broadcastRoutes(broadcasts: Broadcasts): readonly Route[] {
  return [
    {
      method: 'get',
      path: routes.broadcast(':sha256'),
      audience: 'device',
      answer(call) {
        const sha256 = call.params.sha256 ?? '';
        return { as: 'bytes', bytes: broadcasts.get(sha256), sha256 };
      },
    },
  ];
}
