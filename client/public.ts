/** What both entries show besides `createClient`: types of the interface, and the path that a laboratory walks again. */

export { type ConsentedExamples, consentedExamples, type ExamplesRequest } from './behavior/examples.ts';
export type { ExampleSource, SourceOption, SourceQuery } from './behavior/sources.ts';
export type { Chorale, ChoraleNotices, ConsentStates, ConsentTerms, TrackOptions } from './chorale.ts';
export type { ChoraleOptions, LentPorts } from './options.ts';
export type { Score, ScoreReason } from './personalization/scorer.ts';
export type { PersonData, PrivacyReport } from './privacy/person-data.ts';
export { type Contribution, contributionFor, encodeContribution } from './session/contribution.ts';
export { type Question, readQuestion } from './session/question.ts';
export { type RoundRandomness, roundRandomness, roundSeedBytes } from './session/round-randomness.ts';
export type { DeclineReason, RoundOutcome } from './session/session.ts';
