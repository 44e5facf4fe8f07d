/** Every figure that `lab reproduce` knows how to reach. */

import { onlineRetailDp } from './online-retail-dp.ts';
import type { Scenario } from './scenario.ts';

export type { Scenario, ScenarioReport, ScenarioSetting } from './scenario.ts';
export const scenarios: readonly Scenario[] = [onlineRetailDp];
