/** The types that both entries show beside `createClient`. */

export type { ConsentedExamples } from './behavior/examples.ts';
export type { ExampleSource, SourceOption, SourceQuery } from './behavior/sources.ts';
export type { Chorale, ChoraleNotices, ConsentStates, ConsentTerms, TrackOptions } from './chorale.ts';
export type { ChoraleOptions, LentPorts } from './options.ts';
export type { Explanation, Score, ScoreReason } from './personalization/scorer.ts';
export type { PersonData, PrivacyReport } from './privacy/person-data.ts';
export type { DeclineReason, RoundOutcome } from './session/outcome.ts';
