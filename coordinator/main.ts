/** One coordinator as a process: its directory, its port, its threads. */

import { chmod, mkdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ChoraleError, type Store } from '@chorale/shared';
import { cryptoPool, openLevelStore, systemClock, systemRandom } from '@chorale/shared/adapters/node';
import { type Coordinator, type CoordinatorOptions, createCoordinator, rootKeyOf } from './app.ts';
import type { Config } from './config.ts';
import type { Log } from './events.ts';
import { createHttpApp } from './http/server.ts';
import { createSocketServer } from './realtime/sockets.ts';

export type RunningCoordinator = {
  readonly url: string;
  readonly rootKey: string;
  readonly publishableKey: string;
  /** Only at the first start of a store: it is not kept in clear. */
  readonly adminKey: string | undefined;
  readonly coordinator: Coordinator;
  /** Ends rounds, connections, threads and the store, in this order. */
  stop(): Promise<void>;
};

/** What an app may add, and what a test may watch or break; nothing of it can be reached from the command line. */
export type StartOptions = Pick<CoordinatorOptions, 'registry' | 'onMoment'> & {
  /** Stands between the coordinator and its store. */
  readonly wrapStore?: (store: Store) => Store;
};

/** @throws ChoraleError `store-unavailable` or `conflict` with one sentence for the operator */
export async function startCoordinator(
  config: Config,
  log: Log,
  { wrapStore = (store) => store, ...options }: StartOptions = {},
): Promise<RunningCoordinator> {
  const store = wrapStore(await openStore(config.store));
  const crypto = cryptoPool({ size: config.workers });
  const ports = { store, crypto, clock: systemClock(), random: systemRandom() };
  const end = async () => {
    await crypto.close();
    await store.close();
  };
  let server: Server | undefined;
  try {
    const { rounds, limits } = config;
    // Before anything is made: a new store shows its admin key once, and only to a start that succeeds.
    server = await listen(config);
    const coordinator = await createCoordinator({ ...options, ...ports, log, rounds, limits });
    const shells = openShells(server, coordinator, config);
    const { keyring } = coordinator;
    coordinator.ports.events.coordinatorStarted({ url: shells.url, store: config.store });
    return {
      url: shells.url,
      rootKey: rootKeyOf(coordinator),
      publishableKey: keyring.publishableKey,
      adminKey: keyring.adminKey,
      coordinator,
      async stop() {
        await coordinator.stop();
        await shells.close();
        await end();
        coordinator.ports.events.coordinatorStopped();
      },
    };
  } catch (error) {
    server?.close();
    await end();
    throw error;
  }
}

/** The store holds signing keys: its directory is for the operator alone. */
async function openStore(directory: string) {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await chmod(directory, 0o700);
  } catch (cause) {
    throw new ChoraleError('store-unavailable', `the store directory ${directory} cannot be made or changed`, {
      cause,
    });
  }
  return openLevelStore(directory).catch((error: unknown) => {
    const detail = error instanceof Error ? error.message : 'it cannot be opened';
    throw new ChoraleError('store-unavailable', `the store at ${directory} is not available: ${detail}`, {
      cause: error,
    });
  });
}

/** Takes over from whoever said that the coordinator is not ready yet. */
function openShells(server: Server, coordinator: Coordinator, { host, limits }: Config) {
  server.removeAllListeners('request');
  server.on('request', createHttpApp(coordinator.routes, limits, coordinator.ports));
  const sockets = createSocketServer(server, coordinator.sessions, limits, coordinator.ports);
  return {
    url: urlOf(server, host),
    async close() {
      await sockets.close();
      server.closeAllConnections();
    },
  };
}

/** @returns a server that asks everybody to come again in a moment */
function listen({ host, port }: Config): Promise<Server> {
  const server = createServer((_, response) => void response.writeHead(503, { 'Retry-After': '1' }).end());
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const detail = error.code === 'EADDRINUSE' ? 'is already in use' : `cannot be listened on (${error.code})`;
      reject(new ChoraleError('conflict', `port ${port} on ${host} ${detail}; choose another with --port`));
    });
    server.listen(port, host, () => resolve(server));
  });
}

function urlOf(server: Server, host: string): string {
  const { port } = server.address() as AddressInfo;
  const isAny = host === '0.0.0.0' || host === '::';
  const name = isAny ? 'localhost' : host;
  return `http://${name.includes(':') ? `[${name}]` : name}:${port}`;
}
