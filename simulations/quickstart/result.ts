/** What the quickstart found, as one object and as a page for people. */

import type { RoundView, TurnName } from '@chorale/shared/wire';
import { turnNames } from '@chorale/shared/wire';

export type QuickstartResult = {
  readonly dataset: string;
  readonly devices: number;
  readonly cohort: number;
  /** Training rounds. */
  readonly rounds: number;
  /** Secure rounds of all three tasks. */
  readonly committed: number;
  readonly abandoned: number;
  /** Devices that left training rounds which committed. */
  readonly dropped: number;
  readonly droppedByTurn: Readonly<Record<TurnName, number>>;
  /** Whether one round's decoded sum equals the survivors' integers recomputed from their data. */
  readonly exact: boolean;
  readonly secureAggregation: boolean;
  readonly auc: Readonly<Record<'federated' | 'central' | 'localOnly' | 'secure', number>>;
  readonly logLoss: Readonly<Record<'federated' | 'central' | 'localOnly' | 'baseRate', number>>;
  readonly bytesUpPerDevice: number;
  readonly bytesDownPerDevice: number;
  readonly backend: string;
  readonly seconds: number;
};

/** Fewer leave the federated model near where it began, and its figures mean little. */
const roundsToLearn = 12;

export function droppedByTurn(rounds: readonly RoundView[]): Record<TurnName, number> {
  const sum = (turn: TurnName) => rounds.reduce((total, round) => total + (round.droppedByTurn[turn] ?? 0), 0);
  return Object.fromEntries(turnNames.map((turn) => [turn, sum(turn)])) as Record<TurnName, number>;
}

/** @param survivors devices in the sum that was checked */
export function pageOf(
  result: QuickstartResult,
  { survivors, majority }: { survivors: number; majority: number },
): string {
  const { auc, logLoss, droppedByTurn: dropped } = result;
  const leavers = turnNames.map((turn) => `${turn} ${dropped[turn]}`).join(', ');
  return [
    '',
    'On the test rows of all customers',
    row('', 'AUC', 'log loss'),
    row('federated, through secure sums', figure(auc.federated), figure(logLoss.federated)),
    row('central, same devices’ data', figure(auc.central), figure(logLoss.central)),
    row('every device for itself', figure(auc.localOnly), figure(logLoss.localOnly)),
    row('base rate', figure(0.5), figure(logLoss.baseRate)),
    `  Always saying “no” would be right in ${(100 * majority).toFixed(1)} % of rows, and useless.`,
    `  The secure evaluation reports an AUC of ${figure(auc.secure)} for its participants.`,
    ...(result.rounds < roundsToLearn
      ? [
          `  ${result.rounds} training ${result.rounds === 1 ? 'round shows' : 'rounds show'} that the sums are right; to learn takes about ${roundsToLearn}.`,
        ]
      : []),
    '',
    `Rounds      ${result.committed} committed, ${result.abandoned} abandoned`,
    `Left        ${result.dropped} devices in the middle of training rounds: ${leavers}`,
    `Exact sum   ${result.exact ? 'yes' : 'NO'}: the last training round’s sum ${result.exact ? 'equals' : 'DIFFERS FROM'} its ${survivors} survivors’ integers, recomputed`,
    `Traffic     ${kilobytes(result.bytesUpPerDevice)} up and ${kilobytes(result.bytesDownPerDevice)} down per device, everything included`,
    `Trained on  ${result.backend}; ${result.seconds.toFixed(0)} s in all`,
    '',
  ].join('\n');
}

function row(name: string, ...cells: readonly string[]): string {
  return `  ${name.padEnd(32)}${cells.map((cell) => cell.padStart(10)).join('')}`;
}

function figure(value: number): string {
  return value.toFixed(4);
}

function kilobytes(count: number): string {
  return `${(count / 1000).toFixed(0)} kB`;
}
