/** Round numbers are durable before anybody hears of them, only grow, and never come again: claims rest on them. */

import type { TaskId } from '@chorale/shared';
import { recordAt, roundKey } from '../disks.ts';
import { type Evidence, type Law, roundOf } from './law.ts';

export function numbersGrow({ world }: Evidence): Law {
  const last = new Map<string, bigint>();
  return {
    name: 'numbers grow',
    judge(seen) {
      if (seen.see === 'step' && seen.moment.at === 'reserved') {
        const { task, round } = seen.moment;
        const before = last.get(task) ?? -1n;
        last.set(task, round);
        return round > before ? undefined : `round ${round} is opened after round ${before}`;
      }
      if (seen.see === 'pushed' && seen.packet.name === 'plan') {
        const round = roundOf(seen.packet);
        const isDurable = recordAt(world.coordinator.disk, roundKey('round', seen.ends.task as TaskId, round));
        return isDurable ? undefined : `the plan of round ${round} leaves before its number is written`;
      }
      return undefined;
    },
  };
}
