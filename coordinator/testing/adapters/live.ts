/** A coordinator behind real HTTP and real sockets, on a memory store: for tests of the shells. */

import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { memoryStore, systemClock } from '@chorale/shared/adapters/node';
import { seededRandom } from '@chorale/shared/testing';
import { type Coordinator, type CoordinatorOptions, createCoordinator } from '../../app.ts';
import { createHttpApp } from '../../http/server.ts';
import { createSocketServer } from '../../realtime/sockets.ts';
import { provider } from '../choir.ts';

export type Live = {
  readonly coordinator: Coordinator;
  readonly url: string;
  readonly publishableKey: string;
  readonly adminKey: string;
  /** A request with a key, or without one. */
  ask(path: string, options?: AskOptions): Promise<Response>;
  close(): Promise<void>;
};

export type AskOptions = {
  readonly method?: string;
  readonly key?: string | undefined;
  readonly json?: unknown;
  /** Sent as it is instead of JSON. */
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
};

export async function openLive(options: Partial<CoordinatorOptions> = {}): Promise<Live> {
  const coordinator = await createCoordinator({
    ...{
      store: memoryStore(),
      clock: systemClock({ isKeepingAlive: false }),
      random: seededRandom('live'),
      crypto: provider,
    },
    ...options,
  });
  const server = createServer(createHttpApp(coordinator.routes, coordinator.limits, coordinator.ports));
  const sockets = createSocketServer(server, coordinator.sessions, coordinator.limits, coordinator.ports);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    ...{ coordinator, url },
    publishableKey: coordinator.keyring.publishableKey,
    adminKey: coordinator.keyring.adminKey!,
    ask(path, { method = 'GET', key, json, text, headers = {} } = {}) {
      const body = text ?? (json === undefined ? undefined : JSON.stringify(json));
      const own = {
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      };
      return fetch(`${url}${path}`, {
        method,
        headers: { ...own, ...headers },
        ...(body === undefined ? {} : { body }),
      });
    },
    async close() {
      await coordinator.stop();
      await sockets.close();
      server.closeAllConnections();
    },
  };
}
