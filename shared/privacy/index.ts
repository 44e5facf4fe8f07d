/** Door `@chorale/shared/privacy`: noise, what it costs, and how much of it a promise needs. */

export { type AccountantName, accountantNames, countsSampling, epsilonBy } from './accountant.ts';
export { type AuditClaim, auditClaim } from './audit-claim.ts';
export { leastNoiseMultiplier, type Promised, roundUpMultiplier } from './calibrate.ts';
export { chargeOf, convolutionExcess, devicesVariance, type NoiseMultiplier, type NoiseShare } from './charge.ts';
export { drawDiscreteGaussian, greatestVariance, sampleDiscreteGaussian } from './discrete-gaussian.ts';
export { add, type Fraction, fractionOf, isMore, toNumber, zero } from './fraction.ts';
export { gaussianDelta, gaussianEpsilon } from './gaussian.ts';
export { mergingFactor, trimmedMeanStd } from './merging.ts';
export { erf, erfc, erfcx, logErfc, normalBetween, normalCdf } from './normal.ts';
export { type PldOptions, pldEpsilon } from './pld.ts';
export {
  type MechanismName,
  mechanismNames,
  noiseMultiplierField,
  noiseMultiplierFor,
  type PrivacyClaim,
  type PrivacyPolicy,
  privacyClaim,
  privacyPolicy,
  privacyUnit,
} from './policy.ts';
export { epsilonFromOrder, highOrders, rdpEpsilon, rdpOfStep, usualOrders } from './rdp.ts';
export type { Process, SampledGaussian } from './sampled-gaussian.ts';
export { epsilonOf, rhoOf } from './zcdp.ts';
