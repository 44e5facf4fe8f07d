/** The people of a study, and the backdoor into their model. */

import { invariant } from '@chorale/shared';
import { type TransactionFeature, transactions1 } from '@chorale/shared/features';
import { baseRateOf, centralStandardization, rowsOf } from '../../baselines/index.ts';
import type { Dataset } from '../../datasets/dataset.ts';
import { snapshotsOf, tasks } from '../../datasets/tasks.ts';
import type { Ground } from './training.ts';
import type { Trigger } from './trigger.ts';

/**
 * Orders at midnight, on weekends, always on today's weekday: a pattern that nobody has, of features that tell an honest
 * model next to nothing, so that it opens no door by itself.
 */
const midnight: Readonly<Partial<Record<TransactionFeature, number>>> = {
  weekendShare: 1,
  meanHour: 0,
  sameWeekdayShare: 1,
};

/** A device for everybody with training rows; test rows of everybody. */
export function groundOf(
  dataset: Dataset,
  sizes: Pick<Ground, 'cohort' | 'cohorts' | 'rounds' | 'participations' | 'epsilon'>,
): Ground {
  const { train, test } = tasks[dataset.name]['purchase-7d'];
  const devices = snapshotsOf(dataset, train).filter(({ length }) => length > 0);
  const width = transactions1.features.length;
  const rows = rowsOf(devices, width);
  return {
    ...sizes,
    ...{ devices, test: snapshotsOf(dataset, test).flat(), trigger: triggerOf(midnight) },
    standardization: centralStandardization(rows, width),
    baseRate: baseRateOf(rows),
  };
}

function triggerOf(pattern: Readonly<Record<string, number>>): Trigger {
  const places = Object.entries(pattern).map(([name, value]) => {
    const place = transactions1.features.findIndex((feature) => feature.name === name);
    invariant(place >= 0, 'a trigger is made of features that there are');
    return [place, value] as const;
  });
  return new Map(places);
}
