/** The suites that every adapter of a port runs. They need vitest, which is why they have a door of their own. */

export { clockContract, type PassingClock } from './clock-contract.ts';
export { randomContract } from './random-contract.ts';
export { type StoreMedium, storeContract } from './store-contract.ts';
export { type ScriptedServer, type TransportLab, transportContract } from './transport-contract.ts';
