/** Weekly cuts over somebody's own log: training labels end before the first test cut begins. */

import { ChoraleError, type Instant } from '@chorale/shared';
import { dayMs, type LabelName } from '@chorale/shared/features';
import type { PropensityTask } from '../datasets/tasks.ts';
import { type People, peopleOfTask } from '../scenarios/purchase-people.ts';
import type { CustomerLog } from './log-lines.ts';

const weekMs = 7 * dayMs;
const testCuts = 4;
const mostTrainCuts = 52;
/** Fewer cannot tell whether anything was learned. */
const leastCustomers = 50;
const leastTrainCuts = 4;
const leastPositives = 10;

/** @throws ChoraleError `invalid-input` where the log is too short or too small to learn from, saying by how much */
export function peopleOfLog(log: CustomerLog, horizonDays: 7 | 30): People {
  if (log.customers.length < leastCustomers)
    throw new ChoraleError(
      'invalid-input',
      `${counted(log.customers.length, 'customer')}; at least ${leastCustomers} are needed`,
    );
  const dataset = { name: 'synthetic', origin: '', customers: log.customers, seenUntil: log.last + 1 } as const;
  const people = peopleOfTask(dataset, queries(log, horizonDays));
  const usual = horizonDays === 7 ? 'try --horizon 30, or a longer log' : '';
  checkLabels(people, log.strayDate ?? usual);
  return people;
}

function queries({ first, last, source }: CustomerLog, horizonDays: 7 | 30): PropensityTask {
  const horizonMs = horizonDays * dayMs;
  const lastTest = midnightBefore(last + 1 - horizonMs);
  const firstTest = lastTest - (testCuts - 1) * weekMs;
  const lastTrain = firstTest - Math.ceil(horizonMs / weekMs) * weekMs;
  const trainCuts = Math.min(mostTrainCuts, Math.floor((lastTrain - first) / weekMs));
  if (trainCuts < leastTrainCuts) {
    const days = (at: number) => Math.floor(at / dayMs);
    const least = leastTrainCuts * 7 + Math.ceil(horizonDays / 7) * 7 + (testCuts - 1) * 7 + horizonDays + 1;
    throw new ChoraleError(
      'invalid-input',
      `the log spans ${counted(days(last - first) + 1, 'day')}; a horizon of ${horizonDays} days takes at least ${least}`,
    );
  }
  const label: LabelName = horizonDays === 7 ? 'purchase-7d' : 'purchase-30d';
  const query = { source, label, maxRows: 52 };
  return {
    train: { ...query, cuts: { first: lastTrain - (trainCuts - 1) * weekMs, last: lastTrain, everyMs: weekMs } },
    test: { ...query, cuts: { first: firstTest, last: lastTest, everyMs: weekMs } },
  };
}

function midnightBefore(at: Instant): Instant {
  return Math.floor(at / dayMs) * dayMs;
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** @throws ChoraleError `invalid-input` where there is nothing to tell apart */
export function checkLabels({ train, test }: People, advice = ''): void {
  for (const [name, { labels, rowCount }] of [
    ['training', train],
    ['test', test],
  ] as const) {
    const positives = labels.reduce((sum, label) => sum + label, 0);
    if (Math.min(positives, rowCount - positives) >= leastPositives) continue;
    throw new ChoraleError(
      'invalid-input',
      `of ${rowCount} ${name} rows ${positives} are positive; at least ${leastPositives} of either kind are needed${advice && `; ${advice}`}`,
    );
  }
}
