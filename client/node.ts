/** Node entry of `@chorale/client`: the device as a process, with files for a store. */

import { memoryStore, nodeCrypto, openLevelStore, systemClock, systemRandom } from '@chorale/shared/adapters/node';
import { socketTransport } from './adapters/socket-transport.ts';
import type { Chorale } from './chorale.ts';
import { composeClient } from './client.ts';
import { type ChoraleOptions, parseOptions } from './options.ts';
import { portsOf } from './ports.ts';

export * from './public.ts';

/**
 * A client on this machine. Does no I/O by itself before its constructor has returned, and without `storage` none at all
 * until it is asked: a server that renders pages must not become a device.
 *
 * @param options `storage` is a directory, made when missing; without it nothing outlives the process
 * @throws ChoraleError `invalid-input` that names the first wrong option
 */
export function createClient(options: ChoraleOptions): Chorale {
  const parsed = parseOptions(options);
  const ports = portsOf(parsed, {
    clock: systemClock(),
    random: systemRandom(),
    crypto: nodeCrypto(),
    openStore: async (location) => (location === undefined ? memoryStore() : openLevelStore(location)),
    transport: (host, handshake) => socketTransport({ host, handshake, timeoutMs: parsed.limits.timeoutMs }),
    situation: () => ({ isSavingData: undefined, isCharging: undefined, isIdle: undefined }),
    isRefusedBySignal: () => false,
    startsByItself: parsed.storage !== undefined,
  });
  return composeClient(parsed, ports);
}
