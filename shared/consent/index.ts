/** Door `@chorale/shared/consent`: who agreed to what, and what that allows now. */

export { type CanonicalValue, canonicalJson } from './canonical-json.ts';
export {
  type ConsentCircumstances,
  type ConsentEvent,
  type ConsentState,
  consentState,
  consentStates,
  decisionOf,
  hasConsent,
  nextDecisionAt,
} from './consent.ts';
export { type PolicyText, policyHash, policyVersion } from './policy.ts';
export { type Purpose, purpose, purposes } from './purposes.ts';
export {
  createReceipt,
  type Decision,
  type Decisions,
  decision,
  type NewReceipt,
  type Receipt,
  receipt,
  receiptHash,
  receiptText,
  type SignedReceipt,
  signedReceipt,
  signedText,
  signingJob,
  withSignature,
} from './receipt.ts';
