/** Browser entry of `@chorale/client`, and the entry of every platform that is neither browser nor Node. */

import { systemClock, systemRandom, webCrypto } from '@chorale/shared/adapters/browser';
import { browserSituation, hasGlobalPrivacyControl, isBrowser } from './adapters/browser-situation.ts';
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
    // What not every page needs at once, not every page loads at once.
    async openStore(location = defaultDatabase) {
      const { openLevelStore, memoryStore } = await import('./adapters/browser-store.ts');
      return isBrowser() ? openLevelStore(location) : memoryStore();
    },
    async transport(host, handshake) {
      const { socketTransport } = await import('./adapters/socket-transport.ts');
      return socketTransport({ host, handshake, timeoutMs: parsed.limits.timeoutMs });
    },
    situation: browserSituation,
    isRefusedBySignal: hasGlobalPrivacyControl,
    startsByItself: isBrowser(),
  });
  return composeClient(parsed, ports);
}
