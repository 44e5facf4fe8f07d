/** Door `@chorale/client/session`: the path from a plan to encoded integers, for laboratories that recompute it. */

export { socketTransport } from '../adapters/socket-transport.ts';
export { contributionFor, encodeContribution } from './contribution.ts';
export { type Question, readQuestion } from './question.ts';
export { roundRandomness } from './round-randomness.ts';
