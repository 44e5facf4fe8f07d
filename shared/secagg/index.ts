/** The protocol: how a sum is taken without seeing its terms. */

export { mostOnRoll } from './assignment.ts';
export * from './charge.ts';
export {
  type ClientEffect,
  type ClientEvent,
  type ClientOutcome,
  type ClientRecord,
  type ClientSetup,
  type ClientState,
  leaveRound,
  type Rho,
  resendClient,
  startClient,
  stepClient,
  verifiedCredentials,
} from './client.ts';
export * from './credential.ts';
export * from './floors.ts';
export * from './graph.ts';
export * from './header.ts';
export * from './inspect.ts';
export type { MaskedVector } from './masks.ts';
export * from './merkle.ts';
export * from './messages.ts';
export * from './parameters.ts';
export * from './plan.ts';
export * from './plan-key.ts';
export { advertisementBytes, leafBytes, maxCohort, planHashOf } from './roster.ts';
export {
  type AbandonReason,
  type Account,
  abandonReasons,
  type CohortOutcome,
  type Funnel,
  headerFor,
  noOutcome,
  type RoundTranscript,
  type ServerEffect,
  type ServerEvent,
  type ServerOutcome,
  type ServerSetup,
  type ServerState,
  startServer,
  stepServer,
  stopServer,
} from './server.ts';
export * from './survivors.ts';
