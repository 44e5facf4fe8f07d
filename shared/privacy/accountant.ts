/** ε at δ for one device, by whichever way of counting. `privacy.md` says what each of them answers. */

import { gaussianEpsilon } from './gaussian.ts';
import { pldEpsilon } from './pld.ts';
import { rdpEpsilon } from './rdp.ts';
import { checkDelta, checkProcess, type Process } from './sampled-gaussian.ts';
import { epsilonOf, rhoOf } from './zcdp.ts';

export const accountantNames = ['zcdp', 'rdp', 'pld', 'gaussian'] as const;
export type AccountantName = (typeof accountantNames)[number];

/** Whether a sampling rate below 1 lowers the ε; the others count every step as a sure participation. */
export function countsSampling(accountant: AccountantName): boolean {
  return accountant === 'rdp' || accountant === 'pld';
}

/** @throws ChoraleError `invalid-input` for numbers that mean nothing or that this accountant cannot count precisely */
export function epsilonBy(accountant: AccountantName, process: Process, delta: number): number {
  checkProcess(process);
  checkDelta(delta);
  const { noiseMultiplier, steps } = process;
  switch (accountant) {
    case 'zcdp':
      return epsilonOf(rhoOf(noiseMultiplier, steps), delta);
    case 'rdp':
      return rdpEpsilon(process, delta);
    case 'pld':
      return pldEpsilon(process, delta);
    case 'gaussian':
      return gaussianEpsilon(Math.sqrt(steps) / noiseMultiplier, delta);
  }
}
