/** All laws of safety. They hold at every moment, whatever happens. */

import { budgetsKept } from './budgets-kept.ts';
import { consentObeyed } from './consent-obeyed.ts';
import type { Evidence, Law } from './law.ts';
import { ledgerFirst } from './ledger-first.ts';
import { noDefects } from './no-defects.ts';
import { nothingLost } from './nothing-lost.ts';
import { numbersGrow } from './numbers-grow.ts';
import { saidOnce } from './said-once.ts';
import { secretsApart } from './secrets-apart.ts';
import { trueSums } from './true-sums.ts';

export type { Evidence, Law } from './law.ts';

export function allLaws(evidence: Evidence): readonly Law[] {
  return [
    saidOnce(),
    secretsApart(),
    ledgerFirst(evidence),
    numbersGrow(evidence),
    consentObeyed(evidence),
    nothingLost(evidence),
    trueSums(evidence),
    budgetsKept(evidence),
    noDefects(),
  ];
}
