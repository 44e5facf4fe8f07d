/** What a model and a transcript say about the people in them. */

import type { PrivacyClaim } from '@chorale/shared/privacy';
import type { Task } from '../tasks/task.ts';
import { epsilonSpent } from './spent.ts';

/** As the task stands after a round. */
export function claimOf(task: Task): PrivacyClaim {
  const { privacy, noiseMultiplier, roundsCommitted, contributions, smallestCohort } = task;
  const contributed = { rounds: roundsCommitted, contributors: contributions, smallestCohort };
  if (privacy.mechanism === 'none') return { mechanism: 'none', ...contributed };
  const { mechanism, unit, delta, participations } = privacy;
  return {
    ...{ mechanism, unit, delta, participations, noiseMultiplier },
    epsilon: epsilonSpent(task)!,
    ...contributed,
  };
}
