/** What a report holds a reproduction against: the same baselines as any study's. */

import { transactions1 } from '@chorale/shared/features';
import { baselines } from '../study/baselines.ts';
import type { People } from './purchase-people.ts';
import type { ScenarioSetting } from './scenario.ts';

export async function showBaselines(people: People, onRun: ScenarioSetting['onRun']): Promise<void> {
  if (onRun === undefined) return;
  const ground = { people, schema: transactions1, rounds: 0, cohort: 0 };
  for (const about of baselines) {
    const outcome = await about.run(ground, 1, () => {});
    onRun({ about, seed: 1, outcome, test: people.test });
  }
}
