/**
 * Whoever says two different things in one turn of one round gives away more than a sum: two masked vectors are a two-time
 * pad, two answers about secrets may open both of a device's, two plans or survivor sets are two sums.
 */

import { type Bytes, bytes, hex } from '@chorale/shared';
import { sha256 } from '@chorale/shared/crypto';
import { turnNames } from '@chorale/shared/wire';
import type { Law } from './law.ts';
import { roundOf } from './law.ts';
import { CohortBook } from './roster.ts';

const saidByDevices = new Set<string>(turnNames);
/** What every device of a cohort hears alike. The plan comes before there are cohorts. */
const saidToAll = new Set(['plan', 'roster', 'survivors']);

export function saidOnce(): Law {
  const said = new Map<string, string>();
  const cohorts = new CohortBook();
  const isRepeated = (name: string, body: Bytes = bytes(0)) => {
    const hash = hex(sha256(body));
    const before = said.get(name) ?? hash;
    said.set(name, before);
    return before === hash;
  };
  return {
    name: 'said once',
    judge(seen) {
      if (seen.see === 'sent' && saidByDevices.has(seen.packet.name)) {
        const { ends, packet, device } = seen;
        if (isRepeated(`device ${device} ${ends.task} ${roundOf(packet)} ${packet.name}`, packet.body))
          return undefined;
        return `device ${device} says two different things in turn ${packet.name} of round ${roundOf(packet)}`;
      }
      if (seen.see === 'pushed' && saidToAll.has(seen.packet.name)) {
        const { ends, packet } = seen;
        const before = cohorts.of(ends, packet)?.number;
        cohorts.read(ends, packet);
        const cohort = packet.name === 'plan' ? 'all' : cohorts.of(ends, packet)?.number;
        if (before !== undefined && cohort !== 'all' && cohort !== before) return 'a device is told of two cohorts';
        if (isRepeated(`coordinator ${ends.task} ${roundOf(packet)} ${cohort} ${packet.name}`, packet.body))
          return undefined;
        return `round ${roundOf(packet)} has two of ${packet.name}`;
      }
      return undefined;
    },
  };
}
