/**
 * Where noise limits what a device may give, the coordinator has counted every vector that is in a committed sum. It may have
 * counted more: also a round that failed may have had vectors.
 */

import type { DeviceId, TaskId } from '@chorale/shared';
import { recordAt, recordsUnder } from '../disks.ts';
import type { Evidence, Law } from './law.ts';

type TaskRecord = { readonly id?: TaskId; readonly privacy?: { readonly mechanism: string } };
type RoundRecord = { readonly id: string; readonly state: string };
type Transcript = { readonly cohorts: readonly { readonly survivors: readonly DeviceId[] }[] };
type Account = { readonly participations: number };

export function budgetsKept({ world: { coordinator } }: Evidence): Law {
  const { disk } = coordinator;
  const uncounted = (task: TaskId): boolean => {
    const counts = new Map<DeviceId, number>();
    for (const { id } of recordsUnder<RoundRecord>(disk, `round/${task}`).filter(({ state }) => state === 'committed'))
      for (const device of recordAt<Transcript>(disk, `transcript/${id}`)?.cohorts.flatMap((one) => one.survivors) ??
        [])
        counts.set(device, (counts.get(device) ?? 0) + 1);
    const accountOf = (device: DeviceId) => recordAt<Account>(disk, `account/${task}/${device}`)?.participations ?? 0;
    return [...counts].some(([device, count]) => accountOf(device) < count);
  };
  const judge = () => {
    const limited = recordsUnder<TaskRecord>(disk, 'task').filter(
      ({ privacy }) => privacy?.mechanism === 'distributed',
    );
    const isWrong = limited.some(({ id }) => id !== undefined && uncounted(id));
    return isWrong ? 'devices have given more vectors than are counted' : undefined;
  };
  return {
    name: 'budgets kept',
    judge: (seen) => (seen.see === 'started' && seen.who === 'coordinator' ? judge() : undefined),
    conclude: judge,
  };
}
