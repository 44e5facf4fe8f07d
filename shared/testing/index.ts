/** What the laboratory and every test run on: virtual time, seeded randomness, a network in memory. */

export { type LinkFaults, perfectLink } from './link-faults.ts';
export { type LoopbackNetwork, type LoopbackOptions, loopbackNetwork } from './loopback-network.ts';
export type { LoopbackServer, ServerLink, ServerSession } from './loopback-server.ts';
export { type SeededRandom, seededRandom } from './seeded-random.ts';
export { type VirtualClock, virtualClock } from './virtual-clock.ts';
