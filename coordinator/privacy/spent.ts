/** What one device has given to a task so far, in a form that the store keeps. */

import { add, epsilonOf, type Fraction, isMore, type PrivacyPolicy, toNumber } from '@chorale/shared/privacy';
import * as z from 'zod';

const integerText = z.string().regex(/^[0-9]{1,400}$/);

export const spent = z.object({
  participations: z.number().int().nonnegative(),
  /** ρ of zero-concentrated differential privacy, exactly. */
  rho: z.object({ numerator: integerText, denominator: integerText }),
});
export type Spent = z.infer<typeof spent>;

export const nothingSpent: Spent = { participations: 0, rho: { numerator: '0', denominator: '1' } };

export function rhoOf({ rho }: Spent): Fraction {
  return { numerator: BigInt(rho.numerator), denominator: BigInt(rho.denominator) };
}

export function withOneMore(before: Spent, charge: Fraction): Spent {
  const { numerator, denominator } = add(rhoOf(before), charge);
  return {
    participations: before.participations + 1,
    rho: { numerator: numerator.toString(), denominator: denominator.toString() },
  };
}

/** The one that spent more ρ. */
export function moreOf(a: Spent, b: Spent): Spent {
  return isMore(rhoOf(b), rhoOf(a)) ? b : a;
}

type Spending = { readonly privacy: PrivacyPolicy; readonly mostSpent?: Spent | undefined };

/** ε of a task at its δ: that of the device that spent most; undefined without noise. */
export function epsilonSpent({ privacy, mostSpent = nothingSpent }: Spending): number | undefined {
  return privacy.mechanism === 'none' ? undefined : epsilonOf(toNumber(rhoOf(mostSpent)), privacy.delta);
}
