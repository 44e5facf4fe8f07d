/** What the coordinator's core is lent: the laboratory lends virtual ones. */

import type { Clock, Random, Store } from '@chorale/shared';
import type { CryptoProvider } from '@chorale/shared/crypto';
import type { Events } from './events.ts';

export type Ports = {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly crypto: CryptoProvider;
  readonly events: Events;
};
