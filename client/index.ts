/** Browser entry of `@chorale/client`, and the entry of every platform that is neither browser nor Node. */

import { memoryStore, openLevelStore, systemClock, systemRandom, webCrypto } from '@chorale/shared/adapters/browser';
import { browserSituation, hasGlobalPrivacyControl, isBrowser } from './adapters/browser-situation.ts';
import { socketTransport } from './adapters/socket-transport.ts';
import type { Chorale } from './chorale.ts';
import { composeClient } from './client.ts';
import { type ChoraleOptions, parseOptions } from './options.ts';
import { portsOf } from './ports.ts';

export * from './public.ts';

const defaultDatabase = 'chorale';

/**
 * A client in this page. Where there is no page, as on a server that renders one, it does nothing by itself and keeps
 * nothing.
 *
 * @param options `storage` names the IndexedDB database
 * @throws ChoraleError `invalid-input` that names the first wrong option
 */
export function createClient(options: ChoraleOptions): Chorale {
  const parsed = parseOptions(options);
  const ports = portsOf(parsed, {
    clock: systemClock(),
    random: systemRandom(),
    crypto: webCrypto(),
    openStore: async (location = defaultDatabase) => (isBrowser() ? openLevelStore(location) : memoryStore()),
    transport: (host, handshake) => socketTransport({ host, handshake, timeoutMs: parsed.limits.timeoutMs }),
    situation: browserSituation,
    isRefusedBySignal: hasGlobalPrivacyControl,
    startsByItself: isBrowser(),
  });
  return composeClient(parsed, ports);
}
