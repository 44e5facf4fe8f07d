/**
 * A device in Node: remembers what its person does, takes part in rounds, and scores, until Ctrl-C.
 *
 *   npx tsx --conditions=development examples/device-in-node.ts <host> <publishable key> <root key> [directory]
 */

import { createClient } from '@chorale/client';

const [host, clientKey, coordinatorKey, storage = './chorale-device'] = process.argv.slice(2);
if (!host || !clientKey || !coordinatorKey) {
  console.error('Usage: device-in-node.ts <host> <publishable key> <root key> [directory]');
  process.exit(2);
}

const chorale = createClient({
  ...{ host, clientKey, coordinatorKey, storage },
  defaults: '2026-11-23',
  // Small cohorts, so that a few devices on a desk are enough. Unless said, a device insists on 32, 16 of them honest.
  floors: { minCohort: 10, minHonest: 5 },
});

chorale.on('error', ({ message }) => console.error(message));
chorale.on('round', ({ name, outcome }) => console.log(`a round of ${name}: ${outcome.outcome}`));
chorale.on('model', ({ name, version }) => {
  const { value, reason } = chorale.score(name);
  // A model of features that this device does not have is somebody else's.
  if (reason !== 'DEFAULT') console.log(`${name}, model ${version}: ${value?.toFixed(3) ?? 'no score'} (${reason})`);
});

// What the person did stays here. `at` is for history that is brought along; without it, an event is of now.
const daysAgo = (days: number) => Date.now() - days * 24 * 60 * 60 * 1000;
chorale.track('Order Completed', { order_id: 'o-1', revenue: 59 }, { at: daysAgo(30) });
chorale.track('Order Completed', { order_id: 'o-2', revenue: 12.5 }, { at: daysAgo(11) });

// Two choices of the person, each by itself: to be scored, and to help to learn.
await chorale.consent.grant(['scoring', 'training']);
await chorale.ready({ timeoutMs: 10_000 });
console.log('ready');

process.once('SIGINT', () => void chorale.close());
