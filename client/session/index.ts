/** Door `@chorale/client/session`: the path from a plan to encoded integers, for laboratories that recompute it. */

export { socketTransport } from '../adapters/socket-transport.ts';
export { consentedExamples, type ExamplesRequest } from '../behavior/examples.ts';
export { type Contribution, contributionFor, encodeContribution } from './contribution.ts';
export { type Question, readQuestion } from './question.ts';
export { type Derivation, type RoundRandomness, roundRandomness, roundSeedBytes } from './round-randomness.ts';
