/**
 * The logistic loss of a logit, in nats: minus the logarithm of the probability that it gives to the label. Finite for every
 * finite logit.
 */
export function logLossOf(logit: number, label: number): number {
  const against = label === 1 ? -logit : logit;
  return Math.max(against, 0) + Math.log1p(Math.exp(-Math.abs(logit)));
}
